import assert from "node:assert/strict";
import { memoryStore, TaskFinalError, TaskNotFoundError, TaskRevokedError } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openAsking, openQueue } from "../../support/open_queue.ts";
import { stored } from "../../support/rows.ts";

const MESSAGE = "Task was revoked before it ran";

onBothStores("a waiting task is REVOKED at once and never runs", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition], channels: { default: 1 } });
  await q.queue.submit(held.definition, [1]);
  const waiting = await q.queue.submit(held.definition, [2]);
  await q.clock.settle();
  const revoked = await q.queue.revoke(waiting.id);
  assert.deepEqual([revoked.state, revoked.error?.type, revoked.error?.message], [
    "REVOKED",
    "TaskRevokedError",
    MESSAGE,
  ]);
  assert.deepEqual([revoked.startedAt, revoked.doneAt], [null, q.clock.now()]);
  const event = await q.events.next("finished");
  assert.deepEqual([event.task.id, event.error], [waiting.id, `TaskRevokedError: ${MESSAGE}`]);
  held.runs[0]!.finish();
  await q.clock.advance(10_000);
  assert.equal(held.runs.length, 1);
});

onBothStores("a delayed task is REVOKED at once", async (open) => {
  await using q = await open({ definitions: [task("a", () => 1)] });
  const { tasks: [delayed] } = await q.queue.submitAll([{ name: "a", args: [], delay: 60 }]);
  assert.equal((await q.queue.revoke(delayed!.id)).state, "REVOKED");
  assert.deepEqual(await stored(q.store), { task: 1, ended: 1 });
  await q.clock.advance(61_000);
  assert.deepEqual(q.events.of("started"), []);
});

onBothStores("a task that waits for its next run is REVOKED at once", async (open) => {
  const failing = task("failing", () => {
    throw new Error("no luck");
  }, { maxRetries: 3, retry: { delay: 60 } });
  await using q = await open({ definitions: [failing] });
  const { id } = await q.queue.submit(failing, []);
  await q.clock.settle();
  assert.equal((await q.queue.get(id)).state, "RETRY");
  const revoked = await q.queue.revoke(id);
  assert.deepEqual([revoked.state, revoked.error?.type], ["REVOKED", "TaskRevokedError"]);
  await q.clock.advance(120_000);
  assert.equal(q.events.of("started").length, 1);
});

Deno.test("a task parked for want of its name is REVOKED at once", async () => {
  const definition = task("only.there", () => 1);
  await using there = await openQueue({ definitions: [definition], start: false });
  await using here = await openQueue({
    definitions: [task("a", () => 1)],
    store: there.store,
    clock: there.clock,
  });
  const { id } = await there.queue.submit(definition, []);
  await here.clock.advance(3000);
  assert.deepEqual(await stored(here.store), { task: 1, blocked: 1 });
  assert.equal((await here.queue.revoke(id)).state, "REVOKED");
  assert.deepEqual(await stored(here.store), { task: 1, ended: 1 });
});

onBothStores(
  "revoking a run ends it at once: signal aborted, slot free, late result refused",
  async (open) => {
    const held = heldTask("held", { maxRetries: 3 });
    await using q = await open({ definitions: [held.definition], channels: { default: 2 } });
    const { id } = await q.queue.submit(held.definition, [1]);
    for (const i of [2, 3]) await q.queue.submit(held.definition, [i]);
    await q.clock.advance(100);
    assert.equal(held.runs.length, 2);
    const revoked = await q.queue.revoke(id);
    assert.deepEqual([revoked.state, revoked.error?.message], ["REVOKED", "Task was revoked while it ran"]);
    assert.equal(revoked.startedAt, revoked.createdAt);
    const { signal } = held.runs[0]!.ctx;
    assert(signal.reason instanceof TaskRevokedError);
    await q.clock.settle();
    assert.equal(held.runs.length, 3);
    held.runs[0]!.fail(new Error("too late"));
    for (const run of held.runs.slice(1)) run.finish();
    await q.clock.advance(10_000);
    assert.deepEqual(await q.queue.get(id), revoked);
    assert.deepEqual(await stored(q.store), { task: 3, ended: 1 });
  },
);

Deno.test("a run in another queue over the store is revoked by its next heartbeat", async () => {
  const held = heldTask("held", { maxRetries: 3 });
  await using runs = await openQueue({ definitions: [held.definition] });
  await using asks = await openAsking(runs, [held.definition]);
  const { id } = await runs.queue.submit(held.definition, []);
  await runs.clock.settle();
  const asked = await asks.queue.revoke(id);
  assert.equal(asked.state, "STARTED");
  // Asking twice is no fault.
  assert.equal((await asks.queue.revoke(id)).state, "STARTED");
  await runs.clock.advance(3000);
  const revoked = await asks.queue.get(id);
  assert.deepEqual([revoked.state, revoked.error?.type], ["REVOKED", "TaskRevokedError"]);
  assert(held.runs[0]!.ctx.signal.aborted);
  await runs.clock.advance(3000);
  assert.deepEqual(await stored(runs.store), { task: 1, ended: 1 });
});

Deno.test("a run revoked elsewhere that fails before it hears of it is not repeated", async () => {
  const held = heldTask("held", { maxRetries: 3, retry: { delay: 0, factor: 1 } });
  await using runs = await openQueue({ definitions: [held.definition] });
  await using asks = await openAsking(runs, [held.definition]);
  const { id } = await runs.queue.submit(held.definition, []);
  await runs.clock.settle();
  await asks.queue.revoke(id);
  held.runs[0]!.fail(new Error("just now"));
  await runs.clock.settle();
  assert.equal((await runs.queue.get(id)).state, "REVOKED");
  await runs.clock.advance(6000);
  assert.equal(held.runs.length, 1);
  assert.deepEqual(await stored(runs.store), { task: 1, ended: 1 });
});

Deno.test("a run revoked elsewhere that succeeds before it hears of it has succeeded", async () => {
  const held = heldTask("held");
  await using runs = await openQueue({ definitions: [held.definition] });
  await using asks = await openAsking(runs, [held.definition]);
  const { id } = await runs.queue.submit(held.definition, []);
  await runs.clock.settle();
  await asks.queue.revoke(id);
  held.runs[0]!.finish("made it");
  await runs.clock.settle();
  assert.equal((await runs.queue.get(id)).result, "made it");
  await runs.clock.advance(6000);
  assert.deepEqual(await stored(runs.store), { task: 1 });
});

onBothStores("a task that has ended cannot be revoked", async (open) => {
  const quick = task("quick", () => 1);
  await using q = await open({ definitions: [quick] });
  const ended = await q.ended(await q.queue.submit(quick, []));
  await assert.rejects(q.queue.revoke(ended.id), (error) => {
    assert(error instanceof TaskFinalError);
    assert.deepEqual([error.taskId, error.state, error.code], [ended.id, "SUCCESS", "task-final"]);
    return true;
  });
  assert.deepEqual(await q.queue.get(ended.id), ended);
});

onBothStores(
  "one of many revokes of a waiting task ends it, and the others hear that it has ended",
  async (open) => {
    await using q = await open({ definitions: [task("a", () => 1)] });
    const { tasks: [delayed] } = await q.queue.submitAll([{ name: "a", args: [], delay: 60 }]);
    const answers = await Promise.allSettled(Array.from({ length: 5 }, () => q.queue.revoke(delayed!.id)));
    assert.equal(answers.filter(({ status }) => status === "fulfilled").length, 1);
    assert(answers.every((a) => a.status === "fulfilled" || a.reason instanceof TaskFinalError));
    assert.equal(q.events.of("finished").length, 1);
  },
);

Deno.test("ids that name no task are told apart: malformed, unknown, expired", async () => {
  const quick = task("quick", () => 1);
  await using q = await openQueue({ definitions: [quick], resultTtl: 60, idempotencyTtl: 1 });
  const { id } = await q.ended(await q.queue.submit(quick, []));
  await q.clock.skip(120_000);
  const unknown = (await q.queue.submit(quick, [])).id.slice(0, -4) + "ffff";
  for (
    const [given, code] of [
      ["17", "malformed-id"],
      ["", "malformed-id"],
      [unknown.toUpperCase(), "malformed-id"],
      [unknown, "task-unknown"],
      [id, "task-expired"],
    ] as const
  ) {
    for (const ask of [q.queue.revoke(given), q.queue.get(given), q.queue.wait(given)]) {
      await assert.rejects(ask, (error) => {
        assert(error instanceof TaskNotFoundError);
        assert.equal(error.code, code);
        return true;
      });
    }
  }
  await q.clock.settle();
});

Deno.test("a run that another process revokes is aborted at the hint, before any heartbeat", async () => {
  const store = memoryStore({ doorbell: true });
  const reasons: unknown[] = [];
  const heeding = task("heeding", async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    reasons.push(signal.reason);
  });
  await using runs = await openQueue({ store, definitions: [heeding], channels: { default: 1 } });
  await using asks = await openQueue({ store, definitions: [heeding], channels: {} });
  const { id } = await runs.queue.submit(heeding, []);
  await runs.events.next("started");
  await asks.queue.revoke(id);
  await runs.clock.settle();
  assert.equal(reasons.length, 1);
  assert(reasons[0] instanceof TaskRevokedError);
  assert.equal((await asks.queue.get(id)).state, "REVOKED");
});
