/** The stored keys as people look at them. */
import assert from "node:assert/strict";
import type { KeyFilter, Queue } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { rowsOf } from "../../support/rows.ts";

const families = (keys: readonly { key: readonly unknown[] }[]) => keys.map(({ key }) => key[1]);

Deno.test("keysOf() lists a task's keys at each moment of its life", async () => {
  const held = heldTask("held", { idempotency: { key: (n) => `n ${n}` } });
  await using q = await openQueue({ definitions: [held.definition], channels: { default: 1 } });
  const first = await q.queue.submit(held.definition, [1]);
  const task = await q.queue.submit(held.definition, [2], { delay: 5, expires: 60 });
  const keys = () => q.queue.keysOf(task.id);
  assert.deepEqual(families(await keys()), ["task", "delayed", "later", "idem"]);
  await q.clock.advance(6000);
  assert.deepEqual(families(await keys()), ["task", "ready", "later", "idem"]);
  assert.deepEqual((await keys())[1]!.key, ["sluice", "ready", "default", 4, task.id]);
  held.runs[0]!.finish();
  await q.ended(first);
  await q.clock.settle();
  assert.deepEqual(families(await keys()), ["task", "run", "later", "idem"]);
  assert.match((await keys())[1]!.value, /^\{"worker":"w-/);
  held.runs[1]!.fail(new Error("no luck"));
  await q.ended(task);
  assert.deepEqual(families(await keys()), ["task", "later", "ended", "idem"]);
  await q.clock.advance(60_000);
  assert.deepEqual(families(await keys()), ["task", "ended", "idem"]);
  for (const family of ["ready", "run", "delayed"]) {
    assert.deepEqual((await q.queue.keys({ prefix: [family] })).keys, [], family);
  }
  await assert.rejects(q.queue.keysOf("nonsense"), { code: "malformed-id" });
});

onBothStores("chunks are shown by their size, other values by their beginning", async (open) => {
  const echo = task("echo", (_ctx, text) => text);
  await using q = await open({ definitions: [echo] });
  const { id } = await q.ended(await q.queue.submit(echo, ["x".repeat(100_000)]));
  const small = await q.ended(await q.queue.submit(echo, ["y".repeat(2000)]));
  const chunks = (await q.queue.keysOf(id)).filter(({ key }) => key[1] === "blob");
  assert.deepEqual(chunks.map(({ key }) => key.slice(3)), [["args", 0], ["args", 1], ["result", 0], [
    "result",
    1,
  ]]);
  assert.deepEqual(chunks.map(({ value }) => value), [
    "61440 bytes",
    "38564 bytes",
    "61440 bytes",
    "38562 bytes",
  ]);
  assert.equal((await q.queue.keysOf(small.id))[0]!.value.length, 501);
});

async function pages(queue: Queue, filter: KeyFilter): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let next: { cursor?: string } = {};;) {
    const { keys, cursor } = await queue.keys({ ...filter, ...next });
    found.push(...keys.map(({ key }) => key.join(" ")));
    if (cursor === null) return found;
    next = { cursor };
  }
}

Deno.test("keys are listed in the store's order, a page at a time, each once", async () => {
  const mail = task("mail", () => 1, { channel: "mail" });
  await using q = await openQueue({ definitions: [mail, task("quick", () => 1)], channels: {} });
  const large = "x".repeat(100_000);
  for (let n = 0; n < 4; n++) {
    await q.queue.submit(mail, [large], { priority: n });
    await q.queue.submitAll([{ name: "quick", args: [], delay: 60 + n }]);
  }
  const all = (await rowsOf(q.store)).map(({ key }) => key.join(" "));
  for (const limit of [1, 3, 500]) {
    assert.deepEqual(await pages(q.queue, { limit }), all);
    assert.deepEqual(
      await pages(q.queue, { prefix: ["ready", "mail"], limit }),
      all.filter((k) => /ready mail/.test(k)),
    );
    assert.deepEqual(await pages(q.queue, { prefix: ["blob"], limit }), all.filter((k) => / blob /.test(k)));
  }
  assert.deepEqual(await pages(q.queue, { prefix: ["nothing"] }), []);
});

Deno.test("an invalid limit or cursor is refused", async () => {
  await using q = await openQueue();
  for (const limit of [0, 501, 1.5, NaN]) {
    await assert.rejects(q.queue.keys({ limit }), /"?\/limit: must be an integer from 1 to 500/);
  }
  const { cursor } = await q.queue.keys({ limit: 1 });
  for (const wrong of ["", "x", btoa("[]"), btoa("[[],[]]"), btoa("[[],[null]]"), btoa("[[],[{}]]")]) {
    await assert.rejects(q.queue.keys({ cursor: wrong }), { code: "invalid-task" }, wrong);
  }
  await assert.rejects(q.queue.keys({ cursor: cursor!, prefix: ["task"] }), { code: "invalid-task" });
});
