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
 * What a schedule does when the clocks change. In the hour that does not exist a daily time moves to the end of the
 * gap; in the hour that exists twice it runs in the first; what runs every hour or half hour runs in both.
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
  ["Pacific/Auckland", "30 2 * * *", "2026-09-25T20:00Z", ["09-27 03:00 14:00Z", "09-28 02:30 13:30Z"]],
  ["Pacific/Auckland", "30 2 * * *", "2026-04-03T20:00Z", ["04-05 02:30 13:30Z", "04-06 02:30 14:30Z"]],
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
