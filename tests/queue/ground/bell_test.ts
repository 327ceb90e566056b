import assert from "node:assert/strict";
import { Bell } from "../../../queue/ground/bell.ts";
import { sleep } from "../../../queue/ground/clock.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";

/** The answer of a wait, once it has come. */
function answerOf(wait: Promise<boolean>): { rang?: boolean } {
  const answer: { rang?: boolean } = {};
  wait.then((rang) => answer.rang = rang);
  return answer;
}

Deno.test("a wait ends when the bell rings", async () => {
  const clock = new FakeClock();
  const bell = new Bell(clock);
  const answer = answerOf(bell.wait(1000));
  await clock.advance(500);
  assert.deepEqual(answer, {});
  bell.ring();
  await clock.settle();
  assert.deepEqual(answer, { rang: true });
  assert.equal(clock.pending, 0);
});

Deno.test("a wait ends when its time is over", async () => {
  const clock = new FakeClock();
  const answer = answerOf(new Bell(clock).wait(1000));
  await clock.advance(999);
  assert.deepEqual(answer, {});
  await clock.advance(1);
  assert.deepEqual(answer, { rang: false });
});

Deno.test("a ring while nobody waits ends the next wait at once, and only that one", async () => {
  const clock = new FakeClock();
  const bell = new Bell(clock);
  bell.ring();
  bell.ring();
  assert.equal(await bell.wait(1000), true);
  const answer = answerOf(bell.wait(1000));
  await clock.advance(999);
  assert.deepEqual(answer, {});
  await clock.advance(1);
  assert.deepEqual(answer, { rang: false });
  assert.equal(clock.pending, 0);
});

Deno.test("sleep resolves at its time, and rejects with the reason of its signal", async () => {
  const clock = new FakeClock();
  const controller = new AbortController();
  let woke = false;
  const first = sleep(clock, 100, controller.signal).then(() => woke = true);
  await clock.advance(99);
  assert(!woke);
  await clock.advance(1);
  await first;
  const second = sleep(clock, 100, controller.signal);
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(second, reason);
  await assert.rejects(sleep(clock, 100, controller.signal), reason);
  assert.equal(clock.pending, 0);
});
