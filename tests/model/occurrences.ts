/**
 * The history of schedules: every planned moment is accounted for once, in its order (invariant 7).
 *
 * @module
 */
import type { OccurrenceRow, ScheduleRow } from "../../queue/schedules/row.ts";
import type { Row } from "../support/rows.ts";

/**
 * What is wrong with the schedules' histories, of intervals and while no history is cut.
 *
 * @param paused schedules that were paused at some time: what was planned meanwhile is left out
 */
export function brokenHistories(rows: readonly Row[], paused: ReadonlySet<string>): string[] {
  const broken: string[] = [];
  const histories = Map.groupBy(
    rows.filter(({ family }) => family === "occurrence"),
    ({ key }) => `${key[2]}`,
  );
  for (const { key, value } of rows.filter(({ family }) => family === "schedule")) {
    const id = String(key[2]);
    const row: ScheduleRow = value;
    if (!("interval" in row.trigger)) continue;
    const step = row.trigger.interval * 1000;
    const occurrences = (histories.get(id) ?? []).map(({ value }): OccurrenceRow => value)
      .filter(({ outcome, byHand }) => outcome !== "manual" && !byHand);
    let next = row.createdAt + step;
    for (const { plannedAt, missedUntil } of occurrences) {
      const late = plannedAt - next;
      if (late < 0 || late % step !== 0 || late > 0 && !paused.has(id)) {
        broken.push(`Schedule ${id} handled ${plannedAt}, next was ${next} (invariant 7)`);
      }
      next = (missedUntil ?? plannedAt) + step;
    }
    const ended = row.endAt !== null && next > row.endAt;
    if (!paused.has(id) && row.nextRunAt !== (ended ? null : next)) {
      broken.push(`Schedule ${id} is at ${row.nextRunAt}, its history at ${next} (invariant 7)`);
    }
  }
  return broken;
}
