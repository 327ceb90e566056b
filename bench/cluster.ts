/**
 * Several worker processes on one KV server: how many tasks a second they do together, how often they get in each
 * other's way, and how long a task takes from the process that submits it to one that runs it.
 *
 * @module
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { KvServer } from "../tests/support/kv_server.ts";
import { expectDone } from "./census.ts";
import type { Command, MemberReport, Saying } from "./cluster_member.ts";
import { pause } from "./pause.ts";
import type { Figures, ScenarioMaker, Variant } from "./scenario.ts";
import { latencies } from "./statistics.ts";
import { passedOn } from "./server.ts";
import { SLOTS } from "./workload.ts";

const TASKS = 20_000;
const AT_ONCE = 256;
const PICKUPS = 200;
/** Milliseconds between two of them: each finds the cluster at rest, its doorbell included. */
const REST = 20;
/** Tasks of a warm-up, and seconds that warm-ups last at least: by then all processes know of each other. */
const WARM_UP = { tasks: 2_000, seconds: 4 };
/** Milliseconds without a finished task after which a measurement is given up. */
const STALLED_AFTER = 30_000;

/** The scenario `cluster`. */
export const cluster: ScenarioMaker = (workplace) => {
  const variant = (tls: boolean, workers: number): Variant => ({
    name: `${tls ? "TLS" : "plain"}, ${workers} worker${workers === 1 ? "" : "s"}`,
    measure: () => measure(workplace.make(), tls, workers),
  });
  return {
    method:
      `denokv, behind nginx as deploy/nginx.conf has it (TLS + HTTP/2) or plain; one process submits ${TASKS} tasks ` +
      `one by one, ${AT_ONCE} calls at once, 1, 2 or 4 others run them with ${SLOTS} slots each, all on this ` +
      `machine, until every result is stored; then ${PICKUPS} tasks one after the other, ${REST} ms apart, on the idle cluster, from ` +
      "submit in the one process to the handler's start in another, and from its return there until who waits in the one " +
      "process has the result (heard). Lost claims are those that another process " +
      "had taken a task of.",
    rounds: 3,
    variants: [...[1, 2, 4].map((n) => variant(true, n)), ...[1, 2, 4].map((n) => variant(false, n))],
    ratios: [2, 4].map((n) => ({
      name: `tasks/s, ${n} workers / 1, TLS`,
      of: `TLS, ${n} workers: tasks/s`,
      to: "TLS, 1 worker: tasks/s",
    })),
  };
};

async function measure(folder: string, tls: boolean, count: number): Promise<Figures> {
  await using server = await KvServer.start({ folder, tls });
  await using members = new AsyncDisposableStack();
  const start = (slots: number) => members.use(new Member(server, slots));
  const workers = Array.from({ length: count }, () => start(SLOTS));
  const submitter = start(0);
  const all = [submitter, ...workers];
  await Promise.all(all.map((member) => member.next("ready")));

  const warm = performance.now() + WARM_UP.seconds * 1000;
  let submitted = 0;
  const run = async (tasks: number) => {
    submitter.tell({ submit: tasks, atOnce: AT_ONCE });
    await finished(workers, submitted += tasks);
  };
  while (performance.now() < warm) await run(WARM_UP.tasks);

  await report(all);
  const idle = idleTime();
  const begin = performance.now();
  await run(TASKS);
  const seconds = (performance.now() - begin) / 1000;
  const busy = 1 - (idleTime() - idle) / cpus().length / seconds;
  const [submitting, ...working] = await report(all);

  const pickups: number[] = [];
  const hearings: number[] = [];
  for (let n = 0; n < PICKUPS; n++) {
    const picked = Promise.race(workers.map((worker) => worker.next("picked")));
    const heard = submitter.next("heard");
    submitter.tell({ submit: 1 });
    pickups.push(await picked);
    hearings.push(await heard);
    await finished(workers, ++submitted);
    await pause(REST);
  }
  await members.disposeAsync();
  await expectDone(`http://127.0.0.1:${server.port}`, "bench.add", submitted);
  const sum = (of: (report: MemberReport) => number) => working.reduce((total, one) => total + of(one), 0);
  return {
    "tasks/s": TASKS / seconds,
    "lost claims %": 100 * sum(({ lostClaims }) => lostClaims) / sum(({ claims }) => claims),
    "tasks per claim": TASKS / sum(({ claims, lostClaims }) => claims - lostClaims),
    "workers µs/task": sum(({ cpu }) => cpu) / TASKS * 1e6,
    "submitter µs/task": submitting!.cpu / TASKS * 1e6,
    "machine µs/task": busy * cpus().length * seconds / TASKS * 1e6,
    "processors busy": busy,
    ...latencies("pickup", pickups),
    ...latencies("heard", hearings),
  };
}

/** Asks all what they have done. */
function report(members: readonly Member[]): Promise<MemberReport[]> {
  return Promise.all(members.map((member) => {
    member.tell({ report: true });
    return member.next("report");
  }));
}

/** Resolves when the workers have finished so many tasks together. @throws when nothing moves */
async function finished(workers: readonly Member[], goal: number): Promise<void> {
  const count = () => workers.reduce((sum, worker) => sum + worker.finished, 0);
  while (count() < goal) {
    const before = count();
    const stalled = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => stalled.reject(new Error(`Stalled at ${before} of ${goal}`)),
      STALLED_AFTER,
    );
    await Promise.race([stalled.promise, ...workers.map((worker) => worker.next("finished"))]);
    clearTimeout(timer);
  }
}

/** Seconds that the processors have idled since the machine's start. */
function idleTime(): number {
  return cpus().reduce((sum, { times }) => sum + times.idle, 0) / 1000;
}

/** A process of the cluster, see `cluster_member.ts`. Stopped when it is disposed of. */
class Member implements AsyncDisposable {
  /** Tasks that it has finished. */
  finished = 0;
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #exited: Promise<unknown>;
  #listeners = new Set<(saying: Saying) => void>();
  #failed: Error | null = null;

  constructor(server: KvServer, slots: number) {
    this.#process = spawn("deno", [
      "run",
      "--quiet",
      "--cached-only",
      "--no-check",
      "-P=bench",
      join(import.meta.dirname!, "cluster_member.ts"),
      server.url,
      String(slots),
    ], { env: { ...passedOn(), ...server.env }, stdio: ["pipe", "pipe", "inherit"] });
    this.#exited = new Promise((resolve) => this.#process.once("exit", resolve));
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      const saying: Saying = JSON.parse(line);
      this.finished = saying.finished ?? this.finished;
      for (const listener of this.#listeners) listener(saying);
    });
  }

  tell(command: Command): void {
    this.#process.stdin.write(`${JSON.stringify(command)}\n`);
  }

  /** What it says next of this kind. @throws when it ends before */
  next<Kind extends keyof Saying>(kind: Kind): Promise<NonNullable<Saying[Kind]>> {
    return new Promise((resolve, reject) => {
      const listener = (saying: Saying) => {
        const said = saying[kind];
        if (said === undefined) return;
        this.#listeners.delete(listener);
        resolve(said);
      };
      this.#listeners.add(listener);
      this.#exited.then(() => reject(new Error("A process of the cluster has ended")));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin.end();
    await this.#exited;
  }
}
