/**
 * A schedule's grid: the planned moments of its trigger between start and end. Late ticks, jitter and restarts do not
 * move them.
 *
 * @module
 */
import { readCron } from "./cron.ts";
import type { ScheduleRow } from "./row.ts";
import type { ScheduleSettings } from "./schedule.ts";
import { type Grid, inZone } from "./zone.ts";

/** Makes the grid of a schedule. */
export function gridOf(
  { trigger, startAt, endAt, createdAt }: Pick<ScheduleRow, "trigger" | "startAt" | "endAt" | "createdAt">,
): Grid {
  const whole = "cron" in trigger
    ? cronGrid(trigger.cron, trigger.timezone)
    : "interval" in trigger
    ? intervalGrid(trigger.interval * 1000, startAt, createdAt)
    : dateGrid(trigger.date);
  return {
    after(time) {
      const found = whole.after(Math.max(time, (startAt ?? -Infinity) - 1));
      return found === null || found > (endAt ?? Infinity) ? null : found;
    },
    before(time) {
      const found = whole.before(Math.min(time, (endAt ?? Infinity) + 1));
      return found === null || found < (startAt ?? -Infinity) ? null : found;
    },
  };
}

function cronGrid(text: string, timezone = "UTC"): Grid {
  const { times, rule } = readCron(text);
  return timezone === "UTC" ? times : inZone(times, rule, timezone);
}

/**
 * Makes the grid of an interval. The start itself is an occurrence, the creation is not. Each moment is counted from
 * there and rounded, so that fractions of a millisecond do not add up.
 */
function intervalGrid(step: number, startAt: number | null, createdAt: number): Grid {
  const anchor = startAt ?? createdAt;
  const first = startAt === null ? 1 : 0;
  const at = (n: number) => Math.round(anchor + n * step);
  return {
    after(time) {
      let n = Math.max(first, Math.floor((time - anchor) / step));
      while (at(n) <= time) n++;
      return at(n);
    },
    before(time) {
      let n = Math.ceil((time - anchor) / step);
      while (at(n) >= time) n--;
      return n < first ? null : at(n);
    },
  };
}

function dateGrid(date: number): Grid {
  return {
    after: (time) => time < date ? date : null,
    before: (time) => time > date ? date : null,
  };
}

/** Whether two schedules that were created at the same moment have the same occurrences. */
export function sameGrid(a: ScheduleSettings, b: ScheduleSettings): boolean {
  return JSON.stringify(a.trigger) === JSON.stringify(b.trigger) && a.startAt === b.startAt &&
    a.endAt === b.endAt;
}
