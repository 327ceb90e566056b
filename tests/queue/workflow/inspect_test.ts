/** A workflow's tasks as people look at them, and failed ones that people run again alone. */
import assert from "node:assert/strict";
import { chain, chord, group, type Queue } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores } from "../../support/open_queue.ts";

const echo = task("echo", (_ctx, ...args) => args);
const call = (name: string, ...args: unknown[]) => ({ name, args });
const ids = async (queue: Queue, filter: Parameters<Queue["list"]>[0]) =>
  (await queue.list(filter)).tasks.map(({ id }) => id);

onBothStores("explain() tells what a task of a workflow waits for", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition, echo], channels: { default: 2 } });
  const { workflow } = await q.queue.submitWorkflow(
    chain(call("held"), group([call("held"), call("held")]), call("echo")),
  );
  await q.clock.settle();
  const all = (await ids(q.queue, { rootId: workflow.id })).toReversed();
  assert.equal(all.length, 4);
  const explained = async (id: string) => await q.queue.explain(id);
  const second = await explained(all[1]!);
  assert.deepEqual([second.state, second.place, second.reasons.map(({ code }) => code)], [
    "PENDING",
    "waiting",
    [
      "waiting-for",
    ],
  ]);
  assert.equal(
    second.reasons[0]!.message,
    `It waits for task ${all[0]} ('held') of its workflow, which is STARTED`,
  );
  const { groupId } = await q.queue.get(all[1]!);
  const last = await explained(all[3]!);
  assert.equal(
    last.reasons[0]!.message,
    `It waits for group ${groupId} of its workflow: 2 in it have not ended`,
  );
  assert.equal((await q.queue.stats()).tasks.waiting, 3);
  assert.deepEqual((await q.queue.keysOf(all[1]!)).map(({ key }) => key[1]), ["task", "waiting"]);
  assert.deepEqual(await ids(q.queue, { groupId: groupId! }), [all[2], all[1]]);
  await q.queue.revokeWorkflow(workflow.id);
  await q.clock.settle();
});

onBothStores("a workflow's task that failed is redriven alone, with the arguments it had", async (open) => {
  const fragile = { broken: true };
  const fails = task("fails", (_ctx, ...args) => {
    if (fragile.broken) throw new Error("no luck");
    return args;
  });
  await using q = await open({ definitions: [echo, fails] });
  const first = await q.queue.submitWorkflow(chain(call("echo", 1), call("fails", 2), call("echo", 3)));
  const second = await q.queue.submitWorkflow(chord([call("echo", 1), call("echo", 2)], call("fails", 3)));
  await q.clock.settle();
  fragile.broken = false;
  const failed = (await q.queue.list({ state: "FAILURE" })).tasks;
  const of = (root: string) => failed.find(({ rootId }) => rootId === root)!;
  for (const [{ workflow }, args] of [[first, [[1], 2]], [second, [[[1], [2]], 3]]] as const) {
    const { task: again } = await q.queue.redrive(of(workflow.id).id);
    assert.deepEqual(again.args, args);
    assert.deepEqual([again.rootId, again.groupId, again.parentId], [again.id, null, null]);
    assert.deepEqual((await q.ended(again)).result, args);
    assert.equal((await q.queue.workflow(workflow.id)).state, "FAILURE");
  }
  // What came after the failed one was revoked, and never had arguments.
  const [revoked] = (await q.queue.list({ state: "REVOKED" })).tasks;
  await assert.rejects(q.queue.redrive(revoked!.id), {
    code: "not-redrivable",
    message: new RegExp(
      `it has no arguments, as task '${of(first.workflow.id).id}' before it has no result$`,
    ),
  });
});

onBothStores(
  "a workflow's task has no key of its definition, and what repeats it alone has",
  async (open) => {
    const fails = heldTask("fails", { idempotency: { key: (n) => `n ${n}` } });
    await using q = await open({ definitions: [fails.definition, echo] });
    const { workflow } = await q.queue.submitWorkflow(group([call("fails", 1), call("fails", 1)]));
    await q.clock.settle();
    assert.equal(fails.runs.length, 2);
    const alone = await q.queue.submit(fails.definition, [1]);
    assert.equal(alone.duplicate, undefined);
    await q.clock.settle();
    fails.runs[0]!.fail(new Error("no luck"));
    await q.clock.settle();
    const [failed] = (await q.queue.list({ state: "FAILURE" })).tasks;
    await assert.rejects(q.queue.redrive(failed!.id), { code: "duplicate-task", taskId: alone.id });
    await q.queue.revoke(alone.id);
    const { task: again } = await q.queue.redrive(failed!.id);
    assert.equal((await q.queue.submit(fails.definition, [1])).id, again.id);
    assert.equal((await q.queue.workflow(workflow.id)).state, "FAILURE");
  },
);
