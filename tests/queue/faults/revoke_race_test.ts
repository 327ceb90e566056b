/** A revoke meets settle, retry, rescue, give-back and claim; exactly one of the two wins (invariant 5). */
import assert from "node:assert/strict";
import { TaskFinalError } from "../../../queue/mod.ts";
import { asks, deletes, type FaultyStore, sets } from "../../support/faulty_store.ts";
import { heldTask } from "../../support/held_task.ts";
import { LOST_AFTER, type Process, Processes } from "../../support/processes.ts";
import { rowsOf, stored } from "../../support/rows.ts";

const BEAT = 3000;

/** `worker` runs one task, `other` is to revoke it. */
async function running() {
  const processes = new Processes();
  const held = heldTask("held", { maxRetries: 3, retry: { delay: 60, factor: 1 } });
  const worker = await processes.start({ definitions: [held.definition] });
  const other = await processes.start({ definitions: [held.definition], channels: {} });
  const { tasks: [task] } = await worker.queue.submitAll([{ name: "held", args: [] }]);
  await worker.clock.settle();
  assert.equal(held.runs.length, 1);
  return { processes, held, worker, other, id: task!.id };
}

/** Before `who` commits what matches, the others act. */
function meanwhile(
  who: Process,
  matches: Parameters<FaultyStore["beforeCommit"]>[0],
  act: () => Promise<unknown>,
): void {
  who.faulty.beforeCommit(matches, act);
}

/** The one task has ended, and two minutes later it has run no second time. */
async function assertNotRunAgain(
  { store }: Processes,
  { clock }: Process,
  { runs }: ReturnType<typeof heldTask>,
): Promise<void> {
  await clock.advance(120_000);
  assert.equal(runs.length, 1);
  assert.deepEqual(await stored(store), { ended: 1, task: 1 });
}

Deno.test("another process's revoke aborts the run at the next heartbeat and leaves no row", async () => {
  const { processes, held, worker, other, id } = await running();
  await using _ = processes;
  assert.equal((await other.queue.revoke(id)).state, "STARTED");
  await worker.clock.advance(BEAT);
  assert.equal(held.runs[0]!.ctx.signal.reason.name, "TaskRevokedError");
  const { state, error } = await other.queue.get(id);
  assert.deepEqual([state, error?.type], ["REVOKED", "TaskRevokedError"]);
  assert.deepEqual(await stored(processes.store), { ended: 1, task: 1 });
  held.runs[0]!.finish("late");
  await worker.clock.settle();
  assert.equal((await other.queue.get(id)).result, null);
});

Deno.test("a revoke just before the settlement does not undo it; its row is removed", async () => {
  const { processes, held, worker, other, id } = await running();
  await using _ = processes;
  meanwhile(worker, deletes("run"), () => other.queue.revoke(id));
  held.runs[0]!.finish("done");
  await worker.clock.settle();
  assert.equal((await other.queue.get(id)).result, "done");
  assert.deepEqual(await stored(processes.store), { revoke: 1, task: 1 });
  await other.clock.advance(BEAT);
  assert.deepEqual(await stored(processes.store), { task: 1 });
});

Deno.test("a settlement just before the revoke wins: the revoke says that the task has ended", async () => {
  const { processes, held, worker, other, id } = await running();
  await using _ = processes;
  meanwhile(other, sets("revoke"), async () => {
    held.runs[0]!.finish("done");
    await worker.clock.settle();
  });
  await assert.rejects(other.queue.revoke(id), TaskFinalError);
  assert.deepEqual(await stored(processes.store), { task: 1 });
});

Deno.test("a revoke just before the retry ends the task: it does not run again", async () => {
  const { processes, held, worker, other, id } = await running();
  await using _ = processes;
  meanwhile(worker, sets("delayed"), () => other.queue.revoke(id));
  held.runs[0]!.fail(new Error("once"));
  await worker.clock.settle();
  assert.equal((await other.queue.get(id)).state, "REVOKED");
  await assertNotRunAgain(processes, worker, held);
});

Deno.test("a retry just before the revoke: the waiting task is revoked, its retry still counted", async () => {
  const { processes, held, worker, other, id } = await running();
  await using _ = processes;
  meanwhile(other, sets("revoke"), async () => {
    held.runs[0]!.fail(new Error("once"));
    await worker.clock.settle();
  });
  const revoked = await other.queue.revoke(id);
  assert.deepEqual([revoked.state, revoked.retries], ["REVOKED", 1]);
  await assertNotRunAgain(processes, worker, held);
});

Deno.test("a retry between the two looks of a revoke is not lost from the record", async () => {
  const { processes, held, worker, other, id } = await running();
  await using _ = processes;
  // The record is read before the retry, the place after it.
  const look = other.faulty.onRead("held", asks("ready"));
  const revoking = other.queue.revoke(id);
  await look.hit;
  held.runs[0]!.fail(held.runs[0]!.ctx.retry({ in: 0 }));
  const pausing = worker.faulty.onCommit("held", sets("run")); // the next claim waits
  await worker.clock.settle();
  await pausing.hit;
  await look.land();
  await revoking;
  assert.equal(await pausing.land(), null);
  const { state, retries } = await other.queue.get(id);
  assert.deepEqual([state, retries], ["REVOKED", 1]);
  await worker.clock.settle();
});

Deno.test("a revoke just before the give-back ends the task: the stopping process says so", async () => {
  const { processes, held, worker, other, id } = await running();
  await using _ = processes;
  meanwhile(worker, sets("ready"), () => other.queue.revoke(id));
  await worker.queue.stop(0);
  assert.equal((await other.queue.get(id)).state, "REVOKED");
  await other.clock.advance(BEAT);
  assert.deepEqual(await stored(processes.store), { ended: 1, task: 1 });
  held.runs[0]!.finish();
});

Deno.test("a give-back just before the revoke: the waiting task is revoked", async () => {
  const { processes, held, worker, other, id } = await running();
  await using _ = processes;
  meanwhile(other, sets("revoke"), () => worker.queue.stop(0));
  assert.equal((await other.queue.revoke(id)).state, "REVOKED");
  assert.deepEqual(await stored(processes.store), { ended: 1, task: 1 });
  held.runs[0]!.finish();
});

Deno.test("a task revoked before its worker was lost is ended by the rescue, not run again", async () => {
  const { processes, other, id } = await running();
  await using _ = processes;
  await other.queue.revoke(id);
  await other.clock.advance(LOST_AFTER + BEAT);
  const { state, error } = await other.queue.get(id);
  assert.deepEqual([state, error?.message], ["REVOKED", "Task was revoked, and its worker was lost"]);
  await other.clock.advance(BEAT);
  assert.deepEqual(await stored(processes.store), { ended: 1, task: 1 });
});

Deno.test("a task revoked while it is being rescued is ended at the rescuer's next look", async () => {
  const { processes, other, id } = await running();
  await using _ = processes;
  const third = await processes.start({ channels: {} });
  meanwhile(other, sets("ready"), () => third.queue.revoke(id));
  await other.clock.advance(LOST_AFTER + 2 * BEAT);
  assert.equal((await other.queue.get(id)).state, "REVOKED");
  await other.clock.advance(BEAT);
  assert.deepEqual(await stored(processes.store), { ended: 1, task: 1 });
});

Deno.test("a task rescued just before the revoke is revoked where it waits", async () => {
  const { processes, worker, other, id } = await running();
  await using _ = processes;
  const third = await processes.start({ channels: {} });
  meanwhile(third, sets("revoke"), () => other.clock.advance(LOST_AFTER));
  assert.equal((await third.queue.revoke(id)).state, "REVOKED");
  assert.deepEqual(await stored(processes.store), { ended: 1, task: 1 });
  await worker.clock.advance(BEAT);
});

for (const first of ["revoke", "claim"] as const) {
  Deno.test(`revoke and claim of a waiting task at one moment: the ${first} comes first and wins`, async () => {
    await using processes = new Processes();
    const held = heldTask("held");
    const worker = await processes.start({ definitions: [held.definition], start: false });
    const other = await processes.start({ definitions: [held.definition], channels: {} });
    const { tasks: [task] } = await other.queue.submitAll([{ name: "held", args: [] }]);
    const { id } = task!;
    if (first === "revoke") {
      meanwhile(worker, sets("run"), () => other.queue.revoke(id));
      await worker.queue.start();
      await worker.clock.advance(BEAT);
      assert.equal(held.runs.length, 0);
      assert.equal(worker.events.of("started").length, 0);
      assert.deepEqual(await stored(processes.store), { ended: 1, task: 1 });
    } else {
      meanwhile(other, sets("ended"), async () => {
        await worker.queue.start();
        await worker.clock.settle();
      });
      assert.equal((await other.queue.revoke(id)).state, "STARTED");
      assert.equal(held.runs.length, 1);
      await worker.clock.advance(BEAT);
      assert.deepEqual(await stored(processes.store), { ended: 1, task: 1 });
    }
    assert.equal((await other.queue.get(id)).state, "REVOKED");
  });
}

Deno.test("two revokes of one waiting task: one ends it, the other is told", async () => {
  await using processes = new Processes();
  const held = heldTask("held");
  const one = await processes.start({ definitions: [held.definition], channels: {} });
  const two = await processes.start({ definitions: [held.definition], channels: {} });
  const { tasks: [task] } = await one.queue.submitAll([{ name: "held", args: [], delay: 60 }]);
  meanwhile(one, sets("ended"), () => two.queue.revoke(task!.id));
  await assert.rejects(one.queue.revoke(task!.id), TaskFinalError);
  assert.equal((await rowsOf(processes.store, "ended")).length, 1);
});

Deno.test("a task that starts and is retried while its expiry is looked at does not expire", async () => {
  await using processes = new Processes();
  const held = heldTask("held", { maxRetries: 1 });
  const worker = await processes.start({ definitions: [held.definition], start: false });
  const other = await processes.start({ definitions: [held.definition], channels: {} });
  const { tasks: [task] } = await other.queue.submitAll([{ name: "held", args: [], expires: 10 }]);
  const look = other.faulty.onRead("held", asks("ready"));
  await other.clock.advance(10_000);
  await look.hit;
  await worker.queue.start();
  await worker.clock.settle();
  held.runs[0]!.fail(held.runs[0]!.ctx.retry({ in: 0 }));
  const pausing = worker.faulty.onCommit("held", sets("run"));
  await worker.clock.settle();
  await pausing.hit;
  await look.land();
  await other.clock.settle();
  assert.equal((await other.queue.get(task!.id)).state, "RETRY");
  assert.notEqual(await pausing.land(), null);
  await worker.clock.settle();
  held.runs[1]!.finish("done");
  await worker.clock.settle();
  assert.equal((await other.queue.get(task!.id)).result, "done");
});
