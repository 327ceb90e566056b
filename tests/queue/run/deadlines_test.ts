import assert from "node:assert/strict";
import fc from "fast-check";
import { Deadlines, type Limited } from "../../../queue/run/deadlines.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";

/** A member that notes when it expired, and may go on to a further deadline. */
function member(clock: FakeClock, all: Deadlines, ...deadlines: number[]): Limited & { expired: number[] } {
  const start = clock.monotonic();
  const expired: number[] = [];
  return {
    expired,
    deadline: start + deadlines.shift()!,
    timeIsUp() {
      expired.push(clock.monotonic() - start);
      const next = deadlines.shift();
      if (next === undefined) all.delete(this);
      else (this as { deadline: number }).deadline = start + next;
    },
  };
}

Deno.test("each member expires at its own deadline, on one timer", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 30 }),
      async (list) => {
        const clock = new FakeClock();
        const all = new Deadlines(clock);
        const members = list.map((deadline) => member(clock, all, deadline));
        for (const m of members) all.add(m);
        assert.equal(clock.pending, 1);
        await clock.advance(1000);
        assert.deepEqual(members.map(({ expired }) => expired), list.map((deadline) => [deadline]));
        assert.equal(clock.pending, 0);
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("a member that has a further deadline is called again", async () => {
  const clock = new FakeClock();
  const all = new Deadlines(clock);
  const twice = member(clock, all, 100, 250);
  all.add(twice);
  await clock.advance(1000);
  assert.deepEqual(twice.expired, [100, 250]);
});

Deno.test("a member that has left is not called, and the last one takes the timer along", async () => {
  const clock = new FakeClock();
  const all = new Deadlines(clock);
  const [first, second] = [member(clock, all, 100), member(clock, all, 200)];
  all.add(first);
  all.add(second);
  all.delete(first);
  await clock.advance(150);
  assert.deepEqual(first.expired, []);
  all.delete(second);
  assert.equal(clock.pending, 0);
  // It can be used again.
  const third = member(clock, all, 50);
  all.add(third);
  await clock.advance(50);
  assert.deepEqual(third.expired, [50]);
});

Deno.test("no deadline needs no timer", () => {
  const clock = new FakeClock();
  const all = new Deadlines(clock);
  all.add({ deadline: Infinity, timeIsUp() {} });
  assert.equal(clock.pending, 0);
});
