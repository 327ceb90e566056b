import assert from "node:assert/strict";
import { z } from "zod";
import { defineTask } from "../../queue/mod.ts";
import { task } from "../support/held_task.ts";
import { START } from "../support/fake_clock.ts";
import { onBothStores, openQueue } from "../support/open_queue.ts";
import { rowsOf } from "../support/rows.ts";

const MINUTE = 60_000;
const ticks = task("ticks", (_ctx, word) => word);
const everyMinute = { id: "every-minute", task: ticks, args: ["now"], every: 60 };

Deno.test("processes that tick at once submit one task a minute", async () => {
  const options = { definitions: [ticks], schedules: [everyMinute] };
  await using a = await openQueue(options);
  await using b = await openQueue({ ...options, store: a.store, clock: a.clock });
  await using c = await openQueue({ ...options, store: a.store, clock: a.clock, start: false });
  for (let minute = 0; minute < 10; minute++) {
    await Promise.all([a, b, c, a, b].map((q) => q.queue.tick()));
    await a.clock.advance(MINUTE);
  }
  const { tasks } = await a.queue.list();
  assert.deepEqual(
    tasks.map(({ createdAt }) => (createdAt - START) / MINUTE),
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
  );
  assert(
    tasks.every(({ state, result, scheduleId }) =>
      state === "SUCCESS" && result === "now" && scheduleId === "every-minute"
    ),
  );
});

onBothStores("ticks within a minute submit nothing more", async (open) => {
  await using q = await open({ definitions: [ticks], schedules: [everyMinute] });
  for (let second = 0; second < 59; second++) {
    await q.queue.tick();
    await q.clock.advance(1000);
  }
  assert.equal((await rowsOf(q.store, "task")).length, 1);
});

onBothStores("a tick up to half a second early counts for its minute", async (open) => {
  await using q = await open({ definitions: [ticks], schedules: [everyMinute] });
  await q.queue.tick();
  await q.clock.advance(MINUTE - 501);
  await q.queue.tick();
  assert.equal((await rowsOf(q.store, "task")).length, 1);
  await q.clock.advance(1);
  await q.queue.tick();
  assert.equal((await rowsOf(q.store, "task")).length, 2);
  // The minute itself has been served; the next one has not.
  await q.clock.advance(500);
  await q.queue.tick();
  assert.equal((await rowsOf(q.store, "task")).length, 2);
  await q.clock.advance(MINUTE);
  await q.queue.tick();
  assert.equal((await rowsOf(q.store, "task")).length, 3);
});

onBothStores("missed minutes are made up for by one task", async (open) => {
  await using q = await open({ definitions: [ticks], schedules: [everyMinute] });
  await q.queue.tick();
  await q.clock.skip(60 * MINUTE);
  await q.queue.tick();
  await q.queue.tick();
  assert.equal((await rowsOf(q.store, "task")).length, 2);
  await q.clock.advance(MINUTE);
  await q.queue.tick();
  assert.equal((await rowsOf(q.store, "task")).length, 3);
});

onBothStores("a schedule whose interval was changed goes by the new one", async (open) => {
  await using q = await open({ definitions: [ticks], schedules: [{ ...everyMinute, every: 86_400 }] });
  await q.queue.tick();
  await q.clock.advance(MINUTE);
  await using changed = await open({
    definitions: [ticks],
    schedules: [everyMinute],
    store: q.store,
    clock: q.clock,
  });
  for (let i = 0; i < 3; i++) {
    await changed.queue.tick();
    await q.clock.advance(MINUTE);
  }
  assert.equal((await rowsOf(q.store, "task")).length, 4);
});

onBothStores("a schedule that cannot be submitted does not stop the others, and says so", async (open) => {
  const strict = defineTask({ name: "strict", args: z.tuple([z.int()]) }, () => 1);
  const wrong = { id: "wrong", task: strict, args: ["x"], every: 60 };
  await using q = await open({ definitions: [ticks, strict], schedules: [wrong, everyMinute] });
  await assert.rejects(q.queue.tick(), /wrong/);
  assert.deepEqual((await q.queue.list()).tasks.map(({ name }) => name), ["ticks"]);
  await q.clock.settle();
});

onBothStores("a queue that is stopping submits no occurrence", async (open) => {
  await using q = await open({ definitions: [ticks], schedules: [everyMinute] });
  await q.close();
  await q.queue.tick();
});
