/**
 * Schedules as they are stored, and the units that change them. A schedule has a `due` row exactly while it may fire.
 * Both rows change in one commit that checks the schedule's row, so the loser of a race changes nothing (invariant 7).
 *
 * @module
 */
import type { Base, Signals } from "../engine.ts";
import { ScheduleChangedError, ScheduleNotFoundError } from "../ground/errors.ts";
import type { AuditAction } from "../ground/audit.ts";
import type { Json } from "../ground/task.ts";
import type { IdempotencyRow } from "../rows/record.ts";
import type { Occurrence, ScheduledTask, ScheduleSettings } from "./schedule.ts";
import { decode } from "../rows/codec.ts";
import type { Keys, Namespace } from "../rows/keys.ts";
import type { Entry, Mutation } from "../store/port.ts";
import { audit, difference } from "../rows/audit.ts";
import { del, put, together, type Unit } from "../rows/unit.ts";

/** `schedule`: the settings that a person or code has chosen, and how far the schedule has come. */
export interface ScheduleRow extends ScheduleSettings {
  readonly task: ScheduledTask;
  readonly paused: boolean;
  readonly origin: "api" | "code";
  /** Hash of the declaration in code that the row was last set to; see `Declared`. Absent when the API created it. */
  readonly declared?: string;
  /** Whether it comes from code and no registered process declares it any more. */
  readonly orphaned?: boolean;
  /** Changes with every edit. */
  readonly revision: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The first occurrence that has not been handled. */
  readonly nextRunAt: number | null;
  /** The time in its `due` key; `null` while there is no such row. */
  readonly dueAt: number | null;
  /** While the schedule catches up with `"all"`: the last missed occurrence that is to have a task. */
  readonly backfillTo?: number;
  readonly lastRunAt: number | null;
  /** Occurrences handled so far: the number of the next `occurrence` row. */
  readonly handled: number;
  /** Ids of its tasks that may not have ended. */
  readonly running: readonly string[];
  /** The idempotency key of the request that created it. */
  readonly idempotency?: { readonly scope: string; readonly key: string; readonly expiresAt: number };
}

/** `occurrence`: an occurrence that was handled. */
export interface OccurrenceRow extends Omit<Occurrence, "state"> {
  /** Whether it is a duplicate that a person asked for: its moment is none of the grid. */
  readonly byHand?: true;
}

/** Most occurrences in the history of a schedule. */
export const HISTORY = 1000;

/** Most tasks in `running`. That may be more than `maxInstances`, which does not limit the tasks that people start. */
export const MOST_INSTANCES = 100;

/** A schedule as it was read. */
export interface StoredSchedule {
  readonly entry: Entry;
  readonly row: ScheduleRow;
}

/** Decodes an entry; `null` for an absent one, and for a row of the first stored version, which code declares anew. */
export function scheduleOf(entry: Entry | null | undefined): StoredSchedule | null {
  if (!entry) return null;
  const row = decode<ScheduleRow>(entry.value);
  return row.revision === undefined ? null : { entry, row };
}

/** Reads schedules by id, in the order of the ids. */
export async function readSchedules(
  engine: Namespace,
  ids: readonly string[],
): Promise<(StoredSchedule | null)[]> {
  return (await engine.store.getMany(ids.map((id) => engine.keys.schedule(id)))).map(scheduleOf);
}

/** Whether a text may be a schedule's id, which stands in keys and in paths. */
export function isScheduleId(text: string): boolean {
  return /^[A-Za-z0-9._:-]{1,200}$/.test(text);
}

/** Reads a schedule. @throws {ScheduleNotFoundError} */
export async function readSchedule(engine: Namespace, id: string): Promise<StoredSchedule> {
  if (!isScheduleId(id)) throw new ScheduleNotFoundError(id);
  const [schedule] = await readSchedules(engine, [id]);
  if (!schedule) throw new ScheduleNotFoundError(id);
  return schedule;
}

/** Sets `dueAt`, which follows from the other fields of a row. */
export function withDue(row: Omit<ScheduleRow, "dueAt">): ScheduleRow {
  return { ...row, dueAt: row.paused || row.orphaned ? null : row.nextRunAt };
}

/** none → a schedule. */
export function createUnit(keys: Keys, id: string, entry: Entry | null, row: ScheduleRow): Unit {
  const mutations = [put(keys.schedule(id), row)];
  if (row.dueAt !== null) mutations.push(put(keys.due(row.dueAt, id), {}));
  return { checks: [{ key: keys.schedule(id), versionstamp: entry?.versionstamp ?? null }], mutations };
}

/** A schedule → the same one, changed, with new rows of its history; rows beyond `HISTORY` are deleted. */
export function changeUnit(
  keys: Keys,
  id: string,
  { entry, row }: StoredSchedule,
  to: ScheduleRow,
  history: readonly OccurrenceRow[] = [],
): Unit {
  const next = { ...to, handled: row.handled + history.length };
  const mutations: Mutation[] = [put(keys.schedule(id), next)];
  if (to.dueAt !== row.dueAt) {
    if (row.dueAt !== null) mutations.push(del(keys.due(row.dueAt, id)));
    if (to.dueAt !== null) mutations.push(put(keys.due(to.dueAt, id), {}));
  }
  history.forEach((occurrence, i) => {
    const n = row.handled + i;
    mutations.push(put(keys.occurrence(id, n), occurrence));
    if (n >= HISTORY) mutations.push(del(keys.occurrence(id, n - HISTORY)));
  });
  return { checks: [entry], mutations };
}

/** Deletes the idempotency key that a schedule was created with, if it still names the schedule. */
export async function forgetKeyUnit(
  { store, keys }: Namespace,
  id: string,
  { idempotency }: ScheduleRow,
): Promise<Unit> {
  const none = { checks: [], mutations: [] };
  if (!idempotency) return none;
  const [entry] = await store.getMany([keys.idempotency(idempotency.scope, idempotency.key)]);
  if (!entry || !decode<IdempotencyRow>(entry.value).ids.includes(id)) return none;
  return { checks: [entry], mutations: [del(entry.key)] };
}

/**
 * Edits a schedule. When another process changes the row meanwhile, the edit is made again on the new row.
 *
 * @param edit returns the row as it is to be; the same one for no change
 * @param options.revision the revision that the row must have; firing does not change that
 * @param options.deed what an operator does by the edit, for the audit
 * @throws {ScheduleNotFoundError} / {ScheduleChangedError} / what `edit` throws
 */
export async function editSchedule(
  engine: Base & Signals,
  id: string,
  edit: (row: ScheduleRow) => ScheduleRow,
  { revision, deed }: { revision?: string | undefined; deed?: AuditAction } = {},
): Promise<ScheduleRow> {
  for (;;) {
    const schedule = await readSchedule(engine, id);
    if (revision !== undefined && schedule.row.revision !== revision) throw new ScheduleChangedError(id);
    const to = edit(schedule.row);
    if (to === schedule.row) return to;
    const unit = together(changeUnit(engine.keys, id, schedule, to), {
      checks: [],
      mutations: deed ? [audit(engine, { action: deed, target: id, ...edited(schedule.row, to) })] : [],
    });
    if (await engine.committer.commit(unit) === null) continue;
    if (to.dueAt !== null) engine.scheduleDueAt(to.dueAt);
    return to;
  }
}

/** The settings that an edit has changed. */
function edited(from: ScheduleRow, to: ScheduleRow): { before: Json; after: Json } {
  return difference(settingsIn(from), settingsIn(to));
}

/** A row without what the engine notes in it. */
export function settingsIn(row: ScheduleRow): object {
  const { revision: _r, updatedAt: _u, createdAt: _c, dueAt: _d, nextRunAt: _n, ...rest } = row;
  const { backfillTo: _b, lastRunAt: _l, handled: _h, running: _i, ...settings } = rest;
  return settings;
}
