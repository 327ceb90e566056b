/**
 * Reading tasks: one by id, or pages of them.
 *
 * @module
 */
import type { Engine } from "./engine.ts";
import { InvalidTaskError, TaskNotFoundError } from "./errors.ts";
import { isTaskId, timeOfId } from "./ids.ts";
import { unpack } from "./payload.ts";
import type { GroupRow, RunRow, TaskRecord } from "./record.ts";
import { viewOf } from "./state.ts";
import { decode, decodeEntry } from "./store/codec.ts";
import { idOf } from "./store/keys.ts";
import type { Entry, KeyRange } from "./store/port.ts";
import { isFinal, type Task, type TaskState } from "./task.ts";

/** What `list` narrows down. */
export interface TaskFilter {
  readonly state?: TaskState;
  readonly name?: string;
  readonly channel?: string;
  /** A workflow's group. */
  readonly groupId?: string;
  /** 1 to 500. @default {50} */
  readonly limit?: number;
  /** Opaque; from the page before. */
  readonly cursor?: string;
}

/** Records that one page looks at, so that a rare filter cannot hold the store up. */
const SCAN_LIMIT = 5000;

/** The record of a task entry. */
export function recordOf(entry: Entry): TaskRecord {
  return { ...decode<TaskRecord>(entry.value), id: idOf(entry.key) };
}

/** When a final task's record may be removed, milliseconds since 1970. */
export function keptUntil(engine: Engine, record: TaskRecord): number {
  return Math.max(
    record.doneAt! + engine.settings.resultTtl * 1000,
    record.idempotency?.expiresAt ?? 0,
    record.state === "SUCCESS" ? record.definitionKey?.expiresAt ?? 0 : 0,
  );
}

/** One task. @throws {TaskNotFoundError} */
export async function getTask(engine: Engine, id: string): Promise<Task> {
  const { record, run } = await findTask(engine, id);
  return viewOf(await unpack(engine.store, engine.keys, record), run);
}

/** A task's record and its run, read in one snapshot. @throws {TaskNotFoundError} */
export async function findTask(
  engine: Engine,
  id: string,
): Promise<{ record: TaskRecord; run: RunRow | null }> {
  if (!isTaskId(id)) throw new TaskNotFoundError(id, "malformed");
  const [task, run] = await engine.store.getMany([engine.keys.task(id), engine.keys.run(id)]);
  const now = engine.clock.now();
  if (!task) {
    const old = timeOfId(id) < now - engine.settings.resultTtl * 1000;
    throw new TaskNotFoundError(id, old ? "expired" : "unknown");
  }
  const record = recordOf(task);
  if (record.doneAt !== undefined && keptUntil(engine, record) <= now) {
    throw new TaskNotFoundError(id, "expired");
  }
  return { record, run: decodeEntry<RunRow>(run) };
}

/** Reads records by id, in the order of the ids; `null` for those that are not there. */
export async function readRecords(engine: Engine, ids: readonly string[]): Promise<(TaskRecord | null)[]> {
  if (ids.length > 10) {
    const found = await readNeighbours(engine, ids);
    if (found) return found;
  }
  const entries = await engine.store.getMany(ids.map((id) => engine.keys.task(id)));
  return entries.map((entry) => entry && recordOf(entry));
}

/**
 * Ids claimed together were mostly submitted together, so one list finds them all, at less than half the cost of reads by
 * ten (docs/performance.md). `null` when they are too far apart.
 */
async function readNeighbours(engine: Engine, ids: readonly string[]): Promise<(TaskRecord | null)[] | null> {
  const sorted = ids.toSorted();
  const [first, last] = [sorted[0]!, sorted.at(-1)!];
  const range = {
    ...engine.keys.tasks(),
    start: engine.keys.task(first),
    end: engine.keys.task(`${last}\0`),
  };
  const limit = Math.min(engine.store.limits.listBatch, ids.length * 2);
  const entries = await engine.store.list(range, { limit });
  const found = new Map(entries.map((entry) => [idOf(entry.key), entry]));
  const complete = ids.every((id) => found.has(id));
  return complete ? ids.map((id) => recordOf(found.get(id)!)) : null;
}

/** A page of tasks, newest first, and the cursor of the next one. */
export async function listTasks(
  engine: Engine,
  filter: TaskFilter,
): Promise<{ tasks: Task[]; cursor: string | null }> {
  const { limit = 50 } = filter;
  if (!Number.isInteger(limit) || limit < 1 || limit > 500) {
    throw new InvalidTaskError([{
      pointer: "/limit",
      detail: `must be an integer from 1 to 500: got ${limit}`,
    }]);
  }
  let range = rangeOf(engine, filter.state);
  const tasks: Task[] = [];
  let before = filter.cursor === undefined ? null : readCursor(filter);
  if (filter.groupId !== undefined) {
    const [entry] = await engine.store.getMany([engine.keys.group(filter.groupId)]);
    if (!entry) return { tasks, cursor: null };
    // Its tasks are those between two ids.
    range = { ...range, start: [...range.prefix, filter.groupId] };
    before ??= `${decode<GroupRow>(entry.value).last}\0`;
  }
  for (let scanned = 0; scanned < SCAN_LIMIT;) {
    const end = before === null ? {} : { end: [...range.prefix, before] };
    const entries = await engine.store.list({ ...range, ...end }, {
      limit: Math.min(200, limit * 2),
      reverse: true,
    });
    if (entries.length === 0) return { tasks, cursor: null };
    scanned += entries.length;
    for (const task of await viewAll(engine, entries)) {
      before = task.id;
      if (matches(filter, task)) tasks.push(task);
      if (tasks.length === limit) return { tasks, cursor: makeCursor(filter, before) };
    }
    before = idOf(entries.at(-1)!.key);
  }
  return { tasks, cursor: makeCursor(filter, before!) };
}

/** The shortest range that holds every task in a state. */
function rangeOf({ keys }: Engine, state: TaskState | undefined): KeyRange {
  if (state === "FAILURE" || state === "REVOKED") return keys.endedAs(state);
  if (state === "STARTED" || state === "PROGRESS") return keys.runs();
  return keys.tasks();
}

async function viewAll(engine: Engine, entries: readonly Entry[]): Promise<Task[]> {
  const isRecord = entries[0]!.key[1] === engine.keys.tasks().prefix[1];
  const records = isRecord
    ? entries.map(recordOf)
    : await readRecords(engine, entries.map((e) => idOf(e.key)));
  const open = records.filter((record) => record !== null && !isFinal(record.state));
  const rows = await engine.store.getMany(open.map((record) => engine.keys.run(record!.id)));
  const runs = new Map(open.map((record, i) => [record!.id, decodeEntry<RunRow>(rows[i])]));
  const now = engine.clock.now();
  const views: Task[] = [];
  for (const record of records) {
    if (!record || record.doneAt !== undefined && keptUntil(engine, record) <= now) continue;
    views.push(viewOf(await unpack(engine.store, engine.keys, record), runs.get(record.id) ?? null));
  }
  return views;
}

function matches(filter: TaskFilter, task: Task): boolean {
  return (filter.state === undefined || filter.state === task.state) &&
    (filter.name === undefined || filter.name === task.name) &&
    (filter.channel === undefined || filter.channel === task.channel) &&
    (filter.groupId === undefined || filter.groupId === task.groupId);
}

/** A cursor holds the last id and what was asked, so that it cannot be used for another question. */
function makeCursor(filter: TaskFilter, before: string): string {
  const { state = "", name = "", channel = "", groupId = "" } = filter;
  const text = JSON.stringify([before, state, name, channel, groupId]);
  return new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
}

function readCursor(filter: TaskFilter): string {
  const fault = (detail: string) => new InvalidTaskError([{ pointer: "/cursor", detail }]);
  let parts: unknown;
  try {
    parts = JSON.parse(
      new TextDecoder().decode(Uint8Array.fromBase64(filter.cursor!, { alphabet: "base64url" })),
    );
  } catch {
    throw fault("must be a cursor from an earlier page");
  }
  if (!Array.isArray(parts) || typeof parts[0] !== "string" || !isTaskId(parts[0])) {
    throw fault("must be a cursor from an earlier page");
  }
  if (makeCursor(filter, parts[0]) !== filter.cursor) {
    throw fault("must be used with the same filter as its page");
  }
  return parts[0];
}
