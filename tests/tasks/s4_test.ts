import assert from "node:assert/strict";
import { openDemo } from "../support/open_demo.ts";

for (const name of ["process_order", "process_payment"]) {
  Deno.test(`${name} takes 2 s on the default channel and tells the order`, async () => {
    await using t = await openDemo();
    const { id, channel } = await t.submit(name, "12345");
    assert.equal(channel, "default");
    await t.clock.advance(1999);
    assert.equal((await t.get(id)).state, "STARTED");
    await t.clock.advance(1);
    assert.deepEqual((await t.get(id)).result, { processed: true, data: { order_id: "12345" } });
  });
}

Deno.test("ten submits of one order are one execution and ten answers with its id; a payment of it is another", async () => {
  await using t = await openDemo();
  const submit = (name: string, order: string) => t.queue.submitAll([{ name, args: [order] }]);
  const answers = await Promise.all(Array.from({ length: 10 }, () => submit("process_order", "12345")));
  await t.clock.settle();
  const ids = new Set(answers.map(({ tasks }) => tasks[0]!.id));
  assert.equal(ids.size, 1);
  await t.ended({ id: [...ids][0]! });
  ids.add((await submit("process_order", "12345")).tasks[0]!.id);
  assert.equal(ids.size, 1);
  ids.add((await submit("process_payment", "12345")).tasks[0]!.id);
  ids.add((await submit("process_order", "12346")).tasks[0]!.id);
  assert.equal(ids.size, 3);
  await t.clock.settle();
  assert.equal(t.events.of("started").length, 3);
  await t.clock.advance(3_600_000);
  ids.add((await submit("process_order", "12345")).tasks[0]!.id);
  assert.equal(ids.size, 4);
});

const BY_PATTERN: [name: string, args: unknown[], channel: string, data: unknown][] = [
  ["high_priority_task", [{ a: 1 }], "high_priority", { a: 1 }],
  ["low_priority_task", ["text"], "low_priority", "text"],
  ["scheduled_cleanup", [], "scheduled", null],
];

for (const [name, args, channel, data] of BY_PATTERN) {
  Deno.test(`${name} takes channel ${channel} by its name`, async () => {
    await using t = await openDemo();
    const task = await t.submit(name, ...args);
    assert.equal(task.channel, channel);
    assert.deepEqual((await t.ended(task)).result, { processed: true, data });
  });
}
