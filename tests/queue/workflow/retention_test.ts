import assert from "node:assert/strict";
import { chain, chord, group, memoryStore, type WorkflowNode } from "../../../queue/mod.ts";
import { asks, faultyStore } from "../../support/faulty_store.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { rowsOf, stored } from "../../support/rows.ts";

const ok = task("ok", (_ctx, ...args) => args);
const call = (name: string, ...args: unknown[]): WorkflowNode => ({ name, args });

onBothStores("a result outlives its retention until those who read it have ended", async (open) => {
  const held = heldTask("held", { timeLimit: 1e6 });
  await using q = await open({ definitions: [ok, held.definition], resultTtl: 60 });
  const { workflow: { id } } = await q.queue.submitWorkflow(
    chord([call("ok", 1), call("ok", 2), call("held")], call("ok")),
  );
  const alone = await q.queue.submit(ok, []);
  await q.clock.advance(200_000);
  await assert.rejects(q.queue.get(alone.id), { code: "task-expired" });
  assert.equal((await rowsOf(q.store, "task")).length, 4);
  assert.equal((await q.queue.workflow(id)).state, "STARTED");
  held.runs[0]!.finish(3);
  await q.clock.settle();
  assert.deepEqual((await q.queue.workflow(id)).result, [[[1], [2], 3]]);
});

onBothStores("a workflow goes as a whole, with all its rows", async (open) => {
  const bad = task("bad", () => {
    throw new Error("boom");
  });
  await using q = await open({ definitions: [ok, bad], resultTtl: 60 });
  const good = await q.queue.submitWorkflow(chain(call("ok"), chord([call("ok"), call("ok")], call("ok"))));
  await q.queue.submitWorkflow(chord([call("bad"), call("ok")], call("ok")));
  await q.clock.advance(59_000);
  assert.equal((await q.queue.workflow(good.workflow.id)).state, "SUCCESS");
  await q.clock.advance(1000);
  await assert.rejects(q.queue.workflow(good.workflow.id), { code: "workflow-expired" });
  await q.clock.advance(30_000);
  assert.deepEqual(await stored(q.store), {});
  await assert.rejects(q.queue.workflow(good.workflow.id), { code: "workflow-expired" });
});

Deno.test("ids that name no workflow are told apart", async () => {
  await using q = await openQueue({ definitions: [ok] });
  const { id } = await q.queue.submit(ok, []);
  await assert.rejects(q.queue.workflow(id), { code: "workflow-unknown" });
  await assert.rejects(q.queue.workflow("x"), { code: "malformed-id" });
  await assert.rejects(q.queue.revokeWorkflow(id), { code: "workflow-unknown" });
});

const leftBehind: [kind: string, WorkflowNode, read: string, skipped: number][] = [
  ["fail", group([call("held"), call("held")]), "workflow", 0],
  ["fail", chain(call("held"), call("ok")), "workflow", 0],
  ["close", group([call("held")]), "group", 1],
];
for (const [kind, node, read, skipped] of leftBehind) {
  Deno.test(`a row to ${kind} that a crash has left is removed with its ${Object.keys(node)[0]}`, async () => {
    const store = faultyStore(memoryStore());
    const held = heldTask("held");
    await using q = await openQueue({
      store,
      definitions: [held.definition, ok],
      resultTtl: 10,
      faults: true,
    });
    const { workflow } = await q.queue.submitWorkflow(node);
    await q.clock.advance(1000);
    for (const run of held.runs) {
      await q.clock.advance(1000);
      // Its end is stored, and what follows from it is left to a later look.
      let skip = skipped;
      if (run === held.runs.at(-1)) store.onRead("failed", (keys) => asks(read)(keys) && skip-- === 0);
      run.fail(new Error("failed"));
    }
    await q.clock.settle();
    if ("chain" in node) await q.queue.revokeWorkflow(workflow.id);
    assert.deepEqual((await rowsOf(store, "cascade")).map(({ key }) => key[2]), [kind]);
    for (let day = 0; day < 2; day++) {
      q.clock.setWall(q.clock.now() + 2 * 86_400_000);
      await q.clock.advance(10_000);
    }
    assert.deepEqual(await stored(store), {});
  });
}
