/** Chains, groups and chords that go well. */
import assert from "node:assert/strict";
import { z } from "zod";
import { chain, chord, defineTask, group, map, starmap } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, type OpenQueue, openQueue } from "../../support/open_queue.ts";
import { stored } from "../../support/rows.ts";

const two = z.tuple([z.int(), z.int()]);
const add = defineTask({ name: "add", args: two }, (_ctx, x, y) => x + y);
const mul = defineTask({ name: "mul", args: two }, (_ctx, x, y) => x * y);
const sum = defineTask(
  { name: "sum", args: z.tuple([z.array(z.int())]) },
  (_ctx, numbers) => numbers.reduce((a, b) => a + b, 0),
);
const echo = task("echo", (_ctx, ...args) => args);
const definitions = [add, mul, sum, echo];

/** Submits a workflow and moves the clock until it has ended. */
async function run(q: OpenQueue, node: Parameters<typeof q.queue.submitWorkflow>[0]) {
  const { workflow } = await q.queue.submitWorkflow(node);
  const done = q.queue.waitWorkflow(workflow.id, { timeout: 60 });
  await q.clock.advance(10_000);
  return await done;
}

onBothStores("S1's chain: add(4, 5), add(6), mul(7) is 105", async (open) => {
  await using q = await open({ definitions });
  const { workflow: submitted } = await q.queue.submitWorkflow(chain(add.s(4, 5), add.s(6), mul.s(7)));
  assert("chain" in submitted.graph);
  const [first, second, third] = submitted.graph.chain.map((node) => "id" in node ? node.id : "");
  assert.equal(submitted.state, "PENDING");
  assert.equal(submitted.id, first);
  assert.equal(submitted.resultId, third);
  await q.clock.settle();
  const workflow = await q.queue.workflow(submitted.id);
  assert.equal(workflow.state, "SUCCESS");
  assert.equal(workflow.result, 105);
  assert.deepEqual([workflow.total, workflow.finished, workflow.failed], [3, 3, 0]);
  const tasks = await Promise.all([first!, second!, third!].map((id) => q.queue.get(id)));
  assert.deepEqual(tasks.map(({ result }) => result), [9, 15, 105]);
  assert.deepEqual(tasks.map(({ rootId }) => rootId), [first, first, first]);
  assert.deepEqual(tasks.map(({ parentId }) => parentId), [null, first, second]);
  assert.deepEqual(await stored(q.store), { task: 3, workflow: 1 });
});

onBothStores("a chord's body gets the results in header order, and starts once", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [...definitions, held.definition] });
  const node = chord([1, 2, 3].map((n) => ({ name: "held", args: [n] })), { name: "echo", args: ["own"] });
  const { workflow } = await q.queue.submitWorkflow(node);
  await q.clock.settle();
  for (const [i, value] of [[2, "c"], [0, "a"], [1, "b"]] as const) {
    held.runs[i]!.finish(value);
    await q.clock.settle();
  }
  const done = await q.queue.workflow(workflow.id);
  assert.deepEqual(done.result, [["a", "b", "c"], "own"]);
  assert.equal(q.events.of("started").filter(({ task }) => task.name === "echo").length, 1);
});

onBothStores("a group's result is the list of its members', nested groups nested lists", async (open) => {
  await using q = await open({ definitions });
  const node = group([
    add.s(1, 1),
    group([add.s(1, 2), chain(add.s(1, 1), mul.s(2))]),
    chain(add.s(2, 2), group([add.s(1), mul.s(5)])),
  ]);
  const workflow = await run(q, node);
  assert.equal(workflow.state, "SUCCESS");
  assert.deepEqual(workflow.result, [2, [3, 4], [5, 20]]);
  assert.deepEqual([workflow.total, workflow.finished], [7, 7]);
  assert("group" in workflow.graph);
  const { id, size, finished, members } = workflow.graph.group;
  assert.deepEqual([id, size, finished], [workflow.resultId, 3, 3]);
  assert.deepEqual(members!.map((member) => Object.keys(member)[0]), ["id", "group", "chain"]);
  assert.deepEqual(await stored(q.store), { task: 7, group: 3, workflow: 1 });
});

onBothStores("a chain of groups: each member gets the list of the group before", async (open) => {
  await using q = await open({ definitions });
  const node = chain(
    add.s(1, 2),
    group([add.s(10), add.s(20)]),
    group([sum.s(), sum.s()]),
    sum.s(),
    add.s(1),
  );
  const workflow = await run(q, node);
  assert.equal(workflow.result, 73);
  assert("chain" in workflow.graph);
  const kinds = workflow.graph.chain.map((part) =>
    "group" in part ? "group" : "name" in part ? part.name : "chain"
  );
  assert.deepEqual(kinds, ["add", "group", "group", "sum", "add"]);
});

onBothStores("an immutable signature takes its own arguments alone, and still waits", async (open) => {
  await using q = await open({ definitions });
  assert.equal((await run(q, chain(add.s(4, 5), add.si(1, 2), mul.s(7)))).result, 21);
  assert.equal((await run(q, chord([add.s(1, 1)], add.si(1, 2)))).result, 3);
});

onBothStores("map and starmap run a task for each item", async (open) => {
  await using q = await open({ definitions });
  assert.deepEqual((await run(q, map(sum, [[1, 2], [3]]))).result, [3, 3]);
  assert.deepEqual((await run(q, starmap(add, [[1, 2], [3, 4]]))).result, [3, 7]);
  assert.equal((await run(q, chain(starmap(add, [[1, 2], [3, 4]]), sum.s()))).result, 10);
});

onBothStores("an empty chord runs its body with an empty list", async (open) => {
  await using q = await open({ definitions });
  assert.equal((await run(q, chord([], sum.s()))).result, 0);
  assert.deepEqual((await run(q, chain(add.s(1, 1), chord([], { name: "echo", args: ["own"] })))).result, [
    [],
    "own",
  ]);
});

onBothStores(
  "the node after an empty group takes an empty list, and waits for what is before the group",
  async (open) => {
    await using q = await open({ definitions });
    const echo = (...args: string[]) => ({ name: "echo", args });
    assert.deepEqual((await run(q, chain(group([]), echo("own")))).result, [[], "own"]);
    assert.equal((await run(q, chain(map(sum, []), sum.s()))).result, 0);
    assert.equal(
      (await run(q, chain(add.s(1, 2), starmap(add, []), group([]), sum.s(), add.s(7)))).result,
      7,
    );
    assert.deepEqual((await run(q, chain(group([]), group([sum.s(), sum.s()])))).result, [0, 0]);
    assert.equal((await run(q, chain(add.s(1, 2), chain(group([]), sum.s())))).result, 0);
    assert.equal((await run(q, chain(group([]), add.si(1, 2)))).result, 3);
    const { id } = await run(q, chain(add.s(1, 2), group([]), sum.s()));
    const { tasks: [last, first] } = await q.queue.list({ rootId: id });
    assert.deepEqual([first!.id, last!.parentId], [id, id]);
    assert(last!.startedAt! >= first!.doneAt!);
  },
);

onBothStores("a failure before an empty group ends what comes after the group", async (open) => {
  const fails = task("fails", () => {
    throw new Error("no luck");
  });
  await using q = await open({ definitions: [...definitions, fails] });
  const { id } = await run(q, chain({ name: "fails", args: [] }, group([]), sum.s()));
  const { tasks: [last] } = await q.queue.list({ rootId: id });
  assert.deepEqual([last!.name, last!.state, last!.error?.type], ["sum", "REVOKED", "ChainError"]);
});

onBothStores("root, parent and group ids are on every task", async (open) => {
  await using q = await open({ definitions });
  const { id } = await run(q, chain(add.s(1, 2), group([add.s(1), chain(add.s(2), add.s(3))]), sum.s()));
  const { tasks } = await q.queue.list({ limit: 10 });
  const [first, a, b, c, last] = tasks.toReversed();
  assert.equal(first!.id, id);
  assert.deepEqual(tasks.map(({ rootId }) => rootId), Array(5).fill(id));
  assert.deepEqual(
    [first, a, b, c, last].map((task) => task!.parentId),
    [null, id, id, b!.id, c!.id],
  );
  assert.deepEqual(first!.groupId, null);
  assert(a!.groupId !== null && a!.groupId === b!.groupId && b!.groupId === c!.groupId);
  assert.equal(last!.groupId, null);
});

onBothStores("options of a signature are its task's; a delay begins with its release", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [...definitions, held.definition] });
  const late = add.s(1).set({ delay: 5, priority: 8, tags: ["late"] });
  const { workflow } = await q.queue.submitWorkflow(chain({ name: "held", args: [] }, late));
  await q.clock.advance(60_000);
  assert.equal((await q.queue.workflow(workflow.id)).state, "STARTED");
  held.runs[0]!.finish(1);
  await q.clock.settle();
  const { tasks: [task] } = await q.queue.list({ name: "add" });
  assert.deepEqual([task!.state, task!.priority, task!.tags], ["PENDING", 8, ["late"]]);
  assert.equal(task!.runAt - q.clock.now(), 5000);
  await q.clock.advance(4900);
  assert.equal((await q.queue.get(task!.id)).state, "PENDING");
  await q.clock.advance(200);
  assert.equal((await q.queue.get(task!.id)).result, 2);
});

Deno.test("a result in chunks is handed on, and one that is too large is a clear failure", async () => {
  const text = task("text", (_ctx, length) => "x".repeat(length as number));
  const size = task("size", (_ctx, ...args) => args.flat().map((arg) => (arg as string).length));
  await using q = await openQueue({ definitions: [text, size] });
  const of = (name: string, ...args: unknown[]) => ({ name, args });
  assert.deepEqual((await run(q, chain(of("text", 300_000), of("size")))).result, [300_000]);
  const fits = chord([of("text", 200_000), of("text", 200_000)], of("size"));
  assert.deepEqual((await run(q, fits)).result, [200_000, 200_000]);
  const large = await run(q, chord([of("text", 300_000), of("text", 300_000)], of("size")));
  assert.deepEqual([large.state, large.error?.type], ["FAILURE", "ArgumentsError"]);
  assert.match(large.error!.message, /more than the 524286 bytes .*524288 in all.* results: "ids"/);
  const shown = await run(q, group([of("text", 300_000), of("text", 300_000)]));
  const { error } = shown.result as { error: { type: string; message: string } };
  assert.deepEqual([shown.state, error.type], ["SUCCESS", "ArgumentsError"]);
  assert.match(error.message, /524288 in all/);
});

onBothStores(
  'results: "ids" gives a body the ids of tasks whose results are too large together',
  async (open) => {
    const text = task("text", (_ctx, length) => "x".repeat(length as number));
    const bad = task("bad", () => {
      throw new Error("no");
    });
    await using q = await open({ definitions: [text, bad, echo] });
    const of = (name: string, ...args: unknown[]) => ({ name, args });
    const header = [
      of("text", 300_000),
      group([of("text", 1), chain(of("text", 2), of("echo", 3))]),
      of("bad"),
    ];
    const node = chord([...header, of("text", 300_000)], of("echo"), {
      onFailure: "continue",
      results: "ids",
    });
    const { result, state } = await run(q, node);
    const [first, nested, failed, last] = (result as [[string, [string, string], string, string]])[0];
    const read = async (id: string) => await q.queue.get(id);
    assert.equal(state, "SUCCESS");
    assert.deepEqual([await read(first), await read(last)].map(({ result }) => (result as string).length), [
      300_000,
      300_000,
    ]);
    assert.deepEqual([(await read(nested[0])).result, (await read(nested[1])).result], ["x", ["xx", 3]]);
    assert.deepEqual((await read(failed)).state, "FAILURE");
    const ids = await run(q, group([of("text", 300_000), of("text", 300_000)], { results: "ids" }));
    const { tasks } = await q.queue.list({ rootId: ids.id });
    assert.deepEqual(ids.result, tasks.map(({ id }) => id).reverse());
  },
);

Deno.test("a chord over a real file gives its body all results", async () => {
  await using q = await openQueue({ definitions, store: "file" });
  const workflow = await run(q, chord([add.s(1, 1), add.s(2, 2)], sum.s()));
  assert.equal(workflow.result, 6);
});
