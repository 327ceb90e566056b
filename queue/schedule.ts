/**
 * Schedules declared in code: a due one is advanced and its task submitted in one commit that checks the schedule's
 * row, so any number of processes may tick and each occurrence has one task (invariant 7).
 *
 * @module
 */
import type { AnyTaskDefinition } from "./define.ts";
import type { Engine } from "./engine.ts";
import { submitScheduled } from "./submit.ts";
import type { ScheduleRow } from "./record.ts";
import { decodeEntry } from "./store/codec.ts";
import { put } from "./store/unit.ts";

/** A task that is submitted whenever its time comes. */
export interface CodeSchedule {
  /** Unique among the schedules. */
  readonly id: string;
  readonly task: AnyTaskDefinition;
  readonly args: readonly unknown[];
  /** Seconds between occurrences, counted from 1970: 60 is every full minute. */
  readonly every: number;
}

/** An occurrence this close, in milliseconds, counts as due: the caller's timer may fire a little early. */
const EARLY = 500;

/** Submits the occurrence that a schedule owes by now; missed earlier ones are made up for by this one. */
export async function tickSchedule(engine: Engine, schedule: CodeSchedule): Promise<void> {
  const now = engine.clock.now() + EARLY;
  const every = schedule.every * 1000;
  const key = engine.keys.schedule(schedule.id);
  const [entry] = await engine.store.getMany([key]);
  const row = decodeEntry<ScheduleRow>(entry);
  if (row && row.every === schedule.every && row.nextRunAt > now) return;
  const next: ScheduleRow = { every: schedule.every, nextRunAt: (Math.floor(now / every) + 1) * every };
  const advance = {
    checks: [{ key, versionstamp: entry?.versionstamp ?? null }],
    mutations: [put(key, next)],
  };
  // Not landed: another process submitted this occurrence.
  await submitScheduled(engine, { name: schedule.task.name, args: schedule.args }, schedule.id, advance);
}
