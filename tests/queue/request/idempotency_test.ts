import assert from "node:assert/strict";
import { IdempotencyConflictError, InvalidTaskError } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { rowsOf, stored } from "../../support/rows.ts";

const note = task("note", (_ctx, n) => n);
const request = (n: number) => ({ name: "note", args: [n] });
const keyed = (key: string, fingerprint = "f", scope = "s") => ({ scope, key, fingerprint });

onBothStores("the same key and request return the first task, as it is now", async (open) => {
  await using q = await open({ definitions: [note] });
  const first = await q.queue.submitAll([request(1)], keyed("k"));
  assert.equal(first.replayed, false);
  await q.events.next("finished");
  const again = await q.queue.submitAll([request(1)], keyed("k"));
  assert.equal(again.replayed, true);
  assert.deepEqual(again.tasks.map(({ id, state }) => [id, state]), [[first.tasks[0]!.id, "SUCCESS"]]);
  await q.clock.advance(1000);
  assert.equal(q.events.of("started").length, 1);
});

onBothStores(
  "of many submissions at once with one key one is stored, and all are told the same task",
  async (open) => {
    await using q = await open({ definitions: [note], channels: { default: 4 } });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => q.queue.submitAll([request(1)], keyed("k"))),
    );
    assert.equal(new Set(answers.map(({ tasks }) => tasks[0]!.id)).size, 1);
    assert.equal(answers.filter(({ replayed }) => !replayed).length, 1);
    await q.clock.advance(1000);
    assert.equal(q.events.of("started").length, 1);
    // No slot was lost to those who came second.
    const held = await Promise.all([2, 3, 4, 5].map((n) => q.queue.submitAll([request(n)])));
    await q.clock.settle();
    assert.equal(held.length, 4);
    assert.equal(q.events.of("finished").length, 5);
  },
);

Deno.test("two processes that take in the same key at once store one task", async () => {
  await using a = await openQueue({ definitions: [note] });
  await using b = await openQueue({ definitions: [note], store: a.store, clock: a.clock });
  const answers = await Promise.all([a, b, a, b].map((q) => q.queue.submitAll([request(1)], keyed("k"))));
  assert.equal(new Set(answers.map(({ tasks }) => tasks[0]!.id)).size, 1);
  assert.equal((await rowsOf(a.store, "task")).length, 1);
  await a.clock.advance(3000);
});

onBothStores("the same key with another request is a conflict", async (open) => {
  await using q = await open({ definitions: [note] });
  await q.queue.submitAll([request(1)], keyed("k", "one"));
  await assert.rejects(q.queue.submitAll([request(2)], keyed("k", "two")), (error) => {
    assert(error instanceof IdempotencyConflictError);
    assert.deepEqual([error.key, error.code], ["k", "idempotency-key-reused"]);
    return true;
  });
  assert.equal((await rowsOf(q.store, "task")).length, 1);
});

onBothStores("keys of two scopes never meet", async (open) => {
  await using q = await open({ definitions: [note] });
  const [a, b] = [
    await q.queue.submitAll([request(1)], keyed("k", "one", "ann")),
    await q.queue.submitAll([request(2)], keyed("k", "two", "bob")),
  ];
  assert.notEqual(a.tasks[0]!.id, b.tasks[0]!.id);
});

onBothStores("a key is free again after its time, whatever became of its task", async (open) => {
  await using q = await open({ definitions: [note], idempotencyTtl: 100, resultTtl: 1000 });
  const first = await q.queue.submitAll([request(1)], keyed("k", "one"));
  await q.clock.advance(99_999);
  assert.equal((await q.queue.submitAll([request(1)], keyed("k", "one"))).replayed, true);
  await q.clock.advance(1);
  const second = await q.queue.submitAll([request(2)], keyed("k", "two"));
  assert.equal(second.replayed, false);
  assert.notEqual(second.tasks[0]!.id, first.tasks[0]!.id);
  await q.clock.advance(50_000);
  assert.equal((await q.queue.submitAll([request(2)], keyed("k", "two"))).tasks[0]!.id, second.tasks[0]!.id);
});

onBothStores("a key is free after its own time, although its task is unfinished", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition], idempotencyTtl: 10 });
  const first = await q.queue.submitAll([{ name: "held", args: [] }], keyed("k"));
  await q.clock.advance(10_000);
  const second = await q.queue.submitAll([{ name: "held", args: [] }], keyed("k"));
  assert.notEqual(first.tasks[0]!.id, second.tasks[0]!.id);
  for (const { finish } of held.runs) finish();
  await q.clock.settle();
});

onBothStores("a batch has one key", async (open) => {
  await using q = await open({ definitions: [note] });
  const first = await q.queue.submitAll([1, 2, 3].map(request), keyed("k"));
  const again = await q.queue.submitAll([1, 2, 3].map(request), keyed("k"));
  assert.equal(again.replayed, true);
  assert.deepEqual(again.tasks.map(({ id }) => id), first.tasks.map(({ id }) => id));
  assert.equal((await rowsOf(q.store, "task")).length, 3);
  await q.clock.settle();
});

onBothStores("an invalid key is refused, and nothing is stored", async (open) => {
  await using q = await open({ definitions: [note] });
  for (const key of ["", " ", "a b", "ä", "x".repeat(256), "line\n", "\x7f"]) {
    await assert.rejects(q.queue.submitAll([request(1)], keyed(key)), (error) => {
      assert(error instanceof InvalidTaskError);
      assert.equal(error.faults[0]!.pointer, "/idempotency_key");
      return true;
    });
  }
  assert.deepEqual(await stored(q.store), {});
  await q.queue.submitAll([request(1)], keyed("x".repeat(255)));
  await q.clock.settle();
});

onBothStores("a request that is not valid leaves its key free", async (open) => {
  await using q = await open({ definitions: [note] });
  await assert.rejects(
    q.queue.submitAll([{ name: "note", args: [NaN] }], keyed("k", "one")),
    InvalidTaskError,
  );
  assert.equal((await q.queue.submitAll([request(1)], keyed("k", "two"))).replayed, false);
  await q.clock.settle();
});

onBothStores("a task is kept at least as long as its key", async (open) => {
  await using q = await open({ definitions: [note], resultTtl: 10, idempotencyTtl: 100 });
  const first = await q.queue.submitAll([request(1)], keyed("k"));
  await q.clock.advance(99_999);
  const again = await q.queue.submitAll([request(1)], keyed("k"));
  assert.deepEqual([again.replayed, again.tasks[0]!.result], [true, 1]);
  await q.clock.advance(1);
  await assert.rejects(q.queue.get(first.tasks[0]!.id), { code: "task-expired" });
  assert.equal((await q.queue.submitAll([request(1)], keyed("k"))).replayed, false);
  await q.clock.settle();
});
