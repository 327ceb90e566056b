/**
 * The ceiling: the same rows that the engine writes for a task, written by bare `Deno.Kv` commits of 100 mutations,
 * three of them in flight, with nothing around them. What the engine reaches is told as a part of this.
 *
 * @module
 */
import { encode, keysOf, type TaskRecord } from "./inside.ts";
import { openStore } from "../queue/mod.ts";

const TASKS_A_COMMIT = 50;
const IN_FLIGHT = 3;
export const CHANNEL = "celery";
export const PRIORITY = 5;
const WORKER = "01939d5e-7c1e-7000-8000-000000000001";

export const keys = keysOf("sluice");
const now = Date.now();
/** A record before and after its run. */
export const waiting: TaskRecord = {
  id: crypto.randomUUID(),
  name: "bench.add",
  state: "PENDING",
  channel: CHANNEL,
  priority: PRIORITY,
  retries: 0,
  maxRetries: 0,
  createdAt: now,
  runAt: now,
  args: [12345, 1],
};
export const ended: TaskRecord = {
  ...waiting,
  state: "SUCCESS",
  result: 12346,
  startedAt: now,
  doneAt: now,
  worker: WORKER,
};
export const rows = {
  waiting: encode(waiting),
  ended: encode(ended),
  pointer: encode({ name: waiting.name, deliveries: 0 }),
  run: encode({ worker: WORKER, deliveries: 1, startedAt: now }),
};

/** A way through the engine: six mutations over `ready`, or four when a submit finds a free slot. */
export type Life = "ready" | "hand-off";

/**
 * Takes `count` tasks through a life.
 *
 * @param isOurs whether the file is made as the engine makes it, or by Deno alone
 * @returns tasks a second
 */
export async function rawLife(path: string, count: number, life: Life, isOurs = true): Promise<number> {
  using kv = isOurs ? await openAsEngine(path) : await Deno.openKv(path);
  const seconds = await eachGroup(count, async (ids) => {
    if (life === "hand-off") await submitRun(kv, ids);
    else await claim(kv, ids, await submitReady(kv, ids));
    await settle(kv, ids);
  });
  return count / seconds;
}

/** Writes `count` tasks, then takes all of them from the front. @returns tasks a second, of both halves */
export async function rawDrain(path: string, count: number): Promise<{ submit: number; drain: number }> {
  using kv = await openAsEngine(path);
  const stamps = new Map<string, string>();
  const submitSeconds = await eachGroup(count, async (ids) => {
    stamps.set(ids[0]!, await submitReady(kv, ids));
  });
  const drainSeconds = await eachGroup(count, async (ids) => {
    await claim(kv, ids, stamps.get(ids[0]!)!);
    await settle(kv, ids);
  });
  return { submit: count / submitSeconds, drain: count / drainSeconds };
}

/** Milliseconds of each of `tries` commits of one task, one after the other. */
export async function rawCommits(path: string, tries: number): Promise<number[]> {
  using kv = await openAsEngine(path);
  const submit = rawSubmit(kv);
  const times: number[] = [];
  for (let i = 0; i < tries; i++) {
    const start = performance.now();
    await submit();
    times.push(performance.now() - start);
  }
  return times;
}

/** Commits the rows of one more task at each call. */
export function rawSubmit(kv: Deno.Kv): () => Promise<string> {
  let next = 0;
  return () => submitRun(kv, [idAt(next++)]);
}

/** Opens a file that is made as the engine makes it (`queue/store/file.ts`). */
export async function openAsEngine(path: string): Promise<Deno.Kv> {
  (await openStore(path)).close();
  return await Deno.openKv(path);
}

/** Calls `work` for groups of ids in order, some at once. @returns seconds */
async function eachGroup(count: number, work: (ids: readonly string[]) => Promise<void>): Promise<number> {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const from = next;
      next = Math.min(count, from + TASKS_A_COMMIT);
      await work(Array.from({ length: next - from }, (_, i) => idAt(from + i)));
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  return (performance.now() - start) / 1000;
}

/** An id like the engine's. */
export function idAt(n: number): string {
  return `01939d5e-7c1e-7000-8000-${n.toString(16).padStart(12, "0")}`;
}

function submitReady(kv: Deno.Kv, ids: readonly string[]): Promise<string> {
  const op = kv.atomic();
  for (const id of ids) {
    op.set(keys.task(id), rows.waiting).set(keys.ready(CHANNEL, PRIORITY, id), rows.pointer);
  }
  return landed(op);
}

function submitRun(kv: Deno.Kv, ids: readonly string[]): Promise<string> {
  const op = kv.atomic();
  for (const id of ids) op.set(keys.task(id), rows.waiting).set(keys.run(id), rows.run);
  return landed(op);
}

function claim(kv: Deno.Kv, ids: readonly string[], versionstamp: string): Promise<string> {
  const op = kv.atomic();
  for (const id of ids) {
    const key = keys.ready(CHANNEL, PRIORITY, id);
    op.check({ key, versionstamp }).delete(key).set(keys.run(id), rows.run);
  }
  return landed(op);
}

function settle(kv: Deno.Kv, ids: readonly string[]): Promise<string> {
  const op = kv.atomic();
  for (const id of ids) op.delete(keys.run(id)).set(keys.task(id), rows.ended);
  return landed(op);
}

/** Commits. @returns the versionstamp */
export async function landed(op: Deno.AtomicOperation): Promise<string> {
  const result = await op.commit();
  if (!result.ok) throw new Error("A commit of the ceiling was refused");
  return result.versionstamp;
}
