/**
 * Steps: decides what a due schedule does next. Each step handles one occurrence, or records a range of missed ones. So
 * a commit stays small however many were missed, and a schedule that catches up does not hold up the others.
 *
 * @module
 */
import type { ScheduleRow } from "./row.ts";
import type { Grid } from "./zone.ts";

/** A step of a schedule. */
export interface Step {
  /** The first and the last of the missed occurrences that get no task; `null` when there are none. */
  readonly missed: { readonly first: number; readonly last: number } | null;
  /** The occurrence that gets a task; `null` when none does. */
  readonly fire: number | null;
  /** The first occurrence after this step; `null` when there is none. */
  readonly next: number | null;
  /** While the schedule catches up with `"all"`: the last missed occurrence that is to have a task. */
  readonly backfillTo?: number;
}

/** Decides the step of a schedule whose `nextRunAt` is not later than `now`. */
export function stepOf(
  grid: Grid,
  { nextRunAt, misfireGrace, catchUp, catchUpLimit, backfillTo }: Pick<
    ScheduleRow,
    "nextRunAt" | "misfireGrace" | "catchUp" | "catchUpLimit" | "backfillTo"
  >,
  now: number,
): Step {
  const first = nextRunAt!;
  if (catchUp === "one") {
    // The last one that is due stands for all before it, in time or not.
    const after = grid.after(first);
    if (after === null || after > now) return { missed: null, fire: first, next: after };
    const fire = Math.max(first, grid.before(now + 1) ?? first);
    return { missed: upTo(grid, first, fire), fire, next: grid.after(fire) };
  }
  const inTime = now - misfireGrace * 1000;
  if (first >= inTime) return { missed: null, fire: first, next: grid.after(first) };

  // A time zone's rules may have changed since `first` was planned: the grid need not contain it.
  const last = Math.max(first, grid.before(inTime) ?? first);
  const next = grid.after(last);
  switch (catchUp) {
    case "skip":
      return { missed: { first, last }, fire: null, next };
    case "all": {
      if (backfillTo !== undefined && first <= backfillTo) {
        return { missed: null, fire: first, next: grid.after(first), backfillTo };
      }
      const fire = back(grid, first, last, catchUpLimit - 1);
      return { missed: upTo(grid, first, fire), fire, next: grid.after(fire), backfillTo: last };
    }
  }
}

/** The range of the occurrences from `first` that are earlier than `fire`; `null` when there are none. */
function upTo(grid: Grid, first: number, fire: number): Step["missed"] {
  if (fire === first) return null;
  return { first, last: Math.max(first, grid.before(fire) ?? first) };
}

/** The occurrence `count` before `last`, but not earlier than `first`. */
function back(grid: Grid, first: number, last: number, count: number): number {
  let at = last;
  for (let n = 0; n < count && at > first; n++) at = Math.max(first, grid.before(at) ?? first);
  return at;
}
