/**
 * Laws of whole histories: no moment of a schedule was handled twice, and each task of a schedule is in its history
 * (invariant 7).
 *
 * @module
 */
import type { TaskRecord } from "../rows/record.ts";
import type { OccurrenceRow, ScheduleRow } from "../schedules/row.ts";
import { HISTORY } from "../schedules/row.ts";
import { idOf } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import type { Entry } from "../store/port.ts";
import { decode } from "../rows/codec.ts";
import type { Finding } from "./law.ts";
import type { Case } from "./rows.ts";

/** Tries to read a history that changes while it is read. */
const TRIES = 10;

/** Compares tasks with the histories of their schedules. */
export class Histories {
  /** Tasks of each schedule, up to one more than its history can hold: by then it has forgotten some of them. */
  #tasks = new Map<string, Pick<TaskRecord, "id" | "createdAt">[]>();

  constructor(readonly subject: Case) {}

  /** Notes a task, if a schedule has made it. */
  note({ id, createdAt, scheduleId }: TaskRecord): void {
    if (scheduleId === undefined) return;
    const tasks = this.#tasks.get(scheduleId) ?? [];
    if (tasks.length <= HISTORY) tasks.push({ id, createdAt });
    this.#tasks.set(scheduleId, tasks);
  }

  /** Examines each schedule, after all tasks have been noted. */
  async *examine(): AsyncGenerator<Finding, void> {
    const { store, keys } = this.subject;
    for await (const page of pagesOf(store, keys.schedules())) {
      for (const entry of page) yield* await this.#examine(idOf(entry.key));
    }
  }

  async #examine(id: string): Promise<Finding[]> {
    const { keys } = this.subject;
    const read = await this.#read(id);
    if (!read) return [];
    const { schedule, history } = read;
    const findings: Finding[] = [];
    const planned = new Map<number, Entry>();
    const fired = new Set<string | null>();
    for (const entry of history) {
      const { outcome, plannedAt, taskId, byHand } = decode<OccurrenceRow>(entry.value);
      fired.add(taskId);
      if (outcome === "manual" || byHand) continue;
      const before = planned.get(plannedAt);
      planned.set(plannedAt, entry);
      if (!before) continue;
      const message = `Occurrence of ${id} at ${plannedAt} was handled twice`;
      findings.push({ law: 7, message, keys: [before.key, entry.key], repair: null });
    }
    // Some occurrences have been forgotten, or the schedule is being deleted.
    if (history.length < schedule.handled) return findings;
    for (const task of this.#tasks.get(id) ?? []) {
      // A task older than the schedule belongs to an earlier schedule of the same id.
      if (task.createdAt < schedule.createdAt || fired.has(task.id)) continue;
      const message = `Task ${task.id} of schedule ${id} is in none of its occurrences`;
      findings.push({ law: 7, message, keys: [keys.task(task.id), keys.schedule(id)], repair: null });
    }
    return findings;
  }

  /**
   * Reads a schedule with its history. Each change of the history rewrites the schedule too: both are of one moment if
   * the schedule is the same before and after.
   */
  async #read(id: string): Promise<{ schedule: ScheduleRow; history: Entry[] } | null> {
    const { store, keys } = this.subject;
    for (let tries = 0; tries < TRIES; tries++) {
      const [before] = await store.getMany([keys.schedule(id)]);
      if (!before) return null;
      const history = (await Array.fromAsync(pagesOf(store, keys.occurrencesOf(id)))).flat();
      const [after] = await store.getMany([keys.schedule(id)]);
      if (after?.versionstamp === before.versionstamp) {
        return { schedule: decode<ScheduleRow>(before.value), history };
      }
    }
    return null;
  }
}
