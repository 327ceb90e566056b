import assert from "node:assert/strict";
import fc from "fast-check";
import { gridOf } from "../../../queue/schedules/grid.ts";
import type { Trigger } from "../../../queue/mod.ts";

function grid(trigger: Trigger, createdAt = 0) {
  return gridOf({ trigger, startAt: null, endAt: null, createdAt });
}

/** The local times, by the runtime's own time zones, of what a schedule does from a moment on. */
function local(cron: string, timezone: string, from: string, count: number): string[] {
  const { after, before } = grid({ cron, timezone });
  const moments: number[] = [];
  for (let at = Date.parse(from); moments.length < count;) moments.push(at = after(at)!);
  // The way back finds the same moments.
  let at = moments.at(-1)! + 1;
  for (const moment of moments.toReversed()) assert.equal(at = before(at)!, moment);
  return moments.map((moment) => {
    const text = new Date(moment).toLocaleString("sv", { timeZone: timezone }).slice(5, 16);
    return `${text} ${new Date(moment).toISOString().slice(11, 16)}Z`;
  });
}

/**
 * Occurrences when the clocks change. A time that does not exist moves to the end of the gap, several in one gap to one
 * occurrence there; a time that exists twice runs the first time. With a star in the minutes or hours it runs both times.
 * A schedule of every hour leaves out the times that do not exist.
 */
const CLOCK_CHANGES: [zone: string, cron: string, from: string, expected: string[]][] = [
  ["Europe/Rome", "30 2 * * *", "2026-03-28T12:00Z", ["03-29 03:00 01:00Z", "03-30 02:30 00:30Z"]],
  ["Europe/Rome", "30 2 * * *", "2026-10-24T12:00Z", ["10-25 02:30 00:30Z", "10-26 02:30 01:30Z"]],
  ["Europe/Rome", "0 * * * *", "2026-03-29T00:30Z", ["03-29 03:00 01:00Z", "03-29 04:00 02:00Z"]],
  [
    "Europe/Rome",
    "*/30 * * * *",
    "2026-10-25T00:15Z",
    ["10-25 02:30 00:30Z", "10-25 02:00 01:00Z", "10-25 02:30 01:30Z", "10-25 03:00 02:00Z"],
  ],
  ["America/New_York", "30 2 * * *", "2026-03-07T12:00Z", ["03-08 03:00 07:00Z", "03-09 02:30 06:30Z"]],
  ["America/New_York", "30 1 * * *", "2026-10-31T12:00Z", ["11-01 01:30 05:30Z", "11-02 01:30 06:30Z"]],
  // Half an hour only.
  ["Australia/Lord_Howe", "15 2 * * *", "2026-10-02T16:00Z", ["10-04 02:30 15:30Z", "10-05 02:15 15:15Z"]],
  ["Australia/Lord_Howe", "45 1 * * *", "2026-04-03T16:00Z", ["04-05 01:45 14:45Z", "04-06 01:45 15:15Z"]],
  // Every hour leaves out 02:15, which the half hour lacks: the next one comes 90 minutes after the former.
  [
    "Australia/Lord_Howe",
    "15 * * * *",
    "2026-10-03T14:00Z",
    ["10-04 01:15 14:45Z", "10-04 03:15 16:15Z", "10-04 04:15 17:15Z"],
  ],
  ["Pacific/Auckland", "30 2 * * *", "2026-09-25T20:00Z", ["09-27 03:00 14:00Z", "09-28 02:30 13:30Z"]],
  ["Pacific/Auckland", "30 2 * * *", "2026-04-03T20:00Z", ["04-05 02:30 13:30Z", "04-06 02:30 14:30Z"]],
  // Lists and ranges.
  [
    "Europe/Rome",
    "30 2,14 * * *",
    "2026-10-24T14:00Z",
    ["10-25 02:30 00:30Z", "10-25 14:30 13:30Z", "10-26 02:30 01:30Z"],
  ],
  ["Europe/Rome", "30 2,14 * * *", "2026-03-28T14:00Z", ["03-29 03:00 01:00Z", "03-29 14:30 12:30Z"]],
  ["Europe/Rome", "0,30 2 * * *", "2026-03-28T12:00Z", ["03-29 03:00 01:00Z", "03-30 02:00 00:00Z"]],
  [
    "Europe/Rome",
    "0,30 2 * * *",
    "2026-10-24T12:00Z",
    ["10-25 02:00 00:00Z", "10-25 02:30 00:30Z", "10-26 02:00 01:00Z"],
  ],
  ["Europe/Rome", "15,45 2 * * *", "2026-03-28T12:00Z", ["03-29 03:00 01:00Z", "03-30 02:15 00:15Z"]],
  [
    "Europe/Rome",
    "15,45 2 * * *",
    "2026-10-24T12:00Z",
    ["10-25 02:15 00:15Z", "10-25 02:45 00:45Z", "10-26 02:15 01:15Z"],
  ],
  [
    "Europe/Rome",
    "30 2-3 * * *",
    "2026-03-28T12:00Z",
    ["03-29 03:00 01:00Z", "03-29 03:30 01:30Z", "03-30 02:30 00:30Z"],
  ],
  [
    "Europe/Rome",
    "30 2-3 * * *",
    "2026-10-24T12:00Z",
    ["10-25 02:30 00:30Z", "10-25 03:30 02:30Z", "10-26 02:30 01:30Z"],
  ],
  ["Europe/Rome", "15,45 30 2 * * *", "2026-03-28T12:00Z", ["03-29 03:00 01:00Z", "03-30 02:30 00:30Z"]],
  [
    "Europe/Rome",
    "15,45 30 2 * * *",
    "2026-10-24T12:00Z",
    ["10-25 02:30 00:30Z", "10-25 02:30 00:30Z", "10-26 02:30 01:30Z"],
  ],
  // A star: both times when the hour repeats, and nothing is lost in a gap.
  ["Europe/Rome", "*/30 2 * * *", "2026-03-28T12:00Z", ["03-29 03:00 01:00Z", "03-30 02:00 00:00Z"]],
  [
    "Europe/Rome",
    "*/30 2 * * *",
    "2026-10-24T12:00Z",
    [
      "10-25 02:00 00:00Z",
      "10-25 02:30 00:30Z",
      "10-25 02:00 01:00Z",
      "10-25 02:30 01:30Z",
      "10-26 02:00 01:00Z",
    ],
  ],
  ["Europe/Rome", "30 * * * *", "2026-03-29T00:00Z", ["03-29 01:30 00:30Z", "03-29 03:30 01:30Z"]],
  ["Europe/Rome", "30 0-23 * * *", "2026-10-25T00:00Z", ["10-25 02:30 00:30Z", "10-25 02:30 01:30Z"]],
  // Two hours at once.
  ["Antarctica/Troll", "30 1,2 * * *", "2026-03-28T12:00Z", ["03-29 03:00 01:00Z", "03-30 01:30 23:30Z"]],
  [
    "Antarctica/Troll",
    "30 1,2 * * *",
    "2026-10-24T12:00Z",
    ["10-25 01:30 23:30Z", "10-25 02:30 00:30Z", "10-26 01:30 01:30Z"],
  ],
  // The gap reaches midnight: its end is the next day.
  ["America/Nuuk", "30 23 * * *", "2026-03-28T12:00Z", ["03-29 00:00 01:00Z", "03-29 23:30 00:30Z"]],
  ["America/Nuuk", "30 23 * * SAT", "2027-03-27T12:00Z", ["03-28 00:00 01:00Z", "04-03 23:30 00:30Z"]],
  ["America/Nuuk", "0 0,23 * * *", "2026-03-28T12:00Z", ["03-29 00:00 01:00Z", "03-29 23:00 00:00Z"]],
  // At midnight: a day that begins at one o'clock, and an hour before midnight that comes twice.
  ["America/Santiago", "0 0 * * *", "2026-09-05T12:00Z", ["09-06 01:00 04:00Z", "09-07 00:00 03:00Z"]],
  ["America/Santiago", "30 23 * * *", "2026-04-04T12:00Z", ["04-04 23:30 02:30Z", "04-05 23:30 03:30Z"]],
];

for (const [zone, cron, from, expected] of CLOCK_CHANGES) {
  Deno.test(`'${cron}' in ${zone} when the clocks change after ${from}`, () => {
    assert.deepEqual(local(cron, zone, from, expected.length), expected);
  });
}

Deno.test("six fields begin with seconds, and without a zone it is UTC", () => {
  const { after } = grid({ cron: "*/15 30 9 * * MON" });
  const seen: string[] = [];
  for (let at = Date.UTC(2026, 0, 5); seen.length < 5;) {
    at = after(at)!;
    seen.push(new Date(at).toISOString().slice(0, 19));
  }
  assert.deepEqual(seen, [
    "2026-01-05T09:30:00",
    "2026-01-05T09:30:15",
    "2026-01-05T09:30:30",
    "2026-01-05T09:30:45",
    "2026-01-12T09:30:00",
  ]);
});

/** Texts that other crons accept, and the same in plain words. */
const SAME: [string, string][] = [
  ["@hourly", "0 * * * *"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  [" @Weekly ", "0 0 * * SUN"],
  ["@monthly", "0 0 1 * *"],
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
  ["0 22-2 * * *", "0 22,23,0,1,2 * * *"],
  ["0 22-4/2 * * *", "0 22,0,2,4 * * *"],
  ["0 23-4/2 * * *", "0 23,1,3 * * *"],
  ["55-5/5 * * * *", "55,0,5 * * * *"],
  ["50-10/20 0 * * * *", "50,10 0 * * * *"],
  ["0 0 28-3 * *", "0 0 28,29,30,31,1,2,3 * *"],
  ["0 0 1 NOV-feb *", "0 0 1 11,12,1,2 *"],
  ["0 0 1 11-2 *", "0 0 1 11,12,1,2 *"],
  ["0 0 * * FRI-MON", "0 0 * * 5,6,0,1"],
  ["0 0 * * fri-sun", "0 0 * * 5,6,0"],
  ["0 0 * * 5-7", "0 0 * * 5,6,0"],
  ["0 0 * * 7-2", "0 0 * * 0,1,2"],
  ["0 0 * * SUN-TUE", "0 0 * * 0,1,2"],
  ["0 0 * * MON-SUN", "0 0 * * *"],
  ["0 0 * * SAT-MON,WED", "0 0 * * 6,0,1,3"],
  ["0 0 * * FRI-SAT#2", "0 0 * * 5#2,6#2"],
  ["0 0 * * SAT-SUN#2", "0 0 * * 6#2,0#2"],
  ["0 0 1 * +FRI-MON", "0 0 1 * +5,6,0,1"],
  ["30 2/12 * * *", "30 2,14 * * *"],
  ["5/20 * * * *", "5,25,45 * * * *"],
  ["0 0 1/10 * *", "0 0 1,11,21,31 * *"],
  ["0 0 1 2/3 *", "0 0 1 2,5,8,11 *"],
  ["0 0 * * MON/2", "0 0 * * 1,3,5"],
  ["0 0 * * 7/2", "0 0 * * 0,2,4,6"],
];

Deno.test("texts of other crons mean what they mean there", () => {
  for (const [text, plain] of SAME) {
    const [a, b] = [text, plain].map((cron) => {
      const { after } = grid({ cron, timezone: "Europe/Rome" });
      const seen: string[] = [];
      for (let at = Date.UTC(2026, 0, 1, 7); seen.length < 60;) {
        seen.push(new Date(at = after(at)!).toISOString());
      }
      return seen;
    });
    assert.deepEqual(a, b, text);
  }
});

Deno.test("after and before are each other's inverse on every grid", () => {
  const trigger = fc.oneof(
    fc.double({ min: 0.01, max: 1e6, noNaN: true }).map((interval): Trigger => ({ interval })),
    fc.constantFrom<Trigger>(
      { cron: "*/7 * * * *", timezone: "Europe/Rome" },
      { cron: "30 2 * * *", timezone: "America/New_York" },
      { cron: "*/20 * * * * *" },
      { cron: "0 12 1 * *", timezone: "Pacific/Auckland" },
      { date: Date.UTC(2026, 5, 1) },
    ),
  );
  const time = fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2027, 0) });
  fc.assert(
    fc.property(trigger, time, time, (trigger, createdAt, now) => {
      const { after, before } = grid(trigger, createdAt);
      const next = after(now);
      if (next === null) return assert("date" in trigger && trigger.date <= now);
      assert(next > now);
      const following = after(next);
      if (following !== null) assert.equal(before(following), next);
      const former = before(next);
      if (former !== null) {
        assert(former < next && former <= now);
        assert.equal(after(former), next);
      }
    }),
    { numRuns: 500 },
  );
});
