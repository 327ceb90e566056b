/**
 * Pages of tasks, newest first.
 *
 * @module
 */
import { InvalidTaskError } from "../ground/errors.ts";
import { firstIdAt, isTaskId } from "../ground/ids.ts";
import { unpack } from "../rows/payload.ts";
import { isPastRetention, type Reading, readRecords, recordOf } from "./read.ts";
import type { EndedRow, GroupRow, RunRow, TaskRecord } from "../rows/record.ts";
import { viewOf } from "./state.ts";
import { decode, decodeEntry } from "../rows/codec.ts";
import { familyOf, idOf, type Namespace, within } from "../rows/keys.ts";
import { makeCursor, readCursor } from "../rows/cursor.ts";
import { lookThrough } from "../rows/pages.ts";
import type { Entry, KeyRange } from "../store/port.ts";
import { isFinal, type Task, type TaskState } from "../ground/task.ts";

/** A filter of `Queue.list`: a task must fit every field that is given. */
export interface TaskFilter {
  readonly state?: TaskState;
  readonly name?: string;
  readonly channel?: string;
  readonly tag?: string;
  readonly scheduleId?: string;
  readonly rootId?: string;
  readonly groupId?: string;
  /** Whether the task was redriven; together with the state FAILURE or REVOKED only. */
  readonly redriven?: boolean;
  /** Milliseconds since 1970: the task was made then or later, by the time in its id. */
  readonly createdAfter?: number;
  /** Milliseconds since 1970: the task was made before, by the time in its id. */
  readonly createdBefore?: number;
  /** 1 to 500. @default {50} */
  readonly limit?: number;
  /** Opaque; from the page before. */
  readonly cursor?: string;
}

/** A page, and the cursor of the next one. */
export interface TaskList {
  /** A page can be short, or empty, and still have a cursor: it looks at so many tasks only. */
  readonly tasks: Task[];
  readonly cursor: string | null;
  /** Tasks that the page looked at, whether they fit or not. */
  readonly lookedAt: number;
}

/** Fields of a filter that must equal those of the task. */
const FIELDS = ["name", "channel", "scheduleId", "rootId", "groupId"] as const;

/** Lists tasks; see `Queue.list`. Chunks of arguments and results are read only for the tasks that are shown. */
export async function listTasks(engine: Reading, filter: TaskFilter): Promise<TaskList> {
  const { limit = 50 } = filter;
  if (!Number.isInteger(limit) || limit < 1 || limit > 500) {
    throw new InvalidTaskError([{
      pointer: "/limit",
      detail: `must be an integer from 1 to 500: got ${limit}`,
    }]);
  }
  if (filter.redriven !== undefined && filter.state !== "FAILURE" && filter.state !== "REVOKED") {
    throw new InvalidTaskError([{
      pointer: "/redriven",
      detail: "must come with the state FAILURE or REVOKED",
    }]);
  }
  const to = filter.cursor === undefined ? undefined : lastOf(filter, filter.cursor);
  const range = await rangeOf(engine, filter);
  const isWhole =
    [...FIELDS, "tag", "redriven"].every((field) => filter[field as keyof TaskFilter] === undefined) &&
    (filter.state === undefined || filter.state === "FAILURE" || filter.state === "REVOKED");
  const { items, lookedAt, before } = await lookThrough(
    engine,
    to === undefined ? range : within(range, { to }),
    { limit, isWhole },
    (entries, most) => viewFitting(engine, filter, entries, most),
  );
  return { tasks: items, cursor: before === null ? null : cursorOf(filter, before), lookedAt };
}

/** The shortest range that holds every task that fits. */
async function rangeOf({ keys, store }: Namespace, filter: TaskFilter): Promise<KeyRange> {
  const { state, rootId, groupId, createdAfter, createdBefore } = filter;
  const range = state === "FAILURE" || state === "REVOKED"
    ? keys.endedAs(state)
    : state === "STARTED" || state === "PROGRESS"
    ? keys.runs()
    : keys.tasks();
  // The root of a workflow is its first task. A group's members have ids from the group's id to its `last` id.
  const [group] = groupId === undefined ? [] : await store.getMany([keys.group(groupId)]);
  const last = decodeEntry<GroupRow>(group)?.last;
  const starts = [rootId, groupId, createdAfter === undefined ? undefined : firstIdAt(createdAfter)];
  const ends = [last && `${last}\0`, createdBefore === undefined ? undefined : firstIdAt(createdBefore)];
  const start = starts.filter((id) => id !== undefined).toSorted().at(-1);
  const end = ends.filter((id) => id !== undefined).toSorted()[0];
  return within(range, { from: start, to: end });
}

/** Reads the tasks of these entries, and shows the first `most` that fit. */
async function viewFitting(
  engine: Reading,
  filter: TaskFilter,
  found: readonly Entry[],
  most: number,
): Promise<Task[]> {
  const { keys, store } = engine;
  const family = familyOf(found[0]!.key);
  const entries = filter.redriven === undefined
    ? found
    : found.filter(({ value }) => (decode<EndedRow>(value).redrivenAs !== undefined) === filter.redriven);
  const records = family === "task"
    ? entries.map(recordOf)
    : await readRecords(engine, entries.map(({ key }) => idOf(key)));
  const runs = new Map<string, RunRow | null>();
  if (family === "run") {
    for (const { key, value } of entries) runs.set(idOf(key), decode<RunRow>(value));
  }
  let fitting = records.filter((record) =>
    record !== null && !isPastRetention(engine, record) && fits(filter, record)
  );
  // Whether the task's run is still to be read: the state of a task that is not final depends on its run.
  const mayRun = ({ id, state }: TaskRecord) => !isFinal(state) && !runs.has(id);
  if (filter.state === undefined || isFinal(filter.state)) fitting = fitting.slice(0, most);
  const open = fitting.filter((record) => mayRun(record!)).map((record) => record!.id);
  const rows = await store.getMany(open.map((id) => keys.run(id)));
  open.forEach((id, i) => runs.set(id, decodeEntry<RunRow>(rows[i])));
  const shown = fitting.filter((record) => {
    const state = viewOf(record!, runs.get(record!.id) ?? null).state;
    return filter.state === undefined || filter.state === state;
  }).slice(0, most);
  return Promise.all(
    shown.map(async (record) => viewOf(await unpack(store, keys, record!), runs.get(record!.id) ?? null)),
  );
}

/** Whether a record fits the filter, apart from what only its run tells (STARTED, PROGRESS). */
function fits(filter: TaskFilter, record: TaskRecord): boolean {
  if (filter.state !== undefined && isFinal(filter.state) !== isFinal(record.state)) return false;
  if (filter.state !== undefined && isFinal(record.state) && filter.state !== record.state) return false;
  if (filter.tag !== undefined && !record.tags?.includes(filter.tag)) return false;
  const view = viewOf(record, null);
  return FIELDS.every((field) => filter[field] === undefined || filter[field] === view[field]);
}

/** Makes a cursor from the last id and the filter, so that the cursor cannot be used with another filter. */
function cursorOf({ limit: _, cursor: __, ...filter }: TaskFilter, before: string): string {
  const asked = Object.entries(filter).filter(([, value]) => value !== undefined).sort(([a], [b]) =>
    a < b ? -1 : 1
  );
  return makeCursor([before, asked]);
}

function lastOf(filter: TaskFilter, cursor: string): string {
  const fault = (detail: string) => new InvalidTaskError([{ pointer: "/cursor", detail }]);
  const last = readCursor(cursor)?.[0];
  if (typeof last !== "string" || !isTaskId(last)) throw fault("must be a cursor from an earlier page");
  if (cursorOf(filter, last) !== cursor) throw fault("must be used with the same filter as its page");
  return last;
}
