/** Several processes see one task become due, or become known; it is made ready once (invariant 4). */
import assert from "node:assert/strict";
import { deletes } from "../../support/faulty_store.ts";
import { heldTask } from "../../support/held_task.ts";
import { Processes } from "../../support/processes.ts";
import { stored } from "../../support/rows.ts";

/** A process that executes, another that does not, and a task of 10 s from now. */
async function withDelayed(processes: Processes) {
  const held = heldTask("held");
  const definitions = [held.definition];
  const executing = await processes.start({ definitions });
  const other = await processes.start({ definitions, channels: {} });
  const { tasks: [task] } = await other.queue.submitAll([{ name: "held", args: [], delay: 10 }]);
  return { held, executing, other, id: task!.id };
}

Deno.test("two promoters of one due task: it is made ready once, and runs once", async () => {
  await using processes = new Processes();
  const { held, executing: worker, other: slow, id } = await withDelayed(processes);
  // Between the slow one's look and its commit the task is promoted, claimed and running.
  const promoted = Promise.withResolvers<void>();
  slow.faulty.beforeCommit(deletes("delayed"), () => {
    worker.clock.advance(12_000).then(promoted.resolve, promoted.reject);
    return promoted.promise;
  });
  await slow.clock.advance(10_000);
  await promoted.promise;
  await worker.clock.advance(3000);
  assert.equal(held.runs.length, 1);
  assert.deepEqual(await stored(processes.store), { run: 1, task: 1 });
  held.runs[0]!.finish("done");
  await worker.clock.settle();
  assert.equal((await slow.queue.get(id)).result, "done");
  assert.deepEqual(await stored(processes.store), { task: 1 });
});

Deno.test("a promotion just after the revoke does not bring the task back", async () => {
  await using processes = new Processes();
  const { held, executing: slow, other, id } = await withDelayed(processes);
  slow.faulty.beforeCommit(deletes("delayed"), () => other.queue.revoke(id));
  await slow.clock.advance(15_000);
  assert.equal(held.runs.length, 0);
  assert.deepEqual(await stored(processes.store), { ended: 1, task: 1 });
});

Deno.test("two processes that learn to know a parked task's name release it once", async () => {
  await using processes = new Processes();
  const held = heldTask("held");
  const stranger = await processes.start({ channels: { default: 1 } });
  const submitter = await processes.start({ definitions: [held.definition], channels: {} });
  await submitter.queue.submitAll([{ name: "held", args: [] }]);
  await stranger.clock.advance(3000);
  assert.deepEqual(await stored(processes.store), { blocked: 1, task: 1 });
  await stranger.close();
  const slow = await processes.start({ definitions: [held.definition], start: false });
  const fast = await processes.start({ definitions: [held.definition], start: false });
  const released = Promise.withResolvers<void>();
  slow.faulty.beforeCommit(deletes("blocked"), async () => {
    await fast.queue.start();
    await fast.clock.advance(3000);
    released.resolve();
  });
  await slow.queue.start();
  await slow.clock.settle();
  await released.promise;
  await slow.clock.advance(3000);
  assert.equal(held.runs.length, 1);
  held.runs[0]!.finish();
  await fast.clock.settle();
  assert.deepEqual(await stored(processes.store), { task: 1 });
});
