/** At most once: a task that acknowledges early is given to one worker only. */
import assert from "node:assert/strict";
import { createQueue, defineTask, memoryStore } from "../../../queue/mod.ts";
import { heldTask } from "../../support/held_task.ts";
import { onBothStores } from "../../support/open_queue.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";

for (const [acks, state] of [["early", "FAILURE"], ["late", "SUCCESS"]] as const) {
  Deno.test(`a task with ${acks} acknowledgement whose worker is lost ends as ${state}`, async () => {
    await using all = new Processes();
    const first = heldTask("once", { acks, maxRetries: 3 });
    const second = heldTask("once", { acks, maxRetries: 3 });
    const a = await all.start({ definitions: [first.definition] });
    const { id } = await a.queue.submit(first.definition, []);
    await a.clock.settle();
    assert.equal(first.runs.length, 1);

    // The first process's clock is not moved any more: to the second it looks dead.
    const b = await all.start({ definitions: [second.definition] });
    await b.clock.advance(LOST_AFTER + 5000);
    if (acks === "late") {
      assert.equal(second.runs.length, 1);
      second.runs[0]!.finish();
      await b.clock.settle();
    }
    const task = await b.queue.get(id);
    assert.equal(task.state, state);
    if (acks === "early") {
      assert.equal(second.runs.length, 0);
      assert.deepEqual([task.error?.type, task.retries], ["WorkerLostError", 0]);
      assert.match(task.error!.message, /one worker only/);
      assert.deepEqual(b.events.of("finished").map(({ task, state }) => [task.id, state]), [[id, state]]);
    }
    first.runs[0]!.finish("too late");
    await a.clock.settle();
    assert.equal((await b.queue.get(id)).state, state);
  });
}

onBothStores(
  "a task with early acknowledgement is not given back at stop: it ends as FAILURE",
  async (open) => {
    const early = heldTask("early", { acks: "early" });
    const late = heldTask("late");
    const q = await open({ definitions: [early.definition, late.definition] });
    const [one, two] = [
      await q.queue.submit(early.definition, []),
      await q.queue.submit(late.definition, []),
    ];
    await q.clock.settle();
    const reasons: string[] = [];
    early.runs[0]!.ctx.signal.onabort = () => reasons.push(early.runs[0]!.ctx.signal.reason.name);
    await using _ = q;
    await Promise.all([q.queue.stop(0), q.clock.settle()]);
    const { state, error } = await q.queue.get(one.id);
    assert.deepEqual([state, error?.type], ["FAILURE", "WorkerLostError"]);
    assert.equal((await q.queue.get(two.id)).state, "PENDING");
    assert.deepEqual(q.events.of("returned").map(({ task }) => task.id), [two.id]);
    assert.deepEqual(reasons, ["ShutdownError"]);
    early.runs[0]!.finish();
    late.runs[0]!.finish();
  },
);

onBothStores("a run that fails by itself is retried, whatever its acknowledgement", async (open) => {
  const held = heldTask("flaky", { acks: "early", maxRetries: 1, retry: { delay: 1, factor: 1 } });
  await using q = await open({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, []);
  await q.clock.settle();
  held.runs[0]!.fail(new Error("once"));
  await q.clock.advance(1000);
  held.runs[1]!.finish("done");
  await q.clock.settle();
  assert.equal((await q.queue.get(id)).result, "done");
});

onBothStores("a revoked run ends as REVOKED, whatever its acknowledgement", async (open) => {
  const held = heldTask("held", { acks: "early" });
  await using q = await open({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, []);
  await q.clock.settle();
  assert.equal((await q.queue.revoke(id)).state, "REVOKED");
  held.runs[0]!.finish();
});

Deno.test("an invalid acknowledgement is refused", () => {
  const definition = { ...heldTask("held").definition, acks: "never" as "early" };
  assert.throws(
    () => createQueue({ store: memoryStore(), definitions: [defineTask(definition, definition.handler)] }),
    { name: "TypeError", message: "Cannot define task 'held': acks must be 'late' or 'early': got 'never'" },
  );
});
