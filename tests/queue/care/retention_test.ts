import assert from "node:assert/strict";
import { memoryStore, type Store } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { countRows, rowsOf, stored } from "../../support/rows.ts";

const quick = task("quick", (_ctx, value) => value);
const failing = task("failing", () => {
  throw new Error("no luck");
});

onBothStores("a final task is kept for its retention and then gone, by its own timestamps", async (open) => {
  await using q = await open({ definitions: [quick], resultTtl: 100 });
  const ended = await q.ended(await q.queue.submit(quick, []));
  await q.clock.advance(ended.doneAt! + 99_999 - q.clock.now());
  assert.deepEqual(await q.queue.get(ended.id), ended);
  await q.clock.advance(1);
  // Not swept yet, and nevertheless gone for readers.
  assert.equal((await rowsOf(q.store, "task")).length, 1);
  await assert.rejects(q.queue.get(ended.id), { code: "task-expired" });
  assert.deepEqual((await q.queue.list()).tasks, []);
  await assert.rejects(q.queue.revoke(ended.id), { code: "task-expired" });
});

onBothStores("the sweep removes all that belongs to a task", async (open) => {
  const large = "x".repeat(100_000);
  await using q = await open({ definitions: [quick, failing], resultTtl: 60, idempotencyTtl: 30 });
  await q.queue.submitAll([{ name: "quick", args: [large] }], { scope: "s", key: "k", fingerprint: "f" });
  await q.ended(await q.queue.submit(failing, [], { expires: 10 }));
  const delayed = await q.queue.submit(quick, [], { delay: 1000 });
  await q.queue.revoke(delayed.id);
  await q.clock.settle();
  const { later: _, ...before } = await stored(q.store);
  assert.deepEqual(before, { task: 3, blob: 4, ended: 2, idem: 1 });
  await q.clock.advance(59_000);
  assert.equal((await stored(q.store))["task"], 3);
  await q.clock.advance(30_000);
  assert.deepEqual(await stored(q.store), {});
});

onBothStores("a task that has not ended is never swept", async (open) => {
  const held = heldTask("held", { timeLimit: 100_000 });
  const waits = task("waits", () => 1);
  await using q = await open({
    definitions: [held.definition, waits],
    channels: { default: 1 },
    resultTtl: 10,
  });
  const running = await q.queue.submit(held.definition, []);
  const ready = await q.queue.submit(waits, []);
  const delayed = await q.queue.submit(waits, [], { delay: 100_000 });
  await q.clock.skip(90_000_000);
  await q.clock.advance(10_000);
  assert.equal((await q.queue.get(running.id)).state, "STARTED");
  for (const { id } of [ready, delayed]) assert.equal((await q.queue.get(id)).state, "PENDING");
  held.runs[0]!.finish();
  await q.clock.skip(10_000_000);
  await q.ended(delayed);
});

Deno.test("a task that ended long after it was made is removed by the next round", async () => {
  const held = heldTask("held", { timeLimit: 1_000_000 });
  await using q = await openQueue({ definitions: [held.definition, quick], resultTtl: 3600 });
  const slow = await q.queue.submit(held.definition, []);
  await q.ended(await q.queue.submit(quick, []));
  await q.clock.skip(2 * 3_600_000);
  await q.clock.advance(20_000);
  assert.equal((await stored(q.store))["task"], 1);
  held.runs[0]!.finish();
  await q.clock.settle();
  await q.clock.skip(3_590_000);
  // The cursor has passed it.
  assert.equal((await q.queue.get(slow.id)).state, "SUCCESS");
  await q.clock.skip(3_600_000);
  await q.clock.advance(20_000);
  assert.deepEqual(await stored(q.store), {});
});

Deno.test("all rows of a thousand ended tasks are removed in a few commits, keys and limits included", async () => {
  const once = task("once", () => 1, { idempotency: { key: (n) => String(n), ttl: 10 } });
  const alone = task("alone", () => 1, { concurrencyKey: (n) => String(n) });
  const store = memoryStore();
  let commits = 0;
  const counted: Store = { ...store, commit: (...commit) => (commits++, store.commit(...commit)) };
  await using q = await openQueue({
    store: counted,
    definitions: [once, alone],
    channels: { default: 50 },
    resultTtl: 60,
    idempotencyTtl: 60,
  });
  for (let n = 0; n < 20; n++) {
    const requests = Array.from(
      { length: 50 },
      (_, i) => ({ name: n % 2 ? "once" : "alone", args: [50 * n + i] }),
    );
    await q.queue.submitAll(requests, { scope: "s", key: `${n}`, fingerprint: "" });
  }
  await q.clock.advance(59_000);
  const before = await stored(store);
  assert.deepEqual([before.task, before.idem], [1000, 520]);
  // Ten of them are heartbeats.
  commits = 0;
  await q.clock.advance(30_000);
  assert.deepEqual(await stored(store), {});
  assert(commits <= 40, `${commits} commits`);
});

Deno.test("a task submitted with a delay and swept in the same round leaves when its time has come", async () => {
  await using q = await openQueue({ definitions: [quick], resultTtl: 100 });
  const { id } = await q.ended(await q.queue.submit(quick, [], { delay: 5 }));
  await q.clock.advance(99_000);
  assert.equal((await q.queue.get(id)).state, "SUCCESS");
  await q.clock.advance(30_000);
  assert.deepEqual(await stored(q.store), {});
});

Deno.test("many tasks are removed in small commits, without a pause between them", async () => {
  await using q = await openQueue({ definitions: [quick], resultTtl: 60, channels: { default: 50 } });
  const request = { name: "quick", args: [] };
  for (let i = 0; i < 6; i++) await q.queue.submitAll(Array.from({ length: 250 }, () => request));
  await q.clock.settle();
  assert.equal((await stored(q.store))["task"], 1500);
  await q.clock.advance(90_000);
  assert.deepEqual(await stored(q.store), {});
});

Deno.test("two sweepers of one store do not disturb each other", async () => {
  const options = { definitions: [quick, failing], resultTtl: 60, channels: { default: 20 } };
  await using a = await openQueue(options);
  await using b = await openQueue({ ...options, store: a.store, clock: a.clock });
  for (let round = 0; round < 4; round++) {
    const requests = Array.from({ length: 200 }, (_, i) => ({ name: i % 2 ? "quick" : "failing", args: [] }));
    await a.queue.submitAll(requests);
    await b.queue.submitAll(requests);
    await a.clock.advance(25_000);
  }
  await a.clock.advance(120_000);
  assert.deepEqual(await stored(a.store), {});
  assert.equal((await countRows(a.store))["sweep"], 1);
});

Deno.test("a key that was taken anew is not removed with its former task", async () => {
  await using q = await openQueue({ definitions: [quick], resultTtl: 100, idempotencyTtl: 30 });
  const submit = (fingerprint: string) =>
    q.queue.submitAll([{ name: "quick", args: [fingerprint] }], { scope: "s", key: "k", fingerprint });
  await submit("one");
  await q.clock.advance(95_000);
  const second = await submit("two");
  await q.clock.advance(26_000);
  assert.deepEqual(await stored(q.store), { task: 1, idem: 1 });
  assert.equal((await submit("two")).tasks[0]!.id, second.tasks[0]!.id);
  await q.clock.advance(300_000);
  assert.deepEqual(await stored(q.store), {});
});

Deno.test("retention goes on when the wall clock was ahead for a while", async () => {
  const store = memoryStore();
  await using q = await openQueue({ store, definitions: [quick], resultTtl: 60 });
  const right = q.clock.now();
  q.clock.setWall(right + 365 * 86_400_000);
  await q.ended(await q.queue.submit(quick, []));
  await q.clock.advance(90_000);
  assert.deepEqual(await stored(store), {});
  await q.close();
  await using later = await openQueue({ store, definitions: [quick], resultTtl: 60 });
  await later.ended(await later.queue.submit(quick, []));
  await later.clock.advance(90_000);
  assert.deepEqual(await stored(store), {});
});
