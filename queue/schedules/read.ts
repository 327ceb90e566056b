/**
 * Reads schedules and their history, in pages, as callers see them.
 *
 * @module
 */
import type { Base } from "../engine.ts";
import { InvalidScheduleError } from "../ground/errors.ts";
import { readRecords } from "../task/read.ts";
import type { RunRow } from "../rows/record.ts";
import { viewOf } from "../task/state.ts";
import { decode, decodeEntry } from "../rows/codec.ts";
import { makeCursor, readCursor } from "../rows/cursor.ts";
import { idOf, type Namespace, numberIn } from "../rows/keys.ts";
import type { TaskState } from "../ground/task.ts";
import { type OccurrenceRow, readSchedule, scheduleOf, type ScheduleRow } from "./row.ts";
import type { Occurrence, PageOptions, Schedule } from "./schedule.ts";

/** Makes the view of a schedule that callers see. */
export function viewOfSchedule(engine: Pick<Base, "definitions">, id: string, row: ScheduleRow): Schedule {
  return {
    id,
    task: row.task,
    trigger: row.trigger,
    paused: row.paused || row.orphaned === true,
    startAt: row.startAt,
    endAt: row.endAt,
    jitter: row.jitter,
    misfireGrace: row.misfireGrace,
    catchUp: row.catchUp,
    catchUpLimit: row.catchUpLimit,
    maxInstances: row.maxInstances,
    origin: row.origin,
    revision: row.revision,
    problem: problemOf(engine, row),
    nextRunAt: row.dueAt === null ? null : row.nextRunAt,
    lastRunAt: row.lastRunAt,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}

function problemOf(engine: Pick<Base, "definitions">, { orphaned, task }: ScheduleRow): string | null {
  if (orphaned) return "No code declares this schedule any more, so it is paused.";
  if (engine.definitions.has(task.name)) return null;
  return `This process knows no task '${task.name}': a process that does must fire the schedule.`;
}

/** Reads a page of schedules, in the order of their ids. */
export async function listSchedules(
  engine: Base,
  options: PageOptions,
): Promise<{ schedules: Schedule[]; cursor: string | null }> {
  const { keys, store } = engine;
  const limit = limitOf(options);
  const after = lastOf(options, (last) => typeof last === "string");
  const range = keys.schedules();
  const start = after === null ? {} : { start: keys.schedule(`${after}\0`) };
  const entries = await store.list({ ...range, ...start }, { limit });
  const schedules = entries.flatMap((entry) => {
    const schedule = scheduleOf(entry);
    return schedule ? [viewOfSchedule(engine, idOf(entry.key), schedule.row)] : [];
  });
  return { schedules, cursor: entries.length < limit ? null : makeCursor([idOf(entries.at(-1)!.key)]) };
}

/** Reads a page of a schedule's history, newest first. */
export async function listOccurrences(
  engine: Namespace,
  id: string,
  options: PageOptions,
): Promise<{ occurrences: Occurrence[]; cursor: string | null }> {
  const { keys, store } = engine;
  const limit = limitOf(options);
  const before = lastOf(options, (last) => typeof last === "number");
  await readSchedule(engine, id);
  const range = keys.occurrencesOf(id);
  const end = before === null ? {} : { end: keys.occurrence(id, before) };
  const entries = await store.list({ ...range, ...end }, { limit, reverse: true });
  const rows = entries.map(({ value }) => decode<OccurrenceRow>(value));
  const states = await statesOf(engine, rows.flatMap(({ taskId }) => taskId ?? []));
  const occurrences = rows.map(({ byHand: _byHand, ...row }) => ({
    ...row,
    state: states.get(row.taskId ?? "") ?? null,
  }));
  return { occurrences, cursor: entries.length < limit ? null : makeCursor([numberIn(entries.at(-1)!.key)]) };
}

async function statesOf(engine: Namespace, ids: readonly string[]): Promise<Map<string, TaskState>> {
  const records = (await readRecords(engine, ids)).filter((record) => record !== null);
  const runs = await engine.store.getMany(records.map(({ id }) => engine.keys.run(id)));
  return new Map(
    records.map((record, i) => [record.id, viewOf(record, decodeEntry<RunRow>(runs[i])).state]),
  );
}

function limitOf({ limit = 50 }: PageOptions): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= 500) return limit;
  const detail = `must be an integer from 1 to 500: got ${limit}`;
  throw new InvalidScheduleError([{ pointer: "/limit", detail }]);
}

/** Reads from a cursor where the previous page ended; `null` without one, for the first page. */
function lastOf<Last>({ cursor }: PageOptions, isOurs: (last: unknown) => last is Last): Last | null {
  if (cursor === undefined) return null;
  const last = readCursor(cursor)?.[0];
  if (isOurs(last)) return last;
  throw new InvalidScheduleError([{ pointer: "/cursor", detail: "must be a cursor from an earlier page" }]);
}
