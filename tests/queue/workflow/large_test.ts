/** Workflows that no single commit takes. */
import assert from "node:assert/strict";
import { chord, group, memoryStore, type WorkflowNode } from "../../../queue/mod.ts";
import { idOf } from "../../../queue/rows/keys.ts";
import { sets } from "../../support/faulty_store.ts";
import { brokenLaws } from "../../support/invariants.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";
import { rowsOf, stored } from "../../support/rows.ts";

const one = task("one", (_ctx, item) => item);
const count = task("count", (_ctx, list) => (list as unknown[]).length);
const call = (name: string, ...args: unknown[]): WorkflowNode => ({ name, args });
const items = (n: number) => Array.from({ length: n }, (_, i) => i);

/** A large chord with a member that expires after so many seconds, while the tests hold its submission. */
function expiringChord(expires: number): WorkflowNode {
  const late = { ...call("one"), expires } as WorkflowNode;
  return chord([...items(100).map((i) => call("one", i)), late], call("count"));
}

for (const limits of [{}, { checks: 10, mutations: 100, listBatch: 200, lanes: 8 }]) {
  Deno.test(`a chord of 10,000 ends with all results, with ${limits.checks ?? 100} checks a commit`, async () => {
    const store = memoryStore({ limits });
    await using q = await openQueue({ store, definitions: [one, count], channels: { default: 200 } });
    const node = chord([{ map: { name: "one", items: items(9_999) } }], call("count"));
    const { workflow: { id, total } } = await q.queue.submitWorkflow(node);
    assert.equal(total, 10_000);
    await q.clock.advance(1000);
    const workflow = await q.queue.workflow(id);
    assert.deepEqual([workflow.state, workflow.finished, workflow.result], ["SUCCESS", 10_000, 1]);
    assert("chain" in workflow.graph);
    const [header] = workflow.graph.chain;
    assert("group" in header!);
    const [inner] = header.group.members!;
    assert("group" in inner!);
    assert.deepEqual(inner.group, { id: inner.group.id, size: 9_999, finished: 9_999 });
    assert.deepEqual(await stored(store), { task: 10_000, group: 2, workflow: 1 });
    assert.equal(q.events.of("started").filter(({ task }) => task.name === "count").length, 1);
  });
}

Deno.test("a chord of 10,000 over a real file ends with all results", async () => {
  await using q = await openQueue({ store: "file", definitions: [one, count], channels: { default: 200 } });
  const node = chord(items(9_999).map((i) => call("one", i)), call("count"));
  const { workflow: { id } } = await q.queue.submitWorkflow(node);
  await q.clock.advance(1000);
  assert.equal((await q.queue.workflow(id)).result, 9_999);
});

Deno.test("no task of a large workflow runs before all of it is stored", async () => {
  await using processes = new Processes({ limits: { mutations: 50 } });
  const p = await processes.start({ definitions: [one, count] });
  const last = p.faulty.onCommit("held", sets("workflow"));
  const submitting = p.queue.submitWorkflow(group(items(100).map((i) => call("one", i))));
  await last.hit;
  await p.clock.advance(5000);
  assert.equal(p.events.of("started").length, 0);
  assert.equal((await rowsOf(processes.store, "task")).length, 100);
  // That commit has room for the lane, three rows of the workflow and the pointers of 46.
  assert.equal((await rowsOf(processes.store, "waiting")).length, 54);
  for (const place of ["ready", "delayed", "run"]) assert.deepEqual(await rowsOf(processes.store, place), []);
  await last.land();
  const { workflow } = await submitting;
  await p.clock.advance(1000);
  assert.deepEqual((await p.queue.workflow(workflow.id)).result, items(100));
});

Deno.test("a task that its large workflow's last commit will place is not there before: nobody can revoke it", async () => {
  await using processes = new Processes({ limits: { mutations: 50 } });
  const p = await processes.start({ definitions: [one] });
  const other = await processes.start({ definitions: [one], channels: {} });
  const last = p.faulty.onCommit("held", sets("workflow"));
  const late = { ...call("one"), delay: 60, priority: 9 } as WorkflowNode;
  const submitting = p.queue.submitWorkflow(group([...items(100).map((i) => call("one", i)), late]));
  await last.hit;
  const id = idOf((await rowsOf(processes.store, "task")).at(-1)!.key);
  await assert.rejects(other.queue.revoke(id), { code: "task-unknown" });
  await assert.rejects(other.queue.explain(id), { code: "task-unknown" });
  assert.deepEqual(await brokenLaws(processes.store), []);
  await last.land();
  await submitting;
  assert.equal((await other.queue.explain(id)).place, "delayed");
  assert.equal((await other.queue.revoke(id)).state, "REVOKED");
});

Deno.test("an expiry is looked at only after the last commit of its large workflow", async () => {
  await using processes = new Processes({ limits: { mutations: 50 } });
  const p = await processes.start({ definitions: [one] });
  const last = p.faulty.onCommit("held", sets("workflow"));
  const late = { ...call("one"), expires: 1, priority: 9 } as WorkflowNode;
  const submitting = p.queue.submitWorkflow(group([...items(100).map((i) => call("one", i)), late]));
  await last.hit;
  assert.deepEqual(await rowsOf(processes.store, "later"), []);
  await p.clock.advance(2000);
  await last.land();
  const { workflow: { id } } = await submitting;
  await p.clock.advance(5000);
  const { state, error } = await p.queue.workflow(id);
  assert.deepEqual([state, error?.type], ["REVOKED", "ChordError"]);
});

Deno.test("the most urgent of a large workflow's tasks are placed by its last commit", async () => {
  await using processes = new Processes({ limits: { mutations: 50 } });
  const p = await processes.start({ definitions: [one], channels: {} });
  const urgent = { ...call("one"), priority: 9 } as WorkflowNode;
  await p.queue.submitWorkflow(group([...items(100).map((i) => call("one", i)), urgent]));
  const { mutations } = p.faulty.commits.find(sets("workflow"))!;
  assert.equal(mutations.length, 50);
  assert.equal(mutations.filter(({ key }) => key[1] === "ready" && key[3] === 0).length, 1);
});

Deno.test("a large workflow whose process is lost while it writes is deleted by another", async () => {
  await using processes = new Processes({ limits: { mutations: 50 } });
  const options = { definitions: [one, count] };
  const dying = await processes.start(options);
  const node = expiringChord(2);
  const last = dying.faulty.onCommit("held", sets("workflow"));
  const submitting = dying.queue.submitWorkflow(node);
  submitting.catch(() => {});
  await last.hit;
  const other = await processes.start(options);
  await other.clock.advance(5000);
  // One of them has expired meanwhile, and its writer is not lost yet.
  assert.equal((await rowsOf(processes.store, "task")).length, 102);
  await other.clock.advance(LOST_AFTER);
  assert.deepEqual(await stored(processes.store), {});
  assert.equal(await last.land(), null);
  await assert.rejects(submitting, { code: "fenced" });
  assert.equal(other.events.of("started").length, 0);
});

Deno.test("a task that expires while its large workflow is being written fails its group when all is there", async () => {
  await using processes = new Processes({ limits: { mutations: 50 } });
  const options = { definitions: [one, count] };
  const p = await processes.start(options);
  const node = expiringChord(1);
  const groups = p.faulty.onCommit("held", sets("group"));
  const submitting = p.queue.submitWorkflow(node);
  await groups.hit;
  const other = await processes.start(options);
  await other.clock.advance(6000);
  assert.equal((await rowsOf(processes.store, "ended")).length, 1);
  await groups.land();
  const { workflow: { id } } = await submitting;
  await p.clock.advance(6000);
  await other.clock.advance(6000);
  const { state, error } = await p.queue.workflow(id);
  assert.deepEqual([state, error?.type], ["FAILURE", "ChordError"]);
  assert.match(error!.message, /Expired/);
});

Deno.test("a large workflow with a task that no commit takes is refused, and what was written deleted", async () => {
  await using processes = new Processes({ limits: { bytes: 20_000 } });
  const p = await processes.start({ definitions: [one] });
  const node = group([...items(100).map((i) => call("one", i)), call("one", "x".repeat(30_000))]);
  await assert.rejects(p.queue.submitWorkflow(node), { code: "too-large" });
  assert.deepEqual(await stored(processes.store), {});
});

Deno.test("a submission that is never answered is one workflow, and its repeat with the key the same", async () => {
  await using processes = new Processes({ limits: { mutations: 50 } });
  const held = heldTask("held");
  const p = await processes.start({ definitions: [held.definition] });
  const key = { scope: "s", key: "k", fingerprint: "f" };
  const node = group(items(100).map((i) => call("held", i)));
  const [a, b] = await Promise.all([p.queue.submitWorkflow(node, key), p.queue.submitWorkflow(node, key)]);
  assert.equal(a.workflow.id, b.workflow.id);
  assert.deepEqual([a.replayed, b.replayed].sort(), [false, true]);
  await p.clock.advance(5000);
  assert.equal((await rowsOf(processes.store, "task")).length, 100);
});
