/** Hand-off: a submit that finds a free slot writes its run at once. Slots never leak, and waiting tasks go first. */
import assert from "node:assert/strict";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { chain, chord, group } from "../../../queue/mod.ts";
import type { StoreLimits } from "../../../queue/store/port.ts";
import { asks, type CommitCall, deletes, faultyStore, sets } from "../../support/faulty_store.ts";
import { heldTask } from "../../support/held_task.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import { openQueue } from "../../support/open_queue.ts";
import { LOST_AFTER } from "../../support/processes.ts";
import { rowsOf, stored } from "../../support/rows.ts";

async function open(
  slots: number,
  options: Parameters<typeof heldTask>[1] = {},
  limits: Partial<StoreLimits> = {},
) {
  const inner = memoryStore({ incarnation: "only", limits });
  const store = faultyStore(inner);
  const task = heldTask("held", options);
  const q = await openQueue({
    store,
    definitions: [task.definition],
    channels: { default: slots },
    faults: true,
  });
  await q.clock.advance(100);
  const submit = (n: number, more: object = {}) => q.queue.submitAll([{ name: "held", args: [n], ...more }]);
  return { inner, store, task, q, submit };
}

/** Fills every slot with tasks and empties them again: shows that none has leaked. */
async function slotsAreFree({ q, task, submit }: Awaited<ReturnType<typeof open>>, slots: number) {
  const before = task.runs.length;
  for (let n = 0; n < slots + 1; n++) await submit(n);
  await q.clock.advance(5000);
  assert.equal(task.runs.length - before, slots);
  for (const run of task.runs) run.finish();
  await q.clock.advance(5000);
  assert.equal(task.runs.length - before, slots + 1);
  for (const run of task.runs) run.finish();
  await q.clock.advance(5000);
}

Deno.test("a submit that finds a free slot writes its run in the task's own commit", async () => {
  const opened = await open(2);
  await using q = opened.q;
  await opened.submit(1);
  await q.clock.settle();
  assert.equal(opened.task.runs.length, 1);
  assert.deepEqual(await stored(opened.inner), { run: 1, task: 1 });
  assert.equal(opened.store.commits.filter(sets("ready")).length, 0);
  opened.task.runs[0]!.finish();
});

Deno.test("after any mix of submissions that land, fail, are refused or fenced every slot is free", async () => {
  const opened = await open(4, { maxRetries: 1, retry: { delay: 0 } });
  await using q = opened.q;
  const { store, submit, task, inner } = opened;
  const rescuer = await openQueue({ store: inner, clock: new FakeClock(), channels: {} });
  await using _ = rescuer;
  const huge = "x".repeat(400_000);
  const key = { scope: "s", key: "k", fingerprint: "f" };
  for (let round = 0; round < 3; round++) {
    store.onCommit("lost", sets("run"));
    store.onCommit("failed", sets("run"));
    store.onCommit("nothing", sets("run"));
    const outcomes = await Promise.all([
      submit(1),
      submit(2),
      submit(3),
      q.queue.submitAll([{ name: "held", args: [4] }], key).catch(() => null),
      q.queue.submitAll([{ name: "held", args: [4] }], key).catch(() => null),
      q.queue.submitAll([{ name: "held", args: [huge] }, { name: "held", args: [huge] }, {
        name: "held",
        args: [huge],
      }]).catch(() => null),
      q.queue.submitAll([{ name: "unknown", args: [] }]).catch(() => null),
      q.queue.submitAll([{ name: "held", args: [] }, { name: "held", args: [], delay: 1 }]),
      submit(5),
      q.clock.advance(1000),
    ]);
    assert.equal(outcomes.filter((outcome) => outcome === null).length, 2);
    task.runs.at(-1)!.fail(new Error("once"));
    await rescuer.clock.advance(LOST_AFTER + 3000);
    await submit(6);
    await q.clock.advance(5000);
    for (let left = 0; left < 10; left++) {
      for (const run of task.runs) run.finish();
      await q.clock.advance(2500);
    }
    assert.deepEqual((await rowsOf(inner, "run")).length, 0);
    assert.deepEqual((await rowsOf(inner, "ready")).length, 0);
  }
  await slotsAreFree(opened, 4);
});

Deno.test("a batch whose commit does not land gives all of its slots back", async () => {
  const opened = await open(3);
  await using q = opened.q;
  await opened.inner.commit([], [{ type: "set", key: ["user"], value: 1 }]);
  const big = "x".repeat(300_000);
  for (let n = 0; n < 5; n++) {
    await assert.rejects(
      q.queue.submitAll([1, 2, 3].map(() => ({ name: "held", args: [big] }))),
      /too large/,
    );
  }
  await slotsAreFree(opened, 3);
});

Deno.test("a hand-off does not overtake a task that waits for a slot", async () => {
  const opened = await open(1);
  await using q = opened.q;
  const { task, submit } = opened;
  await submit(0);
  await submit(1);
  await submit(2);
  await q.clock.settle();
  for (let n = 3; n < 8; n++) {
    task.runs.at(-1)!.finish();
    // The slot is free for a moment, while the claim has not been made.
    await submit(n);
    await q.clock.settle();
  }
  while (task.runs.length < 8) {
    task.runs.at(-1)!.finish();
    await q.clock.settle();
  }
  assert.deepEqual(task.runs.map(({ args: [n] }) => n), [0, 1, 2, 3, 4, 5, 6, 7]);
  task.runs.at(-1)!.finish();
  await q.clock.settle();
});

Deno.test("a steady stream of hand-offs does not keep a due or a retried task waiting", async () => {
  const opened = await open(1, { maxRetries: 1, retry: { delay: 3, factor: 1 } });
  await using q = opened.q;
  const { task, submit } = opened;
  await submit(-1, { delay: 2 });
  await submit(-2);
  await q.clock.settle();
  task.runs[0]!.fail(new Error("once"));
  await q.clock.settle();
  // Slot by slot the stream would always have a next one ready.
  for (let n = 0; n < 60; n++) {
    await submit(n);
    await q.clock.advance(100);
    task.runs.at(-1)!.finish();
    await q.clock.settle();
  }
  const order = task.runs.map(({ args: [n] }) => Number(n));
  assert(order.includes(-1) && order.lastIndexOf(-2) > 0, `${order}`);
  assert(order.indexOf(-1) < 30 && order.lastIndexOf(-2) < 45, `${order}`);
  for (let left = 0; left < 40; left++) {
    for (const run of task.runs) run.finish();
    await q.clock.settle();
  }
});

Deno.test("a task of high priority that arrives while the channel is being read is the next to be claimed", async () => {
  const opened = await open(1);
  await using q = opened.q;
  const { store, task, submit } = opened;
  for (let n = 0; n < 3; n++) await submit(n);
  await submit(3, { delay: 1 });
  await q.clock.settle();
  const look = store.onRead("late", asks("ready"));
  // It comes back from elsewhere, so the channel is read.
  await q.clock.advance(1000);
  task.runs[0]!.finish();
  await q.clock.settle();
  assert(look.met);
  await submit(99, { priority: 9 });
  await submit(4);
  assert.equal(task.runs.length, 1); // no hand-off overtakes those who wait
  await look.land();
  await q.clock.settle();
  for (let n = 1; n < 6; n++) {
    task.runs[n]!.finish();
    await q.clock.settle();
  }
  assert.deepEqual(task.runs.map(({ args: [n] }) => n), [0, 99, 1, 2, 3, 4]);
});

Deno.test("no hand-off is begun after stop() was called; those in flight are given back", async () => {
  const opened = await open(2);
  const { inner, q, store, submit } = opened;
  const flying = store.onCommit("held", sets("run"));
  const submitted = submit(1);
  await flying.hit;
  const stopped = q.queue.stop(0);
  await q.clock.settle();
  assert.notEqual(await flying.land(), null);
  await submitted;
  await q.clock.advance(3000);
  await stopped;
  await assert.rejects(submit(2), { code: "stopped" });
  const [pointer] = await rowsOf(inner, "ready");
  assert.equal(pointer!.value.deliveries, 0);
  assert.deepEqual(await stored(inner), { ready: 1, task: 1 });
  await q.close();
});

Deno.test("a hand-off takes no slot of a task that a claim has chosen and is still parking others for", async () => {
  const store = memoryStore({ incarnation: "one" });
  const [gone, held] = [heldTask("gone"), heldTask("held")];
  const before = await openQueue({ definitions: [gone.definition, held.definition], store, start: false });
  await before.queue.submitAll([{ name: "gone", args: [], priority: 9 }, { name: "held", args: [] }]);
  await before.close();

  const slow = faultyStore(store);
  const parking = slow.onCommit("held", sets("blocked"));
  const clock = new FakeClock();
  const options = { definitions: [held.definition], channels: { default: 1 }, clock, faults: true };
  await using q = await openQueue({ ...options, store: slow });
  await clock.settle();
  const submitted = [1, 2, 3].map((n) => q.queue.submit(held.definition, [n]));
  await clock.settle();
  assert(held.runs.length <= 1, `${held.runs.length} handlers in one slot`);
  await parking.land();
  for (let n = 0; n < 4; n++) {
    await clock.advance(11_000);
    assert.equal(held.runs.length, n + 1);
    held.runs[n]!.finish();
  }
  await Promise.all(submitted);
  await clock.settle();
});

/** A commit that lets a task go on to its run. */
const starts = (commit: CommitCall) => deletes("waiting")(commit) && sets("run")(commit);
const held = (n: number) => ({ name: "held", args: [n] });

Deno.test("the next of a chain and a chord's body begin in the commit that releases them", async () => {
  const opened = await open(2);
  await using q = opened.q;
  const { task, store } = opened;
  const node = chain(chord([held(0), held(1)], held(2)), held(3));
  const { workflow: { id } } = await q.queue.submitWorkflow(node);
  for (let n = 0; n < 4; n++) {
    await q.clock.settle();
    task.runs[n]!.finish(n);
  }
  await q.clock.settle();
  assert.equal((await q.queue.workflow(id)).result, 3);
  assert.deepEqual(task.runs.map(({ args }) => args), [[0], [1], [[0, 1], 2], [2, 3]]);
  assert.equal(store.commits.filter(sets("ready")).length, 0);
  assert.equal(store.commits.filter(starts).length, 2);
  // Nobody hears of the start of a task before the end of the one before it.
  const told = q.events.all.filter(({ type }) => type === "started" || type === "finished");
  assert.deepEqual(told.slice(-4).map(({ type }) => type), ["started", "finished", "started", "finished"]);
});

Deno.test("a released task waits behind tasks that wait for the slot, and a delayed one for its time", async () => {
  const opened = await open(1);
  await using q = opened.q;
  const { task, submit } = opened;
  await q.queue.submitWorkflow(chain(held(0), { ...held(2), immutable: true }, { ...held(3), delay: 9 }));
  await submit(1);
  for (let n = 0; n < 3; n++) {
    await q.clock.settle();
    task.runs[n]!.finish();
  }
  await q.clock.advance(8000);
  assert.deepEqual(task.runs.map(({ args }) => args.at(-1)), [0, 1, 2]);
  await q.clock.advance(2000);
  task.runs[3]!.finish();
});

Deno.test("a task that is revoked at its release does not run, and its slot is free", async () => {
  const opened = await open(2);
  await using q = opened.q;
  const { task, store, inner } = opened;
  await using other = await openQueue({ store: inner, clock: new FakeClock(), channels: {} });
  const { workflow: { id, resultId } } = await q.queue.submitWorkflow(chain(held(0), held(1)));
  await q.clock.settle();
  store.beforeCommit(starts, () => other.queue.revoke(resultId));
  task.runs[0]!.finish();
  await q.clock.advance(5000);
  assert.equal((await q.queue.workflow(id)).state, "REVOKED");
  assert.equal(task.runs.length, 1);
  await slotsAreFree(opened, 2);
});

for (const fault of ["lost", "failed", "nothing", "repeated"] as const) {
  Deno.test(`a task whose release to its run is ${fault} runs once, and its slot is free`, async () => {
    const opened = await open(2);
    await using q = opened.q;
    const { task, store } = opened;
    const { workflow: { id } } = await q.queue.submitWorkflow(chain(held(0), held(1)));
    await q.clock.settle();
    const trap = store.onCommit(fault, starts);
    task.runs[0]!.finish();
    await q.clock.advance(20_000);
    assert(trap.met);
    assert.equal(task.runs.length, 2);
    task.runs[1]!.finish();
    await q.clock.advance(5000);
    assert.equal((await q.queue.workflow(id)).state, "SUCCESS");
    await slotsAreFree(opened, 2);
  });
}

Deno.test("the last commit of a large workflow takes the free slots; one that does not land gives them back", async () => {
  const opened = await open(4, {}, { mutations: 50 });
  await using q = opened.q;
  const { task, store, inner } = opened;
  const key = { scope: "s", key: "k", fingerprint: "f" };
  const node = group(Array.from({ length: 100 }, (_, n) => held(n)));
  const last = store.onCommit("held", sets("workflow"));
  const first = q.queue.submitWorkflow(node, key);
  await last.hit;
  assert.equal(task.runs.length, 0);
  // The same with the same key, which takes its turn behind it.
  const second = q.queue.submitWorkflow(node, key);
  await q.clock.settle();
  await last.land();
  await q.clock.settle();
  const [a, b] = await Promise.all([first, second]);
  assert.equal(a.workflow.id, b.workflow.id);
  const { mutations } = store.commits.find((commit) => sets("workflow")(commit) && commit.answer !== null)!;
  assert.equal(mutations.filter(({ key }) => key[1] === "run").length, 4);
  for (let left = 0; left < 60 && task.runs.length < 100; left++) {
    for (const run of task.runs) run.finish();
    await q.clock.settle();
  }
  for (const run of task.runs) run.finish();
  await q.clock.advance(5000);
  assert.equal(task.runs.length, 100);
  assert.deepEqual((await rowsOf(inner, "run")).length, 0);
  await slotsAreFree(opened, 4);
});
