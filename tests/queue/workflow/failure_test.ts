/** The effect of a failure on the tasks behind it, beside it and around it. */
import assert from "node:assert/strict";
import { chain, chord, group, type WorkflowNode } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, type OpenQueue, openQueue } from "../../support/open_queue.ts";
import { rowsOf, stored } from "../../support/rows.ts";

const ok = task("ok", (_ctx, ...args) => args);
const bad = task("bad", () => {
  throw new Error("boom");
});
const call = (name: string, ...args: unknown[]): WorkflowNode => ({ name, args });

/** Name, state and type of error of every task, in the order of their ids. */
async function outcomes(q: OpenQueue) {
  const { tasks } = await q.queue.list({ limit: 100 });
  return tasks.toReversed().map(({ name, state, error }) => [name, state, error?.type ?? null]);
}

async function run(q: OpenQueue, node: WorkflowNode) {
  const { workflow } = await q.queue.submitWorkflow(node);
  await q.clock.settle();
  return await q.queue.workflow(workflow.id);
}

onBothStores("a failed task in a chain: the rest ends REVOKED and names it", async (open) => {
  await using q = await open({ definitions: [ok, bad] });
  const workflow = await run(q, chain(call("ok"), call("bad"), call("ok"), group([call("ok")]), call("ok")));
  assert.deepEqual(await outcomes(q), [
    ["ok", "SUCCESS", null],
    ["bad", "FAILURE", "Error"],
    ["ok", "REVOKED", "ChainError"],
    ["ok", "REVOKED", "ChainError"],
    ["ok", "REVOKED", "ChainError"],
  ]);
  const failed = (await q.queue.list({ name: "bad" })).tasks[0]!.id;
  assert.equal(workflow.state, "FAILURE");
  assert.equal(workflow.error!.message, `Task 'bad' (${failed}) ended as FAILURE: Error: boom`);
  assert.deepEqual([workflow.finished, workflow.failed], [5, 1]);
  assert.deepEqual(await stored(q.store), { task: 5, ended: 4, group: 1, workflow: 1 });
});

onBothStores(
  "a failed member fails the chord with an error naming it; the others go on or are revoked",
  async (open) => {
    const held = heldTask("held");
    await using q = await open({ definitions: [ok, bad, held.definition] });
    const late = { ...call("held"), delay: 60 } as WorkflowNode;
    const node = chord(
      [call("held"), call("bad"), chain(late, call("ok")), { ...call("ok"), delay: 60 } as WorkflowNode],
      call("ok"),
    );
    const { workflow: { id } } = await q.queue.submitWorkflow(node);
    await q.clock.settle();
    assert.deepEqual(await outcomes(q), [
      ["held", "STARTED", null],
      ["bad", "FAILURE", "Error"],
      ["held", "REVOKED", "ChordError"],
      ["ok", "REVOKED", "ChordError"],
      ["ok", "REVOKED", "ChordError"],
      ["ok", "FAILURE", "ChordError"],
    ]);
    const failed = (await q.queue.list({ name: "bad" })).tasks[0]!.id;
    const workflow = await q.queue.workflow(id);
    assert.equal(workflow.state, "FAILURE");
    assert.equal(workflow.error!.message, `Task 'bad' (${failed}) ended as FAILURE: Error: boom`);
    assert.deepEqual([workflow.finished, workflow.total, workflow.failed], [5, 6, 2]);
    held.runs[0]!.finish("late");
    await q.clock.settle();
    assert.equal((await outcomes(q))[0]![1], "SUCCESS");
    assert.equal(q.events.of("started").length, 2);
    assert.deepEqual(await stored(q.store), { task: 6, ended: 5, group: 1, workflow: 1 });
  },
);

onBothStores("a group that has failed stays so when its last member ends well", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [bad, held.definition] });
  const { workflow: { id } } = await q.queue.submitWorkflow(group([call("held"), call("bad")]));
  await q.clock.settle();
  const failed = await q.queue.workflow(id);
  assert.deepEqual([failed.state, failed.error?.type], ["FAILURE", "ChordError"]);
  held.runs[0]!.finish();
  await q.clock.settle();
  const { finished, ...rest } = await q.queue.workflow(id);
  assert.deepEqual([rest.state, rest.error, finished], ["FAILURE", failed.error, 2]);
});

onBothStores("on_failure continue: the body sees { error } in that member's place", async (open) => {
  await using q = await open({ definitions: [ok, bad] });
  const header = [
    call("ok", 1),
    chain(call("bad"), call("ok")),
    group([call("bad"), call("ok")]),
    call("bad"),
  ];
  const workflow = await run(q, chord(header, call("ok"), { onFailure: "continue" }));
  assert.equal(workflow.state, "SUCCESS");
  // deno-lint-ignore no-explicit-any -- told below
  const [[first, chained, nested, last]] = workflow.result as any;
  assert.deepEqual(first, [1]);
  assert.deepEqual([chained.error.type, nested.error.type, last.error.type], [
    "ChainError",
    "ChordError",
    "Error",
  ]);
  for (const { error } of [chained, nested, last]) assert.match(error.message, /boom/);
  assert.deepEqual(await stored(q.store), { task: 7, ended: 4, group: 2, workflow: 1 });
});

onBothStores("a failure goes up through nested groups and names the task at the bottom", async (open) => {
  await using q = await open({ definitions: [ok, bad] });
  const inner = chain(group([call("ok"), group([call("bad"), call("ok")])]), call("ok"));
  const workflow = await run(q, chain(group([inner, call("ok")]), call("ok"), call("ok")));
  const failed = (await q.queue.list({ name: "bad" })).tasks[0]!.id;
  const message = `Task 'bad' (${failed}) ended as FAILURE: Error: boom`;
  assert.equal(workflow.state, "FAILURE");
  const { tasks } = await q.queue.list({ state: "FAILURE" });
  assert.deepEqual(tasks.map(({ error }) => error!.type), ["ChordError", "ChordError", "Error"]);
  assert.deepEqual(tasks.slice(0, 2).map(({ error }) => error!.message), [message, message]);
  assert.match(workflow.error!.message, /ended as FAILURE: ChordError: Task 'bad'/);
  assert.deepEqual((await rowsOf(q.store, "open")).length, 0);
  assert.deepEqual((await rowsOf(q.store, "cascade")).length, 0);
});

onBothStores(
  "behind a failed task a group that continues is not run: its members failed no more than its body",
  async (open) => {
    await using q = await open({ definitions: [ok, bad] });
    const node = chain(call("bad"), chord([call("ok"), call("ok")], call("ok"), { onFailure: "continue" }));
    const workflow = await run(q, node);
    assert.equal(workflow.state, "FAILURE");
    assert.deepEqual((await outcomes(q)).map(([, state]) => state), [
      "FAILURE",
      "REVOKED",
      "REVOKED",
      "REVOKED",
    ]);
    assert.equal(q.events.of("started").length, 1);
  },
);

onBothStores("link_error runs with the failed task's id and error before its own arguments", async (open) => {
  const told: unknown[][] = [];
  const notify = task("notify", (_ctx, ...args) => void told.push(args), { channel: "alarm" });
  await using q = await open({ definitions: [ok, bad, notify] });
  const linkError = { name: "notify", args: ["team"] };
  const node = chain(
    { ...call("bad"), linkError } as WorkflowNode,
    { ...call("ok"), linkError } as WorkflowNode,
  );
  const { workflow: { id, graph } } = await q.queue.submitWorkflow(node);
  await q.clock.settle();
  const { tasks: [callback] } = await q.queue.list({ name: "notify" });
  const failed = await q.queue.get(id);
  assert.deepEqual(told, [[id, failed.error, "team"]]);
  assert("chain" in graph && "linkErrorId" in graph.chain[0]!);
  assert.equal(callback!.id, graph.chain[0].linkErrorId);
  assert.deepEqual([callback!.rootId, callback!.parentId, callback!.state], [id, id, "SUCCESS"]);
  const workflow = await q.queue.workflow(id);
  assert.deepEqual([workflow.total, workflow.finished], [2, 2]);
});

Deno.test("link_error of a chord's body runs when a member fails", async () => {
  const told: unknown[][] = [];
  const notify = task("notify", (_ctx, ...args) => void told.push(args));
  await using q = await openQueue({ definitions: [ok, bad, notify] });
  const body = { ...call("ok"), linkError: { name: "notify", args: [] } } as WorkflowNode;
  const workflow = await run(q, chord([call("ok"), call("bad")], body));
  assert.equal(told.length, 1);
  assert.equal(told[0]![0], workflow.resultId);
  assert.equal((told[0]![1] as { type: string }).type, "ChordError");
});

onBothStores("revoke, expiry and time limit of a member are ordinary ends", async (open) => {
  const held = heldTask("held", { timeLimit: 10 });
  const idle = task("idle", () => {}, { channel: "idle" });
  await using q = await open({ definitions: [ok, held.definition, idle], channels: { default: 4 } });
  const expiring = await q.queue.submitWorkflow(
    chord([call("held"), { ...call("idle"), expires: 5 } as WorkflowNode], call("ok")),
  );
  await q.clock.advance(6000);
  const expired = await q.queue.workflow(expiring.workflow.id);
  assert.equal(expired.state, "FAILURE");
  assert.match(expired.error!.message, /ended as REVOKED: Expired/);
  await q.clock.advance(6000);
  const limited = await q.queue.submitWorkflow(chord([call("held")], call("ok")));
  await q.clock.advance(11_000);
  assert.match((await q.queue.workflow(limited.workflow.id)).error!.message, /TimeLimitExceeded/);
  const revoked = await q.queue.submitWorkflow(chain(call("held"), call("ok")));
  await q.clock.settle();
  await q.queue.revoke(revoked.workflow.id);
  await q.clock.settle();
  const workflow = await q.queue.workflow(revoked.workflow.id);
  assert.equal(workflow.state, "REVOKED");
  assert.match(workflow.error!.message, /ended as REVOKED: TaskRevokedError/);
});

for (const onFailure of ["revoke", "continue"] as const) {
  onBothStores(
    `a chord whose results are too large ends before its last members run: ${onFailure}`,
    async (open) => {
      const text = task("text", (_ctx, length) => "x".repeat(length as number));
      const held = heldTask("held");
      await using q = await open({ definitions: [ok, text, held.definition] });
      const late = { ...call("ok"), delay: 60 } as WorkflowNode;
      const submit = async (lengths: number[], options: { results?: "ids" } = {}) => {
        const header = [...lengths.map((length) => call("text", length)), call("held"), late];
        const { workflow } = await q.queue.submitWorkflow(
          chord(header, call("ok"), { onFailure, ...options }),
        );
        await q.clock.settle();
        return workflow.id;
      };
      const ends = async (rootId: string) =>
        (await q.queue.list({ rootId })).tasks.filter((task) =>
          task.rootId === rootId && task.name !== "text"
        )
          .map(({ name, state, error }) => [name, state, error?.type ?? null]).reverse();
      const id = await submit(Array(60).fill(10_000));
      assert.deepEqual(await ends(id), [
        ["held", "STARTED", null],
        ["ok", "REVOKED", "ChordError"],
        ["ok", "FAILURE", "ChordError"],
      ]);
      held.runs[0]!.finish(1);
      await q.clock.settle();
      const workflow = await q.queue.workflow(id);
      assert.deepEqual([workflow.state, (await ends(id))[0]], ["FAILURE", ["held", "SUCCESS", null]]);
      assert.match(workflow.error!.message, /more than 524288 bytes .* results: "ids"/);
      const open3 = [["held", "STARTED", null], ["ok", "PENDING", null], ["ok", "PENDING", null]];
      const chunked = await submit([300_000, 300_000, 300_000]);
      assert.deepEqual((await ends(chunked)).at(-1), ["ok", "FAILURE", "ChordError"]);
      const fits = await submit([200_000, 200_000, 10_000]);
      const ids = await submit(Array(60).fill(10_000), { results: "ids" });
      assert.deepEqual([await ends(fits), await ends(ids)], [open3, open3]);
      for (const run of held.runs.slice(1)) run.finish(1);
      await q.clock.settle();
    },
  );
}

onBothStores("a group that nothing takes keeps all its results, however large together", async (open) => {
  const text = task("text", (_ctx, length) => "x".repeat(length as number));
  await using q = await open({ definitions: [ok, text] });
  const late = { ...call("ok"), delay: 60 } as WorkflowNode;
  const { workflow } = await q.queue.submitWorkflow(
    group([...Array.from({ length: 60 }, () => call("text", 10_000)), late]),
  );
  await q.clock.settle();
  const { state } = await q.queue.workflow(workflow.id);
  await q.clock.advance(61_000);
  assert.deepEqual([state, (await q.queue.workflow(workflow.id)).state], ["STARTED", "SUCCESS"]);
});
