/**
 * What a due schedule does next. Each step handles one occurrence, or notes a run of missed ones, so that one commit
 * is small whatever was missed, and a schedule that catches up does not hold up the others.
 *
 * @module
 */
import type { ScheduleRow } from "./row.ts";
import type { Grid } from "./grid.ts";

/** One step. */
export interface Step {
  /** Missed occurrences that will have no task: the first and the last of them. */
  readonly missed: { readonly first: number; readonly last: number } | null;
  /** The occurrence that has a task. */
  readonly fire: number | null;
  /** The first occurrence that is left. */
  readonly next: number | null;
  /** While it catches up with all: the last missed occurrence that has its task. */
  readonly backfillTo?: number;
}

/** Decides about a schedule whose `nextRunAt` is not later than `now`. */
export function stepOf(
  grid: Grid,
  { nextRunAt, misfireGrace, catchUp, catchUpLimit, backfillTo }: Pick<
    ScheduleRow,
    "nextRunAt" | "misfireGrace" | "catchUp" | "catchUpLimit" | "backfillTo"
  >,
  now: number,
): Step {
  const first = nextRunAt!;
  const inTime = now - misfireGrace * 1000;
  if (first >= inTime) return { missed: null, fire: first, next: grid.after(first) };

  // A time zone's rules may have changed since `first` was planned: the grid need not contain it.
  const last = Math.max(first, grid.before(inTime) ?? first);
  const next = grid.after(last);
  switch (catchUp) {
    case "skip":
      return { missed: { first, last }, fire: null, next };
    case "one":
      // An occurrence that is in time stands for the missed ones before it.
      if (next !== null && next <= now) return { missed: { first, last }, fire: null, next };
      return { missed: upTo(grid, first, last), fire: last, next };
    case "all": {
      if (backfillTo !== undefined && first <= backfillTo) {
        return { missed: null, fire: first, next: grid.after(first), backfillTo };
      }
      const fire = back(grid, first, last, catchUpLimit - 1);
      return { missed: upTo(grid, first, fire), fire, next: grid.after(fire), backfillTo: last };
    }
  }
}

/** The occurrences from `first` that are earlier than `fire`. */
function upTo(grid: Grid, first: number, fire: number): Step["missed"] {
  if (fire === first) return null;
  return { first, last: Math.max(first, grid.before(fire) ?? first) };
}

/** The occurrence so many before `last`, but none before `first`. */
function back(grid: Grid, first: number, last: number, count: number): number {
  let at = last;
  for (let n = 0; n < count && at > first; n++) at = Math.max(first, grid.before(at) ?? first);
  return at;
}
