/** The audit: who did what, when, to what; in the commit of the action. */
import assert from "node:assert/strict";
import type { Actor, AuditEntry, Queue } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { Processes } from "../../support/processes.ts";
import { countRows } from "../../support/rows.ts";

const ANN: Actor = { kind: "user", name: "ann", requestId: "r-1" };
const DAY = 86_400_000;

const fails = task("fails", () => {
  throw new Error("no luck");
});
const held = heldTask("held");

/** What the audit tells, oldest first. */
const told = async (queue: Queue) =>
  (await queue.audit()).entries.map(({ action, target, count, before, after }) => [
    action,
    target,
    count,
    before,
    after,
  ]).reverse();

onBothStores("each action of an operator is told once, with what it changed", async (open) => {
  await using q = await open({ definitions: [fails, held.definition], channels: { default: 2 } });
  const { queue } = q;
  const failed = await q.ended(await queue.submit(fails, []));
  const running = await queue.submit(held.definition, []);
  const waiting = await queue.submit(held.definition, [], { delay: 60 });
  const { workflow } = await queue.submitWorkflow({
    chain: [{ name: "held", args: [] }, { name: "held", args: [] }],
  });
  await q.clock.settle();
  assert.deepEqual(await told(queue), [], "a submission is no action of an operator");
  const { task: again } = await queue.redrive(failed.id);
  await queue.revoke(running.id);
  await queue.revoke(waiting.id);
  await queue.revokeWorkflow(workflow.id);
  await queue.changeChannel("default", { paused: true, rateLimit: "5/s" });
  await queue.changeChannel("default", { rateLimit: null });
  await queue.purge("default");
  const trigger = { interval: 60 };
  await queue.schedules.create({ id: "nightly", task: { name: "fails", args: [] }, trigger });
  await queue.schedules.pause("nightly");
  await queue.schedules.pause("nightly");
  await queue.schedules.resume("nightly");
  await queue.schedules.update("nightly", { jitter: 5 });
  const { task: manual } = await queue.schedules.run("nightly");
  await queue.schedules.delete("nightly");
  const [redriven, ...rest] = await told(queue);
  assert.deepEqual(redriven, ["task.redrive", failed.id, null, null, { task_id: again.id }]);
  const created = rest[6]![4] as { trigger: unknown; paused: boolean };
  assert.deepEqual([created.trigger, created.paused], [trigger, false]);
  assert.deepEqual(rest, [
    ["task.revoke", running.id, null, null, null],
    ["task.revoke", waiting.id, null, null, null],
    ["workflow.revoke", workflow.id, 2, null, null],
    ["channel.change", "default", null, { paused: null, rateLimit: null }, {
      paused: true,
      rateLimit: "5/s",
    }],
    ["channel.change", "default", null, { rateLimit: "5/s" }, { rateLimit: null }],
    ["channel.purge", "default", null, null, null],
    ["schedule.create", "nightly", null, null, created],
    ["schedule.pause", "nightly", null, { paused: false }, { paused: true }],
    ["schedule.resume", "nightly", null, { paused: true }, { paused: false }],
    ["schedule.update", "nightly", null, { jitter: 0 }, { jitter: 5 }],
    ["schedule.run", "nightly", null, null, { task_id: manual.id }],
    ["schedule.delete", "nightly", null, { ...created, jitter: 5 }, null],
  ]);
});

Deno.test("an entry names who acted, by which request, and when; without a name it was the program", async () => {
  await using q = await openQueue({ definitions: [fails], start: false });
  await q.queue.changeChannel("default", { slots: 3 });
  await q.clock.advance(1000);
  await q.queue.by(ANN).schedules.create({
    id: "a",
    task: { name: "fails", args: [] },
    trigger: { interval: 9 },
  });
  const who = ({ at, by, requestId }: AuditEntry) => [at, by, requestId];
  const now = q.clock.now();
  assert.deepEqual((await q.queue.audit()).entries.map(who), [
    [now, { kind: "user", name: "ann" }, "r-1"],
    [now - 1000, { kind: "program", name: "" }, null],
  ]);
});

Deno.test("a page of the audit has what fits, and leads to the next", async () => {
  await using q = await openQueue({ definitions: [fails], start: false, channels: { default: 1, mail: 1 } });
  for (let slots = 1; slots <= 9; slots++) {
    const queue = slots % 3 === 0 ? q.queue.by(ANN) : q.queue;
    await queue.changeChannel(slots % 2 === 0 ? "default" : "mail", { slots });
    await q.clock.advance(1000);
  }
  const slots = ({ entries }: { entries: AuditEntry[] }) =>
    entries.map(({ after }) => (after as { slots: number }).slots);
  const first = await q.queue.audit({ target: "mail", limit: 2 });
  const second = await q.queue.audit({ target: "mail", limit: 3, cursor: first.cursor! });
  assert.deepEqual([slots(first), slots(second)], [[9, 7], [5, 3, 1]]);
  assert.deepEqual(slots(await q.queue.audit({ by: "ann" })), [9, 6, 3]);
  const from = q.clock.now() - 7000;
  assert.deepEqual(slots(await q.queue.audit({ from, to: from + 3000 })), [5, 4, 3]);
  assert.deepEqual(slots(await q.queue.audit({ action: "task.revoke" })), []);
  await assert.rejects(q.queue.audit({ cursor: "x" }), { code: "invalid-task" });
  await assert.rejects(q.queue.audit({ limit: 501 }), { code: "invalid-task" });
});

Deno.test("an action that does not land is not told", async () => {
  await using processes = new Processes();
  const process = await processes.start({ definitions: [fails] });
  await process.queue.schedules.create({
    id: "a",
    task: { name: "fails", args: [] },
    trigger: { interval: 9 },
  });
  await assert.rejects(process.queue.schedules.update("a", { jitter: 1 }, "another revision"));
  await assert.rejects(process.queue.revoke("0193d9f0-0000-7000-8000-000000000000"));
  const { id } = await process.queue.submit(fails, []);
  await process.ended({ id });
  await assert.rejects(process.queue.revoke(id), { code: "task-final" });
  assert.equal((await process.queue.audit()).entries.length, 1);
});

Deno.test("what is large is left out, and the action is done", async () => {
  await using q = await openQueue({ definitions: [fails], start: false });
  const args = ["x".repeat(20_000)];
  await q.queue.schedules.create({ id: "a", task: { name: "fails", args }, trigger: { interval: 9 } });
  const [{ after }] = (await q.queue.audit()).entries as [AuditEntry];
  assert.match(String(after), /^20\d\d\d bytes, not kept$/);
});

Deno.test("an entry is kept for 90 days", async () => {
  await using q = await openQueue({ definitions: [fails] });
  await q.queue.changeChannel("default", { slots: 3 });
  for (const [days, left] of [[89, 1], [3, 0]] as const) {
    await q.ended(await q.queue.submit(fails, []));
    await q.clock.skip(days * DAY);
    await q.clock.advance(30_000);
    assert.equal((await countRows(q.store)).audit ?? 0, left);
  }
});
