/** The loops of a queue on demand: the moments at which they begin and end. */
import assert from "node:assert/strict";
import { Activity, type Workings } from "../../../queue/ground/activity.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";

/** An activity over one loop, which does at its start what is ready by then. */
async function started(asked: () => void = () => {}) {
  const clock = new FakeClock();
  const told: string[] = [];
  const work = { ready: false };
  const loop: Workings["loops"][number] = {
    start() {
      told.push("start");
      work.ready = false;
    },
    stop: () => Promise.resolve(void told.push("stop")),
    get nextAt() {
      asked();
      return work.ready ? 0 : Infinity;
    },
  };
  const activity = new Activity(clock, true, {
    loops: [loop],
    prepare: () => Promise.resolve(void told.push("prepare")),
    failed: (error) => assert.fail(String(error)),
  });
  await activity.start();
  return { activity, clock, told, work };
}

Deno.test("overlapping reasons begin the loops once, and each beginning is prepared", async () => {
  const { activity, clock, told } = await started();
  activity.enter();
  activity.enter();
  await clock.settle();
  activity.leave();
  await clock.settle();
  assert.deepEqual(told, ["prepare", "start"]);
  activity.leave();
  await clock.settle();
  activity.enter();
  await clock.settle();
  assert.deepEqual(told, ["prepare", "start", "stop", "prepare", "start"]);
});

Deno.test("a task that becomes ready just as a drain ends begins the next one", async () => {
  let times = 0;
  const { activity, clock, told, work } = await started(() => {
    if (times++ > 0) return;
    // The answer ends the drain, and this comes before that has sunk in.
    queueMicrotask(() => {
      work.ready = true;
      activity.stir();
    });
  });
  activity.stir();
  await clock.advance(1000);
  assert.deepEqual(told, ["prepare", "start", "stop", "prepare", "start", "stop"]);
  assert.equal(clock.pending, 0);
});

Deno.test("no loop begins after stop(), and no caller stays", async () => {
  const { activity, clock, told } = await started();
  const stayed = activity.stay(() => Infinity, () => false);
  await clock.settle();
  await activity.stop();
  await stayed;
  activity.enter();
  activity.stir();
  await clock.advance(5000);
  assert.deepEqual(told, ["prepare", "start", "stop"]);
  assert.equal(clock.pending, 0);
});
