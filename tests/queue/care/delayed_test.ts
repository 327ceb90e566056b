import assert from "node:assert/strict";
import fc from "fast-check";
import { task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { rowsOf } from "../../support/rows.ts";

onBothStores(
  "a delayed task waits as PENDING, and starts within a poll of its time, never early",
  async (open) => {
    await using q = await open({ definitions: [task("a", () => 1)] });
    const { tasks: [delayed] } = await q.queue.submitAll([{ name: "a", args: [], delay: 90 }]);
    assert.equal(delayed!.runAt, delayed!.createdAt + 90_000);
    assert.equal(delayed!.state, "PENDING");
    assert.equal(q.events.of("submitted")[0]!.delay, 90);
    await q.clock.advance(89_999);
    assert.equal(q.events.of("started").length, 0);
    assert.equal((await q.queue.get(delayed!.id)).state, "PENDING");
    await q.clock.advance(1);
    const { waited } = await q.events.next("started");
    assert.equal(waited, 0);
  },
);

onBothStores("runAt names the moment itself", async (open) => {
  await using q = await open({ definitions: [task("a", () => 1)] });
  const runAt = q.clock.now() + 5000;
  await q.queue.submitAll([{ name: "a", args: [], runAt }]);
  await q.clock.advance(4999);
  assert.equal(q.events.of("started").length, 0);
  await q.clock.advance(1);
  await q.events.next("started");
});

onBothStores("delayed tasks run in the order of their times, none early", async (open) => {
  const delays = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(delays, async (list) => {
      const runs: { delay: number; late: number }[] = [];
      const note = task(
        "note",
        (_ctx, delay, at) => void runs.push({ delay: Number(delay), late: q.clock.now() - Number(at) }),
      );
      await using q = await open({ definitions: [note], channels: { default: 1 } });
      await q.queue.submitAll(
        list.map((delay) => ({ name: "note", args: [delay, q.clock.now() + delay], delay: delay / 1000 })),
      );
      await q.clock.advance(20_000);
      assert.deepEqual(runs.map(({ delay }) => delay), list.toSorted((a, b) => a - b));
      assert(runs.every(({ late }) => late >= 0 && late <= 1), JSON.stringify(runs));
    }),
    { numRuns: 15 },
  );
});

onBothStores("a task delayed by less than another one is not held up by it", async (open) => {
  await using q = await open({ definitions: [task("a", () => 1)] });
  await q.queue.submitAll([{ name: "a", args: [], delay: 600 }]);
  await q.clock.advance(10_000);
  const { tasks: [soon] } = await q.queue.submitAll([{ name: "a", args: [], delay: 1.25 }]);
  await q.clock.advance(1250);
  assert.equal((await q.events.next("finished")).task.id, soon!.id);
});

Deno.test("a delayed task that another process submitted is found by a poll", async () => {
  const definitions = [task("a", () => 1)];
  await using runs = await openQueue({ definitions });
  await using asks = await openQueue({ definitions, store: runs.store, clock: runs.clock, start: false });
  await runs.clock.advance(10_000);
  await asks.queue.submitAll([{ name: "a", args: [], delay: 1 }]);
  await runs.clock.advance(999);
  assert.equal(runs.events.of("started").length, 0);
  await runs.clock.advance(2001);
  await runs.events.next("finished");
});

Deno.test("more tasks than one look takes become ready together", async () => {
  await using q = await openQueue({ definitions: [task("a", () => 1)], channels: { default: 50 } });
  const request = { name: "a", args: [], delay: 5 };
  for (let i = 0; i < 2; i++) await q.queue.submitAll(Array.from({ length: 250 }, () => request));
  await q.clock.advance(5000);
  assert.equal(q.events.of("finished").length, 500);
});

Deno.test("a delayed task outlives the process that took it in", async () => {
  const definitions = [task("a", () => 1)];
  await using first = await openQueue({ definitions });
  const { tasks: [delayed] } = await first.queue.submitAll([{ name: "a", args: [], delay: 3600 }]);
  await first.queue.stop(0);
  assert.deepEqual((await rowsOf(first.store, "delayed")).map(({ key }) => key[2]), [delayed!.runAt]);
  await using second = await openQueue({ definitions, store: first.store, clock: first.clock });
  await first.clock.skip(3_600_000);
  await second.events.next("finished");
});
