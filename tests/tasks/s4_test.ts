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
