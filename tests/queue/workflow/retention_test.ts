import assert from "node:assert/strict";
import { chain, chord, type WorkflowNode } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { rowsOf, stored } from "../../support/rows.ts";

const ok = task("ok", (_ctx, ...args) => args);
const call = (name: string, ...args: unknown[]): WorkflowNode => ({ name, args });

onBothStores("a result outlives its retention until those who read it have ended", async (open) => {
  const held = heldTask("held", { timeLimit: 1e6 });
  await using q = await open({ definitions: [ok, held.definition], resultTtl: 60 });
  const { workflow: { id } } = await q.queue.submitWorkflow(chord([call("ok", 1), call("held")], call("ok")));
  const alone = await q.queue.submit(ok, []);
  await q.clock.advance(200_000);
  await assert.rejects(q.queue.get(alone.id), { code: "task-expired" });
  assert.equal((await rowsOf(q.store, "task")).length, 3);
  assert.equal((await q.queue.workflow(id)).state, "STARTED");
  held.runs[0]!.finish(2);
  await q.clock.settle();
  assert.deepEqual((await q.queue.workflow(id)).result, [[[1], 2]]);
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
