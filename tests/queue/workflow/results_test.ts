/** Results that the next task of a workflow takes from memory equal the stored ones, or are read from the store. */
import assert from "node:assert/strict";
import { chain, chord, memoryStore, type WorkflowNode } from "../../../queue/mod.ts";
import type { TaskRecord } from "../../../queue/rows/record.ts";
import { Results } from "../../../queue/workflow/results.ts";
import { asks, faultyStore } from "../../support/faulty_store.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";

const call = (name: string, ...args: unknown[]): WorkflowNode => ({ name, args });
const ended = (id: string, group: string, result: string): TaskRecord =>
  ({ id, state: "SUCCESS", result, workflow: { root: "r", group } }) as TaskRecord;

Deno.test("a body gets the results of members that have ended in any order, without a read of them", async () => {
  const store = faultyStore(memoryStore({ incarnation: "only" }));
  const held = heldTask("held");
  const body = task("body", (_ctx, list, after) => ({ list, after }));
  const last = task("last", (_ctx, before) => before);
  await using q = await openQueue({ store, definitions: [held.definition, body, last], faults: true });
  await q.clock.advance(100);
  const header = [0, 1, 2, 3].map((n) => call("held", n));
  const { workflow } = await q.queue.submitWorkflow(chain(chord(header, call("body", "x")), call("last")));
  const reading = store.onRead("failed", asks("task"));
  await q.clock.settle();
  for (const n of [2, 0, 3, 1]) {
    held.runs[n]!.finish({ n });
    await q.clock.settle();
  }
  assert.equal(reading.met, false);
  await assert.rejects(q.queue.workflow(workflow.id));
  const { result } = await q.queue.workflow(workflow.id);
  assert.deepEqual(result, { list: [{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }], after: "x" });
});

onBothStores("a result that its handler changes after the return reaches no follower", async (open) => {
  const shared = { n: 1 };
  const first = task("first", () => {
    queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => shared.n++)));
    setTimeout(() => shared.n++, 0);
    return shared;
  });
  const second = task("second", (_ctx, before) => before);
  await using q = await open({ definitions: [first, second] });
  const { workflow: { id } } = await q.queue.submitWorkflow(chain(call("first"), call("second")));
  await q.clock.advance(3000);
  assert.notEqual(shared.n, 1);
  const { result } = await q.queue.workflow(id);
  const [stored] = (await q.queue.list()).tasks.toReversed();
  assert.deepEqual(result, stored!.result);
});

Deno.test("a result that is taken by two is there for both", async () => {
  await using q = await openQueue({
    store: "own",
    definitions: [task("one", () => [1]), task("last", (_ctx, before) => before)],
  });
  const node = chain(call("one"), { group: [call("last"), call("last")] });
  const { workflow: { id } } = await q.queue.submitWorkflow(node);
  await q.clock.advance(3000);
  assert.deepEqual((await q.queue.workflow(id)).result, [[1], [1]]);
  assert.deepEqual((await q.queue.workflow(id)).result, [[1], [1]]);
});

Deno.test("a group's results are kept all or none, each once, and the oldest make room", () => {
  const results = new Results();
  const put = (...of: Parameters<typeof ended>) => results.copy(ended(...of))();
  put("b", "g", "2");
  put("a", "g", "1");
  assert.deepEqual(results.take("g", 2), ["1", "2"]);
  assert.equal(results.take("g", 2), null);
  put("a", "g", "1");
  assert.equal(results.take("g", 2), null);
  const large = "x".repeat(15_000);
  for (let n = 0; n < 200; n++) put("a", `g${n}`, large);
  assert.equal(results.take("g0", 1), null);
  assert.deepEqual(results.take("g199", 1), [large]);
  const kept = Array.from({ length: 199 }, (_, n) => results.take(`g${n}`, 1)).filter((found) => found);
  assert(kept.length > 50 && kept.length < 70, `${kept.length}`);
});

Deno.test("results of failures, of tasks that no other takes from, and in chunks are not kept", () => {
  const results = new Results();
  const record = ended("a", "g", "1");
  results.copy({ ...record, state: "FAILURE" })();
  results.copy({ ...record, resultChunks: 1 })();
  results.copy({ ...record, workflow: { root: "r" } })();
  assert.equal(results.take("g", 1), null);
  assert.equal(results.take("a", 1), null);
});
