/**
 * Schedules as they are stored, and the units that change them. A schedule has a `due` row exactly while it may fire;
 * both change together under check of the schedule's row, so whoever loses a race changes nothing (invariant 7).
 *
 * @module
 */
import type { Base, Signals } from "../engine.ts";
import { ScheduleChangedError, ScheduleNotFoundError } from "../ground/errors.ts";
import type { IdempotencyRow } from "../rows/record.ts";
import type { Occurrence, ScheduledTask, ScheduleSettings } from "./schedule.ts";
import { decode } from "../rows/codec.ts";
import type { Keys, Namespace } from "../rows/keys.ts";
import type { Entry, Mutation } from "../store/port.ts";
import { del, put, type Unit } from "../rows/unit.ts";

/** `schedule`: what a person or code decided, and how far it has come. */
export interface ScheduleRow extends ScheduleSettings {
  readonly task: ScheduledTask;
  readonly paused: boolean;
  readonly origin: "api" | "code";
  /** Of a schedule from code: the definition it was last set to. A person's edits since then are kept. */
  readonly declared?: string;
  /** No registered process declares it any more. */
  readonly orphaned?: boolean;
  /** Changes with every edit. */
  readonly revision: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The first occurrence that has not been handled. */
  readonly nextRunAt: number | null;
  /** The time in its `due` key; `null` while it has none. */
  readonly dueAt: number | null;
  /** While it catches up with all: the last missed occurrence that has its task. */
  readonly backfillTo?: number;
  readonly lastRunAt: number | null;
  /** Occurrences handled so far: the number of the next `occurrence` row. */
  readonly handled: number;
  /** Its tasks that may not have ended. */
  readonly running: readonly string[];
  /** The key it was created with. */
  readonly idempotency?: { readonly scope: string; readonly key: string; readonly expiresAt: number };
}

/** `occurrence`: what became of an occurrence. */
export type OccurrenceRow = Omit<Occurrence, "state">;

/** Occurrences of a schedule that are kept. */
export const HISTORY = 1000;

/** Instances of a schedule that it knows of at most: people may start more than its `maxInstances`. */
export const MOST_INSTANCES = 100;

/** A schedule that was read. */
export interface StoredSchedule {
  readonly entry: Entry;
  readonly row: ScheduleRow;
}

/** Decodes an entry; `null` for an absent one, and for one of the first version, which code declares anew. */
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

/** Whether a text could be a schedule's id: it stands in keys and in paths. */
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

/** The row with its `due` time set right. */
export function withDue(row: Omit<ScheduleRow, "dueAt">): ScheduleRow {
  return { ...row, dueAt: row.paused || row.orphaned ? null : row.nextRunAt };
}

/** none → a schedule. */
export function createUnit(keys: Keys, id: string, entry: Entry | null, row: ScheduleRow): Unit {
  const mutations = [put(keys.schedule(id), row)];
  if (row.dueAt !== null) mutations.push(put(keys.due(row.dueAt, id), {}));
  return { checks: [{ key: keys.schedule(id), versionstamp: entry?.versionstamp ?? null }], mutations };
}

/** A schedule → itself, changed, with what is new in its history; what is too old there goes. */
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
 * Edits a schedule, whoever else changes it at the same time.
 *
 * @param edit the row as it shall be; the same one for no change
 * @param revision the one it must have; firing does not change it
 * @throws {ScheduleNotFoundError} / {ScheduleChangedError} / what `edit` throws
 */
export async function editSchedule(
  engine: Base & Signals,
  id: string,
  edit: (row: ScheduleRow) => ScheduleRow,
  revision?: string,
): Promise<ScheduleRow> {
  for (;;) {
    const schedule = await readSchedule(engine, id);
    if (revision !== undefined && schedule.row.revision !== revision) throw new ScheduleChangedError(id);
    const to = edit(schedule.row);
    if (to === schedule.row) return to;
    if (await engine.committer.commit(changeUnit(engine.keys, id, schedule, to)) === null) continue;
    if (to.dueAt !== null) engine.scheduleDueAt(to.dueAt);
    return to;
  }
}
