/** Two processes decide about one limit at the same time; one of them has to decide again. */
import assert from "node:assert/strict";
import type { AnyTaskDefinition } from "../../../queue/mod.ts";
import { deletes, sets } from "../../support/faulty_store.ts";
import { START } from "../../../queue/testing/fake_clock.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { type Process, Processes } from "../../support/processes.ts";
import { rowsOf } from "../../support/rows.ts";

const key = { concurrencyKey: () => "one", concurrencyLimit: 1 };

/** Two processes that execute a channel each, and one that only submits to both. */
async function inTwoChannels(processes: Processes, definition: AnyTaskDefinition) {
  const definitions = [definition];
  const x = await processes.start({ definitions, channels: { x: 3 } });
  const y = await processes.start({ definitions, channels: { y: 3 } });
  const asks = await processes.start({ definitions, channels: { x: 1, y: 1 }, start: false });
  return { x, y, asks };
}

Deno.test("only one of two processes that find the last place of a key free, in two channels, starts its task", async () => {
  await using processes = new Processes();
  const held = heldTask("held", key);
  const { x, y, asks } = await inTwoChannels(processes, held.definition);
  // Between the one's look and its commit the other starts a task.
  x.faulty.beforeCommit(sets("slots"), () => y.clock.advance(3000));
  for (const channel of ["x", "y"]) await asks.queue.submitAll([{ name: "held", args: [channel], channel }]);
  await x.clock.advance(5000);
  assert.equal(held.runs.length, 1);
  held.runs[0]!.finish();
  for (const { clock } of [x, y]) await clock.advance(3000);
  assert.deepEqual(held.runs.map(({ args }) => args), [["y"], ["x"]]);
  held.runs[1]!.finish();
  await x.clock.settle();
});

Deno.test("only one of two processes that find a rate free, in two channels, starts its task", async () => {
  await using processes = new Processes();
  const starts: unknown[] = [];
  const limited = task("limited", (_ctx, channel) => void starts.push(channel), { rateLimit: "1/h" });
  const { x, y, asks } = await inTwoChannels(processes, limited);
  x.faulty.beforeCommit(sets("rate"), () => y.clock.advance(3000));
  for (const channel of ["x", "y"]) {
    await asks.queue.submitAll([{ name: "limited", args: [channel], channel }]);
  }
  await x.clock.advance(60_000);
  assert.deepEqual(starts, ["y"]);
  assert.equal((await rowsOf(processes.store, "blocked")).length, 1);
});

Deno.test("a task that came later does not start before a parked one, though its process sees the place free first", async () => {
  await using processes = new Processes();
  const held = heldTask("held", key);
  const options = { definitions: [held.definition], channels: { default: 2 } };
  const first = await processes.start(options);
  const second = await processes.start(options);
  const submit = (q: Process, n: number) => q.queue.submitAll([{ name: "held", args: [n] }]);
  await submit(first, 0);
  await submit(first, 1);
  await first.clock.settle();
  // It ends the run, and its release does not arrive.
  const release = first.faulty.onCommit("held", deletes("blocked"));
  held.runs[0]!.finish();
  await first.clock.settle();
  assert(release.met);
  // So that its id is greater: each process makes its own.
  await second.clock.advance(10);
  await submit(second, 2);
  await second.clock.advance(3000);
  assert.deepEqual(held.runs.map(({ args: [n] }) => n), [0, 1]);
  await release.land();
  for (let n = 1; n < 3; n++) {
    held.runs[n]!.finish();
    for (const { clock } of [first, second]) await clock.advance(3000);
  }
  assert.deepEqual(held.runs.map(({ args: [n] }) => n), [0, 1, 2]);
});

Deno.test("a place that is left while a task is being parked for it is taken by that task at once", async () => {
  await using processes = new Processes();
  const held = heldTask("held", key);
  const { x, y, asks } = await inTwoChannels(processes, held.definition);
  const submit = (channel: string) => x.queue.submitAll([{ name: "held", args: [channel], channel }]);
  await asks.queue.submitAll([{ name: "held", args: ["y"], channel: "y" }]);
  await y.clock.advance(3000);
  x.faulty.beforeCommit(sets("blocked"), async () => {
    held.runs[0]!.finish();
    await y.clock.settle();
  });
  await submit("x");
  for (let turn = 0; turn < 5; turn++) await x.clock.settle();
  assert.deepEqual(held.runs.map(({ args }) => args), [["y"], ["x"]]);
  held.runs[1]!.finish();
  await x.clock.settle();
});

Deno.test("a place is not given away while its task, which seemed gone, is being started again", async () => {
  await using processes = new Processes();
  const held = heldTask("held", { ...key, maxRetries: 1, retry: { delay: 0 } });
  const { x, y, asks } = await inTwoChannels(processes, held.definition);
  await asks.queue.submitAll([{ name: "held", args: ["x"], channel: "x" }]);
  await x.clock.advance(3000);
  // It fails; y sees that it is not running, and it runs again before y's commit.
  const retried = Promise.withResolvers<void>();
  y.faulty.beforeCommit(sets("slots"), async () => {
    await x.clock.advance(3000);
    retried.resolve();
  });
  x.faulty.onCommit("held", (commit) => sets("run")(commit));
  held.runs[0]!.fail(new Error("once"));
  await asks.queue.submitAll([{ name: "held", args: ["y"], channel: "y" }]);
  await y.clock.advance(3000);
  for (const { clock } of [x, y]) await clock.advance(15_000);
  await retried.promise;
  const running = (await rowsOf(processes.store, "run")).length;
  assert.equal(running, 1);
  for (let turn = 0; turn < 4; turn++) {
    for (const run of held.runs) run.finish();
    for (const { clock } of [x, y]) await clock.advance(3000);
  }
  const states = (await rowsOf(processes.store, "task")).map(({ value }) => value.state);
  assert.deepEqual(states, ["SUCCESS", "SUCCESS"]);
});

Deno.test("two channels of one process and their releases do not keep each other from starting anything", async () => {
  await using processes = new Processes({ limits: { checks: 10 } });
  const done: number[] = [];
  const keyed = task("keyed", async (ctx, n) => {
    await ctx.sleep(0.1);
    done.push(Number(n));
  }, { concurrencyKey: (n) => `key ${Number(n) % 3}`, concurrencyLimit: 2, rateLimit: "500/s" });
  const options = { definitions: [keyed], channels: { x: 4, y: 4 } };
  const all = [await processes.start(options), await processes.start(options)];
  for (let n = 0; n < 60; n++) {
    await all[n % 2]!.queue.submitAll([{ name: "keyed", args: [n], channel: n % 4 < 2 ? "x" : "y" }]);
  }
  for (let turn = 0; turn < 80 && done.length < 60; turn++) {
    for (const { clock } of all) await clock.advance(100);
  }
  assert.equal(done.length, 60, `after ${all[0]!.clock.now() - START} ms`);
});

Deno.test("a claim that does not land takes nothing of its channel's rate", async () => {
  await using processes = new Processes();
  const held = heldTask("held");
  const x = await processes.start({ definitions: [held.definition], channels: { default: 3 } });
  const other = await processes.start({ definitions: [held.definition], channels: {} });
  await x.queue.changeChannel("default", { rateLimit: "1/h", paused: true });
  const { tasks: [first] } = await x.queue.submitAll([1, 2].map((n) => ({ name: "held", args: [n] })));
  x.faulty.beforeCommit(sets("run"), () => other.queue.revoke(first!.id));
  await x.queue.changeChannel("default", { paused: false });
  await x.clock.advance(5000);
  assert.deepEqual(held.runs.map(({ args }) => args), [[2]]);
  held.runs[0]!.finish();
  await x.clock.settle();
});
