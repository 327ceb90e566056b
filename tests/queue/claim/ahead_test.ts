/**
 * Tasks are taken ahead of their slots while runs are quick; they run in order, as many at a time as there are slots.
 */
import assert from "node:assert/strict";
import { faultyStore, sets } from "../../support/faulty_store.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import { finishInTurn, openQueue } from "../../support/open_queue.ts";
import { rowsOf } from "../../support/rows.ts";

/** A queue of two slots whose last two runs were quick. */
async function quickQueue() {
  const held = heldTask("held");
  const quick = task("quick", () => {});
  const store = faultyStore(memoryStore({ incarnation: "only" }));
  const q = await openQueue({
    store,
    definitions: [held.definition, quick],
    channels: { default: 2 },
    faults: true,
  });
  await q.clock.advance(100);
  await q.queue.submitAll([{ name: "quick", args: [] }, { name: "quick", args: [] }]);
  await q.clock.settle();
  const submit = async (n: number) => {
    await q.queue.submit(held.definition, [n]);
    await q.clock.settle();
  };
  return { held, store, q, submit };
}

Deno.test("no more tasks run at a time than there are slots, and those taken ahead follow in order", async () => {
  const { held, store, q, submit } = await quickQueue();
  await using _ = q;
  for (let n = 0; n < 12; n++) await submit(n);
  assert.equal(held.runs.length, 2);
  assert.equal((await rowsOf(store, "run")).length, 8);
  assert.equal((await rowsOf(store, "ready")).length, 4);
  for (let n = 0; n < 12; n++) {
    held.runs[n]!.finish();
    await q.clock.settle();
    assert.equal(held.runs.length, Math.min(12, n + 3));
  }
  assert.deepEqual(held.runs.map(({ args: [n] }) => n), [...Array(12).keys()]);
});

Deno.test("no task is taken ahead after a slow run", async () => {
  const { held, store, q, submit } = await quickQueue();
  await using _ = q;
  await submit(0);
  await q.clock.advance(100);
  held.runs[0]!.finish();
  await q.clock.settle();
  for (let n = 1; n < 6; n++) await submit(n);
  assert.equal((await rowsOf(store, "run")).length, 2);
  await finishInTurn(held, q, 1, 6);
});

Deno.test("tasks taken ahead go back uncounted at a stop and at a pause, and are revoked like runs", async () => {
  const { held, store, q } = await quickQueue();
  await using _ = q;
  const tasks = await Promise.all([...Array(6).keys()].map((n) => q.queue.submit(held.definition, [n])));
  await q.clock.settle();
  assert.equal((await rowsOf(store, "run")).length, 6);
  const revoked = q.queue.revoke(tasks[5]!.id);
  await q.clock.settle();
  await revoked;
  assert.equal((await q.queue.get(tasks[5]!.id)).state, "REVOKED");

  await q.queue.changeChannel("default", { paused: true });
  assert.equal(held.runs.length, 2);
  assert.equal((await rowsOf(store, "run")).length, 2);
  assert((await rowsOf(store, "ready")).every(({ value }) => value.deliveries === 0));
  await q.queue.changeChannel("default", { paused: null });
  await q.clock.settle();
  assert.equal((await rowsOf(store, "run")).length, 5);

  const stopped = q.queue.stop(0);
  await q.clock.advance(3000);
  await stopped;
  assert.equal(held.runs.length, 2);
  const pointers = await rowsOf(store, "ready");
  assert.deepEqual(pointers.map(({ value }) => value.deliveries), [0, 0, 0, 0, 0]);
});

Deno.test("tasks taken ahead use new slots at once", async () => {
  const { held, q, submit } = await quickQueue();
  await using _ = q;
  for (let n = 0; n < 6; n++) await submit(n);
  assert.equal(held.runs.length, 2);
  await q.queue.changeChannel("default", { slots: 5 });
  await q.clock.settle();
  assert.equal(held.runs.length, 5);
  await finishInTurn(held, q, 0, 6);
});

Deno.test("tasks that a process stores itself are claimed without a look at the store, in order of priority", async () => {
  const { held, store, q } = await quickQueue();
  await using _ = q;
  let looks = 0;
  const { list } = store;
  store.list = (range, options) => {
    if (range.prefix[1] === "ready") looks++;
    return list(range, options);
  };
  const priorities = [5, 3, 9, 5, 0, 7];
  // Twelve that fill the slots and what is taken ahead; the others wait.
  const requests = [...Array(12).keys()].map(() => ({ name: "held", args: [5], priority: 9 }));
  await q.queue.submitAll([
    ...requests,
    ...priorities.map((priority) => ({ name: "held", args: [priority], priority })),
  ]);
  await q.clock.settle();
  await finishInTurn(held, q, 0, 18);
  assert.deepEqual(held.runs.slice(12).map(({ args: [n] }) => n), [9, 7, 5, 5, 3, 0]);
  assert.equal(looks, 0);
});

Deno.test("a submission sees the slot that a run of the same turn leaves", async () => {
  const held = heldTask("held");
  const store = faultyStore(memoryStore({ incarnation: "only" }));
  await using q = await openQueue({
    store,
    definitions: [held.definition],
    channels: { default: 1 },
    faults: true,
  });
  await q.clock.advance(100);
  await q.queue.submit(held.definition, [0]);
  await q.clock.settle();
  await q.clock.advance(1000);
  const submitted = q.queue.submit(held.definition, [1]);
  held.runs[0]!.finish();
  await q.clock.settle();
  await submitted;
  assert.equal(held.runs.length, 2);
  assert.equal(store.commits.filter(sets("ready")).length, 0);
  held.runs[1]!.finish();
  await q.clock.settle();
});

Deno.test("a task taken ahead and given back has not started: it expires as if it had waited all the time", async () => {
  const { held, store, q } = await quickQueue();
  await using _ = q;
  await q.queue.submitAll([0, 1].map((n) => ({ name: "held", args: [n] })));
  const { tasks: [task] } = await q.queue.submitAll([{ name: "held", args: [2], expires: 10 }]);
  await q.clock.settle();
  assert.equal((await rowsOf(store, "run")).length, 3);
  await q.queue.changeChannel("default", { paused: true });
  await q.clock.advance(20_000);
  const ended = await q.queue.get(task!.id);
  assert.deepEqual([ended.state, ended.error?.type, ended.startedAt], ["REVOKED", "Expired", null]);
  for (const run of held.runs) run.finish();
  await q.clock.settle();
});

Deno.test("tasks taken ahead go back to the store when runs become slow", async () => {
  const { held, store, q, submit } = await quickQueue();
  await using _ = q;
  for (let n = 0; n < 6; n++) await submit(n);
  assert.equal((await rowsOf(store, "run")).length, 6);
  await q.clock.advance(5000);
  assert.equal((await rowsOf(store, "run")).length, 2);
  await q.queue.submit(held.definition, [99], { priority: 9 });
  await q.clock.settle();
  await finishInTurn(held, q, 0, 7);
  assert.deepEqual(held.runs.map(({ args: [n] }) => n), [0, 1, 99, 2, 3, 4, 5]);
});

Deno.test("the most urgent task taken ahead begins first, and a task with early acknowledgement is not taken ahead", async () => {
  const held = heldTask("held");
  const once = heldTask("once", { acks: "early" });
  const quick = task("quick", () => {});
  const store = faultyStore(memoryStore({ incarnation: "only" }));
  const definitions = [held.definition, once.definition, quick];
  await using q = await openQueue({ store, definitions, channels: { default: 1 }, faults: true });
  await q.clock.advance(100);
  await q.queue.submit(quick, []);
  await q.clock.settle();
  for (const [n, priority] of [[0, 5], [1, 3], [2, 5], [3, 9]] as const) {
    await q.queue.submit(held.definition, [n], { priority });
    await q.clock.settle();
  }
  assert.equal((await rowsOf(store, "run")).length, 4);
  held.runs[0]!.finish();
  await q.clock.settle();
  held.runs[1]!.finish();
  await q.clock.settle();
  await q.queue.submit(once.definition, []);
  await q.clock.settle();
  assert.equal((await rowsOf(store, "run")).length, 2);
  assert.equal((await rowsOf(store, "ready")).length, 1);
  await finishInTurn(held, q, 2, 4);
  assert.deepEqual(held.runs.map(({ args: [n] }) => n), [0, 3, 2, 1]);
  assert.equal(once.runs.length, 1);
  once.runs[0]!.finish();
  await q.clock.settle();
});

Deno.test("handlers that ignore the end of their runs keep tasks taken ahead from beginning", async () => {
  const held = heldTask("held", { timeLimit: 0.5 });
  const quick = task("quick", () => {});
  const store = faultyStore(memoryStore({ incarnation: "only" }));
  await using q = await openQueue({
    store,
    definitions: [held.definition, quick],
    channels: { default: 1 },
    faults: true,
  });
  await q.clock.advance(100);
  await q.queue.submit(quick, []);
  await q.clock.settle();
  for (let n = 0; n < 3; n++) {
    await q.queue.submit(held.definition, [n]);
    await q.clock.settle();
  }
  await q.clock.advance(700);
  assert.equal(held.runs.length, 1);
  held.runs[0]!.finish();
  await q.clock.settle();
  assert.equal(held.runs.length, 2);
  await finishInTurn(held, q, 1, 3);
});
