/**
 * Laws of schedules: a schedule has a `due` row exactly while it may fire, and an occurrence belongs to a schedule that
 * has handled it (invariant 7).
 *
 * @module
 */
import type { OccurrenceRow, ScheduleRow } from "../schedules/row.ts";
import { withDue } from "../schedules/row.ts";
import { idOf, numberIn, scopeOf, timeIn } from "../rows/keys.ts";
import { del, put } from "../rows/unit.ts";
import { type Finding, type Law, type Look, seen, type Stored } from "./law.ts";
import { leftBehind } from "./records.ts";

/** See the module's text. */
export const scheduleLaws: readonly (readonly [families: string, law: Law<never>])[] = [
  ["schedule", dueWhileItMayFire],
  ["schedule", listedWhenItIsDue],
  ["due", listsADueSchedule],
  ["occurrence", wasHandled],
];

function dueWhileItMayFire({ key, row }: Stored<ScheduleRow>, look: Look): Finding | null {
  const { paused, orphaned, nextRunAt, dueAt } = row;
  const may = !paused && !orphaned && nextRunAt !== null;
  if (may === (dueAt !== null)) return null;
  const id = idOf(key);
  const to = withDue(row);
  const listed = may ? put(look.keys.due(to.dueAt!, id), {}) : del(look.keys.due(dueAt!, id));
  return {
    law: 7,
    message: `Schedule ${idOf(key)} ${
      may ? "may fire and is not due" : `may not fire and is due at ${dueAt}`
    }`,
    keys: [key],
    repair: {
      does: "set right",
      unit: { checks: [seen(look, key)], mutations: [put(key, to), listed] },
    },
  };
}

function listedWhenItIsDue({ key, row: { dueAt } }: Stored<ScheduleRow>, look: Look): Finding | null {
  if (dueAt === null) return null;
  const due = look.keys.due(dueAt, idOf(key));
  if (look.at(due)) return null;
  return {
    law: 7,
    message: `Schedule ${idOf(key)} is due at ${dueAt} and not listed so`,
    keys: [key, due],
    repair: {
      does: "listed",
      unit: { checks: [seen(look, key), seen(look, due)], mutations: [put(due, {})] },
    },
  };
}

function listsADueSchedule({ key }: Stored<unknown>, look: Look): Finding | null {
  const schedule = look.keys.schedule(idOf(key));
  const row = look.at<ScheduleRow>(schedule)?.row;
  if (row && row.dueAt === timeIn(key)) return null;
  const found = row ? `is due at ${row.dueAt}` : "is gone";
  return leftBehind(
    `Schedule ${idOf(key)} ${found} and listed as due at ${timeIn(key)}`,
    7,
    look,
    key,
    schedule,
  );
}

function wasHandled({ key }: Stored<OccurrenceRow>, look: Look): Finding | null {
  const [id, n] = [scopeOf(key), numberIn(key)];
  const schedule = look.keys.schedule(id);
  const row = look.at<ScheduleRow>(schedule)?.row;
  if (!row) {
    return leftBehind(`Occurrence ${n} of ${id} is left, and the schedule gone`, 7, look, key, schedule);
  }
  if (n < row.handled) return null;
  const message = `Occurrence ${n} of ${id} is beyond the ${row.handled} that were handled`;
  return { law: 7, message, keys: [key, schedule], repair: null };
}
