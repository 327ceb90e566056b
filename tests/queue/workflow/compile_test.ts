/** What programs can get wrong in a workflow; what JSON can, is in tests/routes/v1/workflows_test.ts. */
import assert from "node:assert/strict";
import { z } from "zod";
import {
  chain,
  chord,
  defineTask,
  group,
  InvalidTaskError,
  map,
  starmap,
  type WorkflowNode,
} from "../../../queue/mod.ts";
import { openQueue } from "../../support/open_queue.ts";
import { stored } from "../../support/rows.ts";

const add = defineTask({ name: "add", args: z.tuple([z.int(), z.int()]) }, (_ctx, x, y) => x + y);
const none = defineTask({ name: "none", args: z.tuple([]) }, () => 1);
const tell = defineTask({ name: "tell", args: z.tuple([z.string(), z.any()]).rest(z.string()) }, () => {});

const cycle: { chain: WorkflowNode[] } = { chain: [add.s(1, 2)] };
cycle.chain.push(group([cycle]));

const nested = (levels: number): WorkflowNode => levels === 1 ? add.s(1, 2) : group([nested(levels - 1)]);

/** Workflows that are refused: places of the faults, and a part of the first detail. */
const REFUSED: [name: string, node: unknown, pointers: string[], detail: RegExp][] = [
  ["a cycle", cycle, ["/chain/1/group/0"], /must not contain itself/],
  ["21 levels", nested(21), ["/group/0".repeat(20)], /20 levels deep/],
  ["10,001 tasks", map(add, Array(10_001).fill(0)), [""], /at most 10000 tasks/],
  [
    "10,001 tasks in groups",
    group(Array(101).fill(group(Array(100).fill(add.s(1, 2))))),
    [""],
    /at most 10000/,
  ],
  ["empty nodes", chain(chain(), group([group([]), add.s(1)]), map(add, [])), [
    "/chain/0/chain",
    "/chain/1/group/0/group",
    "/chain/2/map/items",
  ], /at least one node/],
  ["an empty group alone", group([]), ["/group"], /unless another node of a chain follows/],
  ["something else", group([7 as never, null as never]), ["/group/0", "/group/1"], /must be a task/],
  ["no list of nodes", { chain: add.s(1, 2) }, ["/chain"], /at least one node/],
  ["no list of items", { starmap: { name: "add", items: 7 } }, ["/starmap/items"], /must be an array/],
  ["an item that is no list", starmap(add, [7 as never]), ["/starmap/items/0"], /must be an array/],
  [
    "a policy that is none",
    group([add.s(1, 2)], { onFailure: "stop" as never }),
    ["/on_failure"],
    /got stop/,
  ],
  [
    "results nonsense",
    group([add.s(1, 2)], { results: "all" as never }),
    ["/results"],
    /must be ids: got all/,
  ],
  ["a result for a task without arguments", chain(add.s(1, 2), none.s()), ["/chain/1/args"], /immutable/],
  [
    "a list for the body of an empty header that takes none",
    chord([], none.s()),
    ["/chord/body/args"],
    /immutable/,
  ],
  ["a large callback", add.s(1, 2).set({ linkError: { name: "tell", args: ["x".repeat(5000)] } }), [
    "/link_error/args",
  ], /at most 4096 bytes/],
  ["a callback that takes no error", add.s(1, 2).set({ linkError: none.s() }), [
    "/link_error/args",
  ], /two arguments .* the failed task's id and error$/],
  ["options out of range, and more", chain(add.s(1, 2).set({ priority: 10 }), { name: "nobody", args: [] }), [
    "/chain/0/priority",
    "/chain/1/name",
  ], /0 to 9/],
];

for (const [name, node, pointers, detail] of REFUSED) {
  Deno.test(`submitWorkflow() refuses ${name}, and stores nothing`, async () => {
    await using q = await openQueue({ definitions: [add, none, tell], start: false });
    await assert.rejects(q.queue.submitWorkflow(node as WorkflowNode), (error) => {
      assert(error instanceof InvalidTaskError, `${error}`);
      assert.deepEqual(error.faults.map(({ pointer }) => pointer), pointers);
      assert.match(error.faults[0]!.detail, detail);
      return true;
    });
    assert.deepEqual(await stored(q.store), {});
  });
}

Deno.test("the same node may stand in several places, and is a task of its own in each", async () => {
  await using q = await openQueue({ definitions: [add] });
  const one = add.s(1, 2);
  const { workflow } = await q.queue.submitWorkflow(group([one, one, chain(one, add.s(1))]));
  await q.clock.settle();
  assert.deepEqual((await q.queue.workflow(workflow.id)).result, [3, 3, 4]);
});

Deno.test("signatures know their task's arguments", () => {
  add.s(1, 2);
  add.s(1);
  add.si(1, 2);
  // @ts-expect-error -- not a number
  add.s("x");
  // @ts-expect-error -- one argument too many
  add.s(1, 2, 3);
  // @ts-expect-error -- an immutable one needs them all
  add.si(1);
});
