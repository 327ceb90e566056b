import assert from "node:assert/strict";
import { memoryStore, StoppedError } from "../../../queue/mod.ts";
import type { Key } from "../../../queue/store/port.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openAsking, openQueue, openRunning } from "../../support/open_queue.ts";

/** A promise whose outcome can be looked at. */
function watched<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const seen: { value?: T; error?: unknown } = {};
  promise.then((value) => seen.value = value, (error) => seen.error = error);
  return seen;
}

onBothStores("a wait is told at once when the task ends in this process", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition] });
  const submitted = await q.queue.submit(held.definition, []);
  const seen = [watched(q.queue.wait(submitted.id)), watched(q.queue.wait(submitted.id))];
  const result = watched(q.queue.result(submitted));
  await q.clock.advance(20_010);
  assert.deepEqual(seen, [{}, {}]);
  held.runs[0]!.finish("done");
  await q.clock.settle();
  assert.deepEqual(seen.map(({ value }) => value?.result), ["done", "done"]);
  assert.deepEqual(result, { value: "done" });
});

onBothStores("a task that has ended is not waited for", async (open) => {
  const quick = task("quick", () => 5);
  await using q = await open({ definitions: [quick] });
  const ended = await q.ended(await q.queue.submit(quick, []));
  assert.deepEqual(await q.queue.wait(ended.id), ended);
  assert.equal(await q.queue.result(ended), 5);
});

Deno.test("a wait in another process is told within a second", async () => {
  const held = heldTask("held");
  await using runs = await openQueue({ definitions: [held.definition] });
  await using asks = await openAsking(runs, [held.definition]);
  const submitted = await asks.queue.submit(held.definition, []);
  const result = watched(asks.queue.result(submitted));
  await runs.clock.advance(10_000);
  held.runs[0]!.finish("far away");
  await runs.clock.settle();
  assert.deepEqual(result, {});
  await runs.clock.advance(1000);
  assert.deepEqual(result, { value: "far away" });
});

onBothStores("a wait whose time is over returns the task as it is", async (open) => {
  const { q, held, id } = await openRunning(open);
  await using _ = q;
  const seen = watched(q.queue.wait(id, { timeout: 2.5 }));
  await q.clock.advance(2499);
  assert.deepEqual(seen, {});
  await q.clock.advance(1);
  assert.equal(seen.value?.state, "STARTED");
  assert.equal((await q.queue.wait(id, { timeout: 0 })).state, "STARTED");
  held.runs[0]!.finish();
});

onBothStores("an abort signal ends the wait with its reason, and not the task", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition] });
  const submitted = await q.queue.submit(held.definition, []);
  const controller = new AbortController();
  const seen = watched(q.queue.wait(submitted.id, { signal: controller.signal }));
  const result = watched(q.queue.result(submitted, { signal: controller.signal }));
  await q.clock.advance(100);
  const reason = new Error("the client went away");
  controller.abort(reason);
  await q.clock.settle();
  assert.deepEqual([seen.error, result.error], [reason, reason]);
  await assert.rejects(q.queue.wait(submitted.id, { signal: controller.signal }), reason);
  assert.equal((await q.queue.get(submitted.id)).state, "STARTED");
  held.runs[0]!.finish();
});

onBothStores("a task that fails or is revoked ends the wait as well", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition] });
  const failed = await q.queue.submit(held.definition, []);
  const revoked = await q.queue.submit(held.definition, [], { delay: 60 });
  const seen = [failed, revoked].map(({ id }) => watched(q.queue.wait(id)));
  const results = [failed, revoked].map((submitted) => watched(q.queue.result(submitted)));
  await q.clock.settle();
  held.runs[0]!.fail(new Error("no"));
  await q.queue.revoke(revoked.id);
  await q.clock.settle();
  assert.deepEqual(seen.map(({ value }) => value?.state), ["FAILURE", "REVOKED"]);
  assert.deepEqual(results.map(({ error }) => (error as Error).name), ["TaskFailedError", "TaskFailedError"]);
});

Deno.test("a wait for a task that has not ended ends when the queue has stopped", async () => {
  const held = heldTask("held");
  await using q = await openQueue({ definitions: [held.definition], channels: {} });
  const submitted = await q.queue.submit(held.definition, []);
  const result = assert.rejects(q.queue.result(submitted), StoppedError);
  await q.close();
  await result;
});

Deno.test("a hundred waits cost ten reads a second on a shared store, and none on an unshared one", async () => {
  for (const [incarnation, most] of [[null, 10 * 10 + 60], ["only", 5]] as const) {
    const store = memoryStore({ incarnation });
    let reads = 0;
    const counted = { ...store, getMany: (keys: readonly Key[]) => (reads++, store.getMany(keys)) };
    await using q = await openQueue({ store: counted, definitions: [task("quick", () => 1)], start: false });
    const { tasks } = await q.queue.submitAll(Array(100).fill({ name: "quick", args: [] }));
    const waits = tasks.map(({ id }) => q.queue.wait(id, { timeout: 10 }));
    await q.clock.settle();
    reads = 0;
    await q.clock.advance(9_999);
    assert(reads <= most, `${reads} reads`);
    await q.clock.advance(1);
    for (const { state } of await Promise.all(waits)) assert.equal(state, "PENDING");
  }
});
