/**
 * The program: reads the environment, opens the store, and puts queue, HTTP app and clock together. Nobody imports it.
 *
 * ```text
 * main.ts [start]                          HTTP app and workers
 * main.ts worker [--channels celery=16]    workers only
 * main.ts doctor [--repair] [--json]       examines what is stored
 * main.ts backup <file>                    copies the database into a new file, while others work with it
 * main.ts restore <file> [--force]         restores such a file into the database
 * ```
 *
 * @module
 */
import { type Command, readCommand, UsageError } from "./command.ts";
import { registerCrons } from "./cron.ts";
import {
  type AnyTaskDefinition,
  backup,
  createQueue,
  diagnose,
  openAssignedStore,
  openStore,
  type Queue,
  restore,
  type Store,
  StoreBrokenError,
  StoreUnavailableError,
} from "./queue/mod.ts";
import {
  createApp,
  createLog,
  createMetrics,
  createUnreadyApp,
  isOnDeploy,
  isOpenToAll,
  type Log,
  parseSettings,
  type Settings,
  SettingsError,
} from "./routes/mod.ts";
import { demoRoutes, demoSchedules, demoTasks } from "./tasks/mod.ts";

/** Seconds that the store is given, when the handlers' time is over, to write down what was left. */
const STOP_MARGIN = 10;

/** What has to be done on Deno Deploy before the program can serve. */
const NO_DATABASE =
  "No Deno KV database is assigned to this app: provision one in the organization's Databases, assign " +
  "it to the app and deploy again.";
const NO_TOKEN = "Nobody has said who may use this app: set API_TOKEN among its environment variables, or " +
  "ALLOW_ANONYMOUS=true to serve everybody.";

/** On Deno Deploy an instance comes and goes with its requests, and the minute's tick is one: it does the work. */
const onDeploy = isOnDeploy(Deno.env.toObject());
/** `null`: this program cannot serve before it is set up. */
const started = Promise.withResolvers<{ queue: Queue; log: Log } | null>();
registerCrons(async (seconds) => {
  const { queue, log } = await started.promise ?? {};
  await queue?.tick(onDeploy ? { seconds } : {}).catch((error) => {
    // Of an outage the log has a line already.
    if (!(error instanceof StoreUnavailableError)) {
      log?.write("error", "the minute's tick failed", { error: explain(error) });
    }
  });
}, report);

try {
  await main(Deno.args, Deno.env.toObject());
} catch (error) {
  report(error);
  // Of `doctor`, 1 says that something stored is broken.
  Deno.exit(Deno.args[0] === "doctor" ? 2 : 1);
}

async function main(args: string[], env: Record<string, string>): Promise<void> {
  const command = readCommand(args);
  const { name, usage, help, file, channels } = command;
  if (help) {
    tell(`Usage: ${usage}`);
    Deno.exit(0);
  }
  const settings = parseSettings({ ...env, ...(channels && { CHANNELS: channels }) });
  if (name === "doctor") return Deno.exit(await examine(settings, command));
  if (name === "backup") return await backUp(settings, file);
  if (name === "restore") return await restoreFrom(settings, command);
  const log = createLog({
    sink: Deno.stdout,
    level: settings.LOG_LEVEL,
    format: settings.LOG_FORMAT === "auto" ? Deno.stdout.isTerminal() ? "text" : "json" : settings.LOG_FORMAT,
    now: Date.now,
  });
  globalThis.addEventListener("unhandledrejection", (event) => {
    // A handler's stray promise must not take the other tasks of the process along.
    event.preventDefault();
    log.write("error", "unhandled rejection", { error: String(event.reason?.stack ?? event.reason) });
  });

  if (onDeploy) {
    log.write("info", "Sluice on Deno Deploy", { deno: Deno.version.deno, timeline: env.DENO_TIMELINE });
  }
  const listen = {
    hostname: settings.HOST,
    port: settings.PORT,
    onListen: ({ hostname, port }: Deno.NetAddr) =>
      log.write("info", `Sluice listens on http://${hostname}:${port}`),
  };

  const opened = await open(settings, log);
  const missing = [...opened ? [] : [NO_DATABASE], ...onDeploy && isOpenToAll(settings) ? [NO_TOKEN] : []];
  if (!opened || missing.length > 0) {
    for (const problem of missing) log.write("error", problem);
    started.resolve(null);
    Deno.serve(listen, createUnreadyApp(missing, log).fetch);
    return;
  }

  const store = opened;
  const metrics = createMetrics();
  /** When the program was told to stop. */
  let stopping: number | null = null;
  const queue = createQueue({
    store,
    definitions: await definitionsOf(settings),
    taskRoutes: settings.DEMO ? demoRoutes : {},
    schedules: settings.DEMO ? demoSchedules() : [],
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
    onEvent: (event) => {
      log.event(event);
      metrics.event(event);
      if (event.type === "exhausted" && name === "worker") stop(1);
    },
    onBroken: (error) => {
      log.write("error", explain(error));
      stop(1);
    },
  });

  const server = name === "worker" ? null : Deno.serve(
    listen,
    createApp({
      queue,
      log,
      metrics,
      demo: settings.DEMO,
      ...(settings.API_TOKEN && { apiToken: settings.API_TOKEN }),
      ...(settings.TICK_TOKEN && { tickToken: settings.TICK_TOKEN }),
    }).fetch,
  );
  const used = new Set(queue.definitions().map((definition) => definition.channel));
  const executed = new Set(Object.keys(settings.CHANNELS));
  const elsewhere = [...executed.size === 0 ? [] : used.difference(executed)];
  if (elsewhere.length > 0) {
    log.write("warn", "this process does not execute all channels", { others: elsewhere.join(", ") });
  }
  for (const channel of used.size === 0 ? [] : executed.difference(used)) {
    log.write("warn", "no task of this program belongs to the channel", { channel });
  }
  await queue.start();
  started.resolve({ queue, log });

  async function stop(code: number): Promise<void> {
    if (stopping !== null) {
      // A terminal signals its whole group and `deno task` passes the signal on: two at once are one.
      if (performance.now() - stopping > 1000) Deno.exit(130);
      return;
    }
    stopping = performance.now();
    const served = server?.shutdown();
    // In an outage of the KV server there is no way to leave it; what ran here is given to others when it is back.
    await Promise.race([queue.stop(settings.SHUTDOWN_GRACE), wait(settings.SHUTDOWN_GRACE + STOP_MARGIN)]);
    // A client that keeps its answer waiting is not waited for.
    await Promise.race([served, wait(1)]);
    store.close();
    await log.flush();
    Deno.exit(code);
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stop(0));
}

/** Opens the store; `null`: Deno Deploy has assigned none. */
async function open({ KV_PATH, NAMESPACE: namespace }: Settings, log: Log): Promise<Store | null> {
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

function wait(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

async function definitionsOf(settings: Settings): Promise<AnyTaskDefinition[]> {
  if (!settings.DEMO) return [];
  const smtp = {
    host: settings.SMTP_HOST,
    port: settings.SMTP_PORT,
    security: settings.SMTP_SECURITY,
    user: settings.SMTP_USER,
    password: settings.SMTP_PASSWORD,
    from: settings.SMTP_FROM,
    timeout: settings.SMTP_TIMEOUT,
    ca: settings.SMTP_CA_FILE && await readCertificates(settings.SMTP_CA_FILE),
  };
  return demoTasks({
    timeScale: settings.DEMO_TIME_SCALE,
    random: Math.random,
    spamModel: settings.SPAM_MODEL,
    smtp,
  });
}

/** The command `doctor`: its exit code is 0 when all is well, 1 when something is broken, 2 when nobody can tell. */
async function examine(settings: Settings, { usage, repair, json }: Command): Promise<number> {
  const { KV_PATH: path, NAMESPACE: namespace } = settings;
  const isFile = !/^https?:|^:/.test(path);
  if (isFile) assertFile(path, usage);
  try {
    const store = await openStore(path, { namespace });
    const definitions = await definitionsOf(settings);
    const { broken } = await diagnose(store, { namespace, definitions, repair, json, tell });
    store.close();
    return broken > 0 ? 1 : 0;
  } catch (error) {
    report(error);
    if (isFile && error instanceof StoreBrokenError && error.message.includes(" is in use ")) {
      tell(
        "A file that a process has open is examined as a copy: deno task backup copy.kv, then KV_PATH=copy.kv deno task doctor",
      );
    }
    return 2;
  }
}

async function backUp({ KV_PATH, NAMESPACE }: Settings, file: string): Promise<never> {
  await backup(KV_PATH, file, { namespace: NAMESPACE });
  tell(`Copied '${KV_PATH}' into '${file}': ${(Deno.statSync(file).size / 1e6).toFixed(1)} MB`);
  Deno.exit(0);
}

async function restoreFrom(
  { KV_PATH, NAMESPACE }: Settings,
  { file, force, usage }: Command,
): Promise<never> {
  assertFile(file, usage);
  const [source, target] = [await openStore(file), await openStore(KV_PATH)];
  const rows = await restore(source, target, { namespace: NAMESPACE, force });
  source.close();
  target.close();
  tell(`Restored '${file}' into '${KV_PATH}': ${rows} rows`);
  Deno.exit(0);
}

/** Opening a database that is not there would make it. */
function assertFile(path: string, usage: string): void {
  try {
    if (Deno.statSync(path).isFile) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
  }
  throw new UsageError(`There is no database file '${path}'`, usage);
}

async function readCertificates(path: string): Promise<string> {
  try {
    const text = await Deno.readTextFile(path);
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  } catch (error) {
    throw new SettingsError([`SMTP_CA_FILE must be a file that can be read: ${(error as Error).message}`]);
  }
  throw new SettingsError([`SMTP_CA_FILE must hold PEM certificates: '${path}' has none`]);
}

/** The answer of a command that ends. */
function tell(text: string): void {
  // deno-lint-ignore no-console -- this is what the command is for
  console.log(text);
}

/** What to tell a person: the message, and what to do; never a stack. */
function explain(error: unknown): string {
  if (error instanceof StoreBrokenError) return `${error.message}. ${error.hint}`;
  if (error instanceof Deno.errors.AddrInUse) {
    return "The port is in use by another program. Set PORT to a free one, or stop the other program.";
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return "HOST must be an address of this machine: it has no such one.";
  }
  if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
    return `${error.message}. Use a PORT above 1023, or give Deno the permission that is named here.`;
  }
  if (error instanceof SettingsError || error instanceof UsageError) return error.message;
  if (error instanceof Error && "code" in error) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** For what happens before there is a log, and beside it. */
function report(error: unknown): void {
  // deno-lint-ignore no-console -- the terminal is all there is
  console.error(`Sluice: ${explain(error)}`);
}
