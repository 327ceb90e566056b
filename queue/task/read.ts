/**
 * Reading tasks by id. Pages of them: `list.ts`.
 *
 * @module
 */
import type { Clock } from "../ground/clock.ts";
import { TaskNotFoundError } from "../ground/errors.ts";
import { isOlder, isTaskId } from "../ground/ids.ts";
import { unpack } from "../rows/payload.ts";
import type { RunRow, TaskRecord } from "../rows/record.ts";
import { viewOf } from "./state.ts";
import { decode, decodeEntry } from "../rows/codec.ts";
import { idOf, type Namespace } from "../rows/keys.ts";
import type { Entry, Key } from "../store/port.ts";
import type { Task } from "../ground/task.ts";

/** Settings of a queue with their defaults filled in. Times in seconds. */
export interface EngineSettings {
  readonly namespace: string;
  readonly resultTtl: number;
  readonly idempotencyTtl: number;
  readonly workerLostAfter: number;
}

/** The ports to read tasks as callers see them: a task whose retention time is over is not shown. */
export interface Reading extends Namespace {
  readonly clock: Clock;
  readonly settings: EngineSettings;
}

/** The version of a row that was last seen by a caller who waits for its change. */
export interface Sight {
  readonly key: Key;
  /** `null`: the row was absent. */
  readonly versionstamp: string | null;
}

/** A task or workflow whose end a caller waits for, as one look has found it. */
export interface Found<Seen> {
  readonly seen: Seen;
  /** When the task or workflow ended, or `null`. */
  readonly doneAt: number | null;
  /** The row that is written when it ends. */
  readonly row: Sight;
}

/** Decodes the record of a `task` entry. */
export function recordOf(entry: Entry): TaskRecord {
  return { ...decode<TaskRecord>(entry.value), id: idOf(entry.key) };
}

/** Whether a task has ended so long ago that readers do not see it any more. */
export function isPastRetention(engine: Pick<Reading, "clock" | "settings">, record: TaskRecord): boolean {
  return record.doneAt !== undefined && keptUntil(engine, record) <= engine.clock.now();
}

/** When a final task's record may be removed, milliseconds since 1970. */
export function keptUntil(engine: Pick<Reading, "settings">, record: TaskRecord): number {
  return Math.max(
    record.doneAt! + engine.settings.resultTtl * 1000,
    record.idempotency?.expiresAt ?? 0,
    record.state === "SUCCESS" ? record.definitionKey?.expiresAt ?? 0 : 0,
  );
}

/** Reads one task. @throws {TaskNotFoundError} */
export async function getTask(engine: Reading, id: string): Promise<Task> {
  const { record, run } = await findTask(engine, id);
  return viewOf(await unpack(engine.store, engine.keys, record), run);
}

/** Reads one task for a caller who waits for its end. @throws {TaskNotFoundError} */
export async function lookAtTask(engine: Reading, id: string): Promise<Found<Task>> {
  const { record, run, rows: [row] } = await findTask(engine, id);
  const seen = viewOf(await unpack(engine.store, engine.keys, record), run);
  return { seen, doneAt: seen.doneAt, row };
}

/** Reads a task's record and run in one snapshot, and their common version. @throws {TaskNotFoundError} */
export async function findTask(
  engine: Reading,
  id: string,
): Promise<{ record: TaskRecord; run: RunRow | null; version: string; rows: readonly [Sight, Sight] }> {
  if (!isTaskId(id)) throw new TaskNotFoundError(id, "malformed");
  const runKey = engine.keys.run(id);
  const [task, run] = await engine.store.getMany([engine.keys.task(id), runKey]);
  if (!task) {
    const old = isOlder(id, engine.clock.now() - engine.settings.resultTtl * 1000);
    throw new TaskNotFoundError(id, old ? "expired" : "unknown");
  }
  const record = recordOf(task);
  if (isPastRetention(engine, record)) throw new TaskNotFoundError(id, "expired");
  const version = run && run.versionstamp > task.versionstamp ? run.versionstamp : task.versionstamp;
  const rows = [
    { key: task.key, versionstamp: task.versionstamp },
    { key: runKey, versionstamp: run?.versionstamp ?? null },
  ] as const;
  return { record, run: decodeEntry<RunRow>(run), version, rows };
}

/**
 * Asserts that a task which was read in none of its places is submitted: then it has moved between two reads. A task
 * whose large workflow is still being written may have no place yet.
 *
 * @throws {TaskNotFoundError} when the task's workflow is not submitted yet
 */
export async function assertSubmitted(
  { store, keys }: Namespace,
  { id, workflow }: TaskRecord,
): Promise<void> {
  if (!workflow) return;
  const [row] = await store.getMany([keys.workflow(workflow.root)]);
  if (!row) throw new TaskNotFoundError(id, "unknown");
}

/**
 * Reads records by id, in the order of the ids; `null` for those that are not there.
 *
 * @param among how many neighbouring records are read for each one that is asked for, at most
 */
export async function readRecords(
  engine: Namespace,
  ids: readonly string[],
  among = 2,
): Promise<(TaskRecord | null)[]> {
  if (ids.length > 10) {
    const found = await readNeighbours(engine, ids, among);
    if (found) return found;
  }
  const entries = await engine.store.getMany(ids.map((id) => engine.keys.task(id)));
  return entries.map((entry) => entry && recordOf(entry));
}

/**
 * Reads records whose ids lie close together by one list, at less than half the cost of reads by ten
 * (docs/performance.md): tasks claimed together were mostly submitted together. `null` when they lie too far apart.
 */
async function readNeighbours(
  engine: Namespace,
  ids: readonly string[],
  among: number,
): Promise<(TaskRecord | null)[] | null> {
  const sorted = ids.toSorted();
  const [first, last] = [sorted[0]!, sorted.at(-1)!];
  const range = {
    ...engine.keys.tasks(),
    start: engine.keys.task(first),
    end: engine.keys.task(`${last}\0`),
  };
  const limit = Math.min(engine.store.limits.listBatch, ids.length * among);
  const entries = await engine.store.list(range, { limit });
  const found = new Map(entries.map((entry) => [idOf(entry.key), entry]));
  const complete = ids.every((id) => found.has(id));
  return complete ? ids.map((id) => recordOf(found.get(id)!)) : null;
}
