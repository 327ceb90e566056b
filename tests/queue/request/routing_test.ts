import assert from "node:assert/strict";
import { createQueue, memoryStore } from "../../../queue/mod.ts";
import { task } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";

const taskRoutes = { "urgent_*": "urgent", "*.report": "reports", "urgent_or_not": "never", "a*b*c": "abc" };

const CASES: [name: string, channel: string][] = [
  ["urgent_mail", "urgent"],
  ["urgent_", "urgent"],
  ["urgent_or_not", "urgent"],
  ["not_urgent_mail", "default"],
  ["Urgent_mail", "default"],
  ["shop.report", "reports"],
  ["shop.reports", "default"],
  ["shopXreport", "default"],
  ["abc", "abc"],
  ["a-b\nb-c", "abc"],
  ["acb", "default"],
];

for (const [name, channel] of CASES) {
  Deno.test(`a task named ${JSON.stringify(name)} takes channel ${channel}`, async () => {
    const definition = task(name, () => "done");
    await using q = await openQueue({ definitions: [definition], taskRoutes });
    assert.equal(q.queue.definitions()[0]!.channel, channel);
    const submitted = await q.queue.submit(definition, []);
    assert.equal(submitted.channel, channel);
    assert.equal((await q.ended(submitted)).result, "done");
  });
}

Deno.test("a channel that the definition or the request names wins over a pattern", async () => {
  const own = task("urgent_own", () => null, { channel: "default" });
  const free = task("urgent_free", () => null);
  await using q = await openQueue({ definitions: [own, free], taskRoutes });
  assert.equal((await q.queue.submit(own, [])).channel, "default");
  assert.equal((await q.queue.submit(free, [], { channel: "default" })).channel, "default");
  assert.deepEqual((await q.queue.channels()).map(({ name, slots }) => [name, slots]), [
    ["default", 4],
    ["urgent", 4],
  ]);
});

Deno.test("a pattern or channel that is no name is refused", () => {
  for (const taskRoutes of [{ "": "urgent" }, { "urgent_*": "" }]) {
    assert.throws(
      () => createQueue({ store: memoryStore(), definitions: [], taskRoutes }),
      { name: "TypeError", message: /^Cannot route tasks named '/ },
    );
  }
});
