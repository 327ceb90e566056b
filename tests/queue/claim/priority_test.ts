import assert from "node:assert/strict";
import fc from "fast-check";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";

/** Priorities of the tasks in the order of their runs. */
async function orderOf(open: typeof openQueue, priorities: readonly number[]): Promise<[number, number][]> {
  const order: [number, number][] = [];
  const note = task("note", (_ctx, priority, i) => void order.push([Number(priority), Number(i)]));
  const blocker = heldTask("blocker");
  await using q = await open({ definitions: [note, blocker.definition], channels: { default: 1 } });
  await q.queue.submit(blocker.definition, []);
  await q.clock.settle();
  for (const [i, priority] of priorities.entries()) await q.queue.submit(note, [priority, i], { priority });
  blocker.runs[0]!.finish();
  await q.clock.advance(5000);
  return order;
}

onBothStores(
  "of a channel's waiting tasks those of priority 9 run first and those of 0 last",
  async (open) => {
    const order = await orderOf(open, [3, 0, 9, 5, 1, 8, 2, 7, 4, 6]);
    assert.deepEqual(order.map(([priority]) => priority), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  },
);

onBothStores("tasks of one priority run in the order they were submitted", async (open) => {
  const order = await orderOf(open, Array.from({ length: 150 }, () => 5));
  assert.deepEqual(order.map(([, i]) => i), Array.from({ length: 150 }, (_, i) => i));
});

onBothStores("tasks run by priority, then by age, in whatever order they were submitted", async (open) => {
  const priorities = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(priorities, async (list) => {
      const expected = list.map((priority, i) => [priority, i] as const)
        .toSorted(([p, i], [q, j]) => q - p || i - j);
      assert.deepEqual(await orderOf(open, list), expected);
    }),
    { numRuns: 20 },
  );
});

onBothStores("an urgent task overtakes those that wait, not those that run", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition], channels: { default: 2 } });
  for (let i = 0; i < 6; i++) await q.queue.submit(held.definition, [i]);
  await q.clock.settle();
  await q.queue.submit(held.definition, ["urgent"], { priority: 9 });
  await q.clock.settle();
  assert.deepEqual(held.runs.map(({ args }) => args[0]), [0, 1]);
  held.runs[0]!.finish();
  await q.clock.settle();
  assert.deepEqual(held.runs.map(({ args }) => args[0]), [0, 1, "urgent"]);
});

onBothStores("the most urgent task of a batch runs first", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition], channels: { default: 1 } });
  await q.clock.settle();
  await q.queue.submitAll([1, 9, 5].map((priority) => ({ name: "held", args: [priority], priority })));
  await q.clock.settle();
  assert.deepEqual(held.runs.map(({ args }) => args[0]), [9]);
});

onBothStores("a channel whose slots are all busy takes nothing from another", async (open) => {
  const slow = heldTask("slow", { channel: "celery" });
  const quick = task("quick", () => "done", { channel: "high_priority" });
  await using q = await open({
    definitions: [slow.definition, quick],
    channels: { celery: 2, high_priority: 1 },
  });
  for (let i = 0; i < 10; i++) await q.queue.submit(slow.definition, [i]);
  await q.clock.settle();
  assert.equal(slow.runs.length, 2);
  await q.queue.submit(quick, []);
  const { task: { name } } = await q.events.next("finished");
  assert.equal(name, "quick");
  assert.equal(slow.runs.length, 2);
});

onBothStores("as many tasks of a channel run at once as it has slots", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition], channels: { default: 3 } });
  for (let i = 0; i < 8; i++) await q.queue.submit(held.definition, [i]);
  for (let done = 0; done < 8; done++) {
    await q.clock.settle();
    assert.equal(held.runs.length - done, Math.min(3, 8 - done));
    held.runs[done]!.finish();
  }
  await q.clock.settle();
  assert.equal(q.events.of("finished").length, 8);
});

Deno.test("a channel that no process executes keeps its tasks", async () => {
  const held = heldTask("held", { channel: "elsewhere" });
  await using q = await openQueue({ definitions: [held.definition], channels: { default: 1 } });
  const waiting = await q.queue.submit(held.definition, []);
  await q.clock.advance(60_000);
  assert.equal((await q.queue.get(waiting.id)).state, "PENDING");
  await using other = await openQueue({
    definitions: [held.definition],
    store: q.store,
    clock: q.clock,
    channels: { elsewhere: 1 },
  });
  await other.events.next("started");
  held.runs[0]!.finish();
  await other.events.next("finished");
});

Deno.test("two queues over one store never run the same task", async () => {
  const runs: unknown[] = [];
  const note = task("note", (_ctx, i) => void runs.push(i));
  const options = { definitions: [note], channels: { default: 4 } };
  await using a = await openQueue(options);
  await using b = await openQueue({ ...options, store: a.store, clock: a.clock });
  const numbers = Array.from({ length: 200 }, (_, i) => i);
  await Promise.all(numbers.map((i) => (i % 2 ? a : b).queue.submit(note, [i])));
  await a.clock.advance(10_000);
  assert.deepEqual(runs.toSorted((x, y) => Number(x) - Number(y)), numbers);
});
