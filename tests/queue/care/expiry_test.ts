import assert from "node:assert/strict";
import { keysOf } from "../../../queue/rows/keys.ts";
import { put } from "../../../queue/rows/unit.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { stored } from "../../support/rows.ts";

onBothStores("a task that waits behind a full channel expires there, in time", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition], channels: { default: 1 } });
  await q.queue.submit(held.definition, [1]);
  const waiting = await q.queue.submit(held.definition, [2], { expires: 30 });
  assert.equal(waiting.expiresAt, q.clock.now() + 30_000);
  await q.clock.advance(29_999);
  assert.equal((await q.queue.get(waiting.id)).state, "PENDING");
  await q.clock.advance(1);
  const ended = await q.queue.get(waiting.id);
  assert.deepEqual(
    [ended.state, ended.error?.type, ended.error?.message],
    ["REVOKED", "Expired", "Task expired before it was started"],
  );
  assert.deepEqual([ended.startedAt, ended.worker, ended.result], [null, null, null]);
  assert.equal(ended.doneAt, waiting.expiresAt);
  const event = await q.events.next("finished");
  assert.deepEqual([event.task.id, event.state, event.duration], [waiting.id, "REVOKED", null]);
  held.runs[0]!.finish();
  await q.clock.advance(60_000);
  assert.equal(held.runs.length, 1);
});

onBothStores("a task that would expire before it may run is refused, whatever submits it", async (open) => {
  await using q = await open({ definitions: [task("a", () => 1)] });
  const late = { name: "a", args: [], delay: 10, expires: 5 };
  const at = { name: "a", args: [], runAt: q.clock.now() + 5000, expires: 5 };
  const refused =
    (pointer: string) => (error: { code: string; faults: { pointer: string; detail: string }[] }) => {
      assert.deepEqual(
        [error.code, error.faults],
        ["invalid-task", [{
          pointer,
          detail: "must be later than the moment from which the task may run: got 5",
        }]],
      );
      return true;
    };
  await assert.rejects(q.queue.submitAll([{ name: "a", args: [] }, late]), refused("/1/expires"));
  await assert.rejects(q.queue.submitAll([at]), refused("/expires"));
  await assert.rejects(q.queue.submitWorkflow(late), refused("/expires"));
  const call = { name: "a", args: [], immutable: true };
  await assert.rejects(q.queue.submitWorkflow({ chain: [call, late] }), refused("/chain/1/expires"));
  assert.deepEqual(await stored(q.store), {});
  const { tasks } = await q.queue.submitAll([{ ...late, expires: 11 }, { ...at, expires: 5.001 }]);
  await q.clock.advance(12_000);
  for (const { id } of tasks) assert.equal((await q.queue.get(id)).state, "SUCCESS");
});

onBothStores("expires does nothing to a task that has started", async (open) => {
  const held = heldTask("held", { maxRetries: 1, retry: { delay: 30, factor: 1 } });
  await using q = await open({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, [], { expires: 10 });
  await q.clock.advance(20_000);
  assert.equal((await q.queue.get(id)).state, "STARTED");
  held.runs[0]!.fail(new Error("once"));
  await q.clock.advance(31_000);
  assert.equal(held.runs.length, 2);
  held.runs[1]!.finish("done");
  assert.equal((await q.ended({ id })).state, "SUCCESS");
});

onBothStores("a retried task does not expire while it waits for its next run", async (open) => {
  const held = heldTask("held", { maxRetries: 1, retry: { delay: 60, factor: 1 } });
  await using q = await open({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, [], { expires: 10 });
  await q.clock.settle();
  held.runs[0]!.fail(new Error("once"));
  await q.clock.advance(59_000);
  assert.equal((await q.queue.get(id)).state, "RETRY");
  await q.clock.advance(1000);
  held.runs[1]!.finish();
  assert.equal((await q.ended({ id })).state, "SUCCESS");
});

Deno.test("a task that expired while no process was up is REVOKED by the next one, never run", async () => {
  const held = heldTask("held");
  await using q = await openQueue({ definitions: [held.definition], start: false });
  const waiting = await q.queue.submit(held.definition, [], { expires: 10 });
  await q.clock.skip(60_000);
  await q.queue.start();
  const ended = await q.ended(waiting, 1);
  assert.deepEqual([ended.state, ended.error?.type, ended.startedAt], ["REVOKED", "Expired", null]);
  assert.equal(held.runs.length, 0);
  await q.clock.advance(1000);
  assert.deepEqual(await stored(q.store), { task: 1, ended: 1 });
});

onBothStores("a task that ended in time leaves no reminder behind", async (open) => {
  const quick = task("quick", () => 1);
  await using q = await open({ definitions: [quick] });
  await q.ended(await q.queue.submit(quick, [], { expires: 10 }));
  await q.clock.advance(11_000);
  assert.deepEqual(await stored(q.store), { task: 1 });
  assert.equal(q.events.of("finished").length, 1);
});

onBothStores("more tasks than one look takes expire together", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition], channels: { default: 1 } });
  await q.queue.submit(held.definition, []);
  const request = { name: "held", args: [], expires: 5 };
  for (let i = 0; i < 2; i++) await q.queue.submitAll(Array.from({ length: 250 }, () => request));
  await q.clock.advance(5000);
  assert.equal(q.events.of("finished").length, 500);
});

Deno.test("a task whose worker was lost has started, so it does not expire", async () => {
  const held = heldTask("held");
  const options = { definitions: [held.definition], channels: { default: 1 } };
  await using q = await openQueue({ ...options, start: false });
  const { id } = await q.queue.submit(held.definition, [], { expires: 10 });
  // As the rescue leaves it.
  const keys = keysOf("sluice");
  const pointer = { name: "held", deliveries: 1 };
  await q.store.commit([], [put(keys.ready("default", 5, id), pointer)]);
  await q.queue.submit(held.definition, [], { priority: 9 });
  await q.queue.start();
  await q.clock.advance(20_000);
  assert.equal((await q.queue.get(id)).state, "PENDING");
  held.runs[0]!.finish();
  await q.clock.settle();
  held.runs[1]!.finish("after all");
  assert.equal((await q.ended({ id })).result, "after all");
});

onBothStores(
  "a task that is claimed after it has expired ends without its handler being called",
  async (open) => {
    const held = heldTask("held");
    await using q = await open({ definitions: [held.definition], channels: { default: 1 } });
    await q.queue.submit(held.definition, []);
    const late = await q.queue.submit(held.definition, [], { expires: 10 });
    await q.clock.settle();
    // The wall clock passes the expiry before any loop's timer: the slot that becomes free claims the task first.
    q.clock.setWall(q.clock.now() + 60_000);
    held.runs[0]!.finish();
    const ended = await q.ended(late, 1);
    assert.deepEqual([ended.state, ended.error?.type, ended.startedAt], ["REVOKED", "Expired", null]);
    assert.equal(held.runs.length, 1);
  },
);
