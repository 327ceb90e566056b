/**
 * `start` and `worker`: opens the store, puts queue, HTTP app and log together, and stops them in order.
 *
 * @module
 */
import {
  type AnyTaskDefinition,
  type CodeSchedule,
  createQueue,
  openAssignedStore,
  openStore,
  type Queue,
  stackOf,
  type Store,
  surviveStrayErrors,
} from "../queue/mod.ts";
import {
  createApp,
  createLog,
  createMetrics,
  createUnreadyApp,
  isLoopback,
  isOpenToAll,
  type Log,
  type Settings,
} from "../routes/mod.ts";
import { explain } from "./explain.ts";

/** Seconds that the store is given, after the handlers' time is over, to store which runs were given back. */
const STOP_MARGIN = 10;

/** Steps for a person on Deno Deploy, before the program can serve. */
const NO_DATABASE =
  "No Deno KV database is assigned to this app: provision one in the organization's Databases, assign " +
  "it to the app and deploy again.";
const NO_TOKEN = "Nobody has said who may use this app: set API_TOKEN among its environment variables, or " +
  "ALLOW_ANONYMOUS=true to serve everybody.";

/** The tasks that a program executes. */
export interface ProgramTasks {
  readonly definitions: readonly AnyTaskDefinition[];
  /** Channels by patterns of task names. */
  readonly taskRoutes: Readonly<Record<string, string>>;
  readonly schedules: readonly CodeSchedule[];
}

/** How a program is to serve. */
interface ServeOptions {
  readonly settings: Settings;
  /** Whether it serves HTTP; without, it only executes tasks. */
  readonly http: boolean;
  /** Whether it runs on Deno Deploy. */
  readonly onDeploy: boolean;
  /** The deployment that Deno Deploy tells of. */
  readonly timeline: string | undefined;
  readonly tasks: () => Promise<ProgramTasks>;
}

/** A program at work. */
export interface Serving {
  readonly queue: Queue;
  readonly log: Log;
}

/**
 * Serves until a signal, or until the store breaks; then it stops and ends the process.
 *
 * @returns `null` when the program has to be set up first: it answers every request with what is missing
 */
export async function serve(options: ServeOptions): Promise<Serving | null> {
  const { settings, http, onDeploy } = options;
  const log = openLog(options);
  const listen = {
    hostname: settings.HOST,
    port: settings.PORT,
    onListen: ({ hostname, port }: Deno.NetAddr) =>
      log.write("info", `Sluice listens on http://${hostname}:${port}`, { pid: Deno.pid }),
  };
  const store = await open(options, log);
  const missing = [...store ? [] : [NO_DATABASE], ...onDeploy && isOpenToAll(settings) ? [NO_TOKEN] : []];
  if (!store || missing.length > 0) {
    for (const problem of missing) log.write("error", problem);
    Deno.serve(listen, createUnreadyApp(missing, log).fetch);
    return null;
  }

  const metrics = createMetrics(log);
  const queue = createQueue({
    store,
    ...await options.tasks(),
    ...queueOptions(options),
    onEvent: (event) => {
      log.event(event);
      metrics.event(event);
      if (event.type === "exhausted" && !http) stop(1);
    },
    onBroken: (error) => {
      log.write("error", explain(error));
      stop(1);
    },
  });
  const server = http
    ? Deno.serve(
      listen,
      createApp({
        queue,
        log,
        metrics,
        demo: settings.DEMO,
        // Who listens on a loopback address is called by its names; elsewhere the settings have to name them.
        allowedHosts: settings.ALLOWED_HOSTS ?? (isLoopback(settings.HOST) ? [] : null),
        corsOrigins: settings.CORS_ORIGINS ?? [],
        ...(settings.API_TOKEN && { apiToken: settings.API_TOKEN }),
        ...(settings.TICK_TOKEN && { tickToken: settings.TICK_TOKEN }),
      }).fetch,
    )
    : null;
  const stop = stopOf({ settings, log, store, queue, server });
  compareChannels(queue, settings, log);
  await queue.start();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stop(0));
  return { queue, log };
}

/** Opens the log, which also tells of errors that nobody has caught. */
function openLog({ settings, onDeploy, timeline }: ServeOptions): Log {
  const log = createLog({
    sink: Deno.stdout,
    level: settings.LOG_LEVEL,
    format: settings.LOG_FORMAT === "auto" ? Deno.stdout.isTerminal() ? "text" : "json" : settings.LOG_FORMAT,
    now: Date.now,
  });
  // What a handler has left behind must not take the other tasks of the process along.
  surviveStrayErrors((kind, error) => log.write("error", kind, { error: stackOf(error) }));
  if (onDeploy) log.write("info", "Sluice on Deno Deploy", { deno: Deno.version.deno, timeline });
  return log;
}

/** Opens the store; `null`: Deno Deploy has assigned none. */
async function open({ settings, onDeploy }: ServeOptions, log: Log): Promise<Store | null> {
  const { KV_PATH, NAMESPACE: namespace } = settings;
  const onOutage = (ended: { readonly seconds: number } | null) =>
    ended
      ? log.write("warn", "the KV server answers again", ended)
      : log.write("warn", "the KV server does not answer: what runs goes on, and the rest waits for it");
  if (onDeploy) return await openAssignedStore({ namespace, onOutage });
  const store = await openStore(KV_PATH, { namespace, onOutage });
  if (/^http:/i.test(KV_PATH)) {
    log.write(
      "warn",
      "KV_PATH is plain http, where most commits stall for some 40 ms: put TLS and HTTP/2 in front " +
        "(docs/operations.md)",
    );
  }
  return store;
}

/** The queue's options that the settings decide. */
function queueOptions({ settings, onDeploy }: ServeOptions) {
  return {
    channels: settings.CHANNELS,
    solo: settings.POOL === "solo",
    onDemand: onDeploy,
    ...(settings.THREADS !== "auto" && { threads: settings.THREADS }),
    namespace: settings.NAMESPACE,
    resultTtl: settings.RESULT_TTL,
    idempotencyTtl: settings.IDEMPOTENCY_TTL,
    workerLostAfter: settings.WORKER_LOST_AFTER,
    host: Deno.hostname(),
    pid: Deno.pid,
  };
}

/** Warns of channels that tasks use and this process does not execute, and of channels that no task uses. */
function compareChannels(queue: Queue, settings: Settings, log: Log): void {
  const used = new Set(queue.definitions().map((definition) => definition.channel));
  const executed = new Set(Object.keys(settings.CHANNELS));
  const elsewhere = [...executed.size === 0 ? [] : used.difference(executed)];
  if (elsewhere.length > 0) {
    log.write("warn", "this process does not execute all channels", { others: elsewhere.join(", ") });
  }
  for (const channel of used.size === 0 ? [] : executed.difference(used)) {
    log.write("warn", "no task of this program belongs to the channel", { channel });
  }
}

/** Makes the function that stops the parts of a program in order, and ends the process with an exit code. */
function stopOf(
  { settings, log, store, queue, server }: Serving & {
    readonly settings: Settings;
    readonly store: Store;
    readonly server: Deno.HttpServer | null;
  },
): (code: number) => Promise<void> {
  /** When the program was told to stop. */
  let stopping: number | null = null;
  return async function stop(code) {
    if (stopping !== null) {
      // A terminal signals its whole group and `deno task` passes the signal on: two at once are one.
      if (performance.now() - stopping > 1000) Deno.exit(130);
      return;
    }
    stopping = performance.now();
    try {
      const served = server?.shutdown();
      // In an outage of the KV server the queue cannot say that it leaves; its runs are given to others after the outage.
      await Promise.race([queue.stop(settings.SHUTDOWN_GRACE), wait(settings.SHUTDOWN_GRACE + STOP_MARGIN)]);
      // A client that keeps its answer waiting is not waited for.
      await Promise.race([served, wait(1)]);
      store.close();
    } catch (error) {
      log.write("error", "the program could not stop in order", { error: stackOf(error) });
      code ||= 1;
    }
    // A stream that nobody reads is not waited for.
    await Promise.race([log.flush(), wait(1)]);
    Deno.exit(code);
  };
}

function wait(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
