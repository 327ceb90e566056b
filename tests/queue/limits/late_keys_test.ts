/** Tasks whose arguments come late, from the task or group before them, have the limits of their definition all the same. */
import assert from "node:assert/strict";
import { z } from "zod";
import { chain, chord, group, type WorkflowNode } from "../../../queue/mod.ts";
import { onBothStores, type OpenQueue } from "../../support/open_queue.ts";
import { asks, type CommitCall } from "../../support/faulty_store.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { Processes } from "../../support/processes.ts";
import { rowsOf } from "../../support/rows.ts";

const call = (name: string, ...args: unknown[]): WorkflowNode => ({ name, args });
const prep = task("prep", (_ctx, value) => value);

/** Whether a commit rewrites a pointer in `ready`, under check of it. */
function makesKey({ checks, mutations }: CommitCall): boolean {
  const checked = new Set(checks.map(({ key }) => String(key)));
  return mutations.some(({ type, key }) => type === "set" && key[1] === "ready" && checked.has(String(key)));
}

/** Ends one run after the other. @returns the most that ran at a time */
async function finishAll(gpu: ReturnType<typeof heldTask>, q: OpenQueue, count: number): Promise<number> {
  let most = 0;
  for (let done = 0; done < count; done++) {
    for (let look = 0; look < 40 && gpu.runs.length <= done; look++) await q.clock.advance(50);
    await q.clock.advance(200);
    most = Math.max(most, gpu.runs.length - done);
    assert(gpu.runs[done], `run ${done} has not started`);
    gpu.runs[done]!.finish();
  }
  await q.clock.advance(3000);
  return most;
}

const shapes: Record<string, { nodes(n: number): WorkflowNode; runs: number }> = {
  "the second task of a chain": { nodes: (n) => chain(call("prep", n), call("gpu")), runs: 1 },
  "a body": { nodes: (n) => chord([call("prep", n), call("prep", n)], call("gpu")), runs: 1 },
  "a body of an empty header": { nodes: () => chord([], call("gpu")), runs: 1 },
  "the members of a group": {
    nodes: (n) => chain(call("prep", n), group([call("gpu", 1), call("gpu", 2)])),
    runs: 2,
  },
  "a delayed follower": {
    nodes: (n) => chain(call("prep", n), { name: "gpu", args: [], delay: 1 }),
    runs: 1,
  },
  "an error callback": {
    nodes: () => ({ name: "fails", args: [], linkError: { name: "gpu", args: [] } }),
    runs: 1,
  },
};

for (const [shape, { nodes, runs }] of Object.entries(shapes)) {
  onBothStores(`${shape} counts under its concurrency key, beside tasks submitted directly`, async (open) => {
    const gpu = heldTask("gpu", { concurrencyKey: () => "gpu", concurrencyLimit: 1 });
    const fails = task("fails", () => {
      throw new Error("no");
    });
    await using q = await open({ definitions: [prep, fails, gpu.definition], channels: { default: 20 } });
    for (let n = 0; n < 5; n++) await q.queue.submitWorkflow(nodes(n));
    await q.queue.submit(gpu.definition, [0]);
    const count = 5 * runs + 1;
    assert.equal(await finishAll(gpu, q, count), 1);
    assert.equal(gpu.runs.length, count);
    const { tasks } = await q.queue.list({ limit: 100 });
    assert.deepEqual(tasks.filter(({ name, state }) => name === "gpu" && state !== "SUCCESS"), []);
  });
}

onBothStores("the key is made of the result, and `null` is no key", async (open) => {
  const gpu = heldTask("gpu", { concurrencyKey: (tenant) => tenant as string | null });
  await using q = await open({ definitions: [prep, gpu.definition], channels: { default: 20 } });
  for (const tenant of ["a", "a", "b", null, null]) {
    await q.queue.submitWorkflow(chain(call("prep", tenant), call("gpu")));
  }
  await q.clock.advance(1000);
  assert.deepEqual(gpu.runs.map(({ args }) => String(args[0])).sort(), ["a", "b", "null", "null"]);
  const parked = (await q.queue.list()).tasks.find(({ name, state }) =>
    name === "gpu" && state === "PENDING"
  )!;
  const { place, reasons } = await q.queue.explain(parked.id);
  assert.equal(place, "blocked");
  assert.match(reasons[0]!.message, /concurrency key 'a', of which at most 1 run/);
  for (const { finish } of gpu.runs.slice()) finish();
  await q.clock.advance(1000);
  gpu.runs[4]!.finish();
  await q.clock.advance(1000);
});

onBothStores("a retry keeps the key that was made late", async (open) => {
  const gpu = heldTask("gpu", { concurrencyKey: () => "gpu", maxRetries: 1, retry: { delay: 1, factor: 1 } });
  await using q = await open({ definitions: [prep, gpu.definition], channels: { default: 20 } });
  for (let n = 0; n < 2; n++) await q.queue.submitWorkflow(chain(call("prep", n), call("gpu")));
  await q.clock.advance(500);
  gpu.runs[0]!.fail(new Error("again"));
  await q.clock.advance(3000);
  // The other one has the place; the retry is due, and waits for it.
  assert.equal(gpu.runs.length, 2);
  gpu.runs[1]!.finish();
  await q.clock.advance(3000);
  assert.deepEqual(gpu.runs.map(({ ctx }) => ctx.retries), [0, 0, 1]);
  gpu.runs[2]!.finish();
  await q.clock.advance(3000);
});

for (const keyed of [false, true]) {
  onBothStores(
    `a result of the wrong type fails the follower and names the argument${keyed ? ", with a key" : ""}`,
    async (open) => {
      const follower = task("follower", (_ctx, n) => n, {
        args: z.tuple([z.int(), z.string()]) as never,
        ...(keyed && { concurrencyKey: (n: unknown) => `${n}` }),
      });
      await using q = await open({ definitions: [prep, follower, task("last", () => null)] });
      const { workflow: { id } } = await q.queue.submitWorkflow(
        chain(call("prep", "text"), call("follower", "own"), call("last")),
      );
      await q.clock.advance(3000);
      const [, failed, last] = (await q.queue.list()).tasks.toReversed();
      assert.equal(failed!.state, "FAILURE");
      assert.equal(failed!.error!.type, "InvalidTaskError");
      assert.match(failed!.error!.message, /\/args\/0: .*expected number, received string/);
      assert.equal(last!.state, "REVOKED");
      assert.equal((await q.queue.workflow(id)).state, "FAILURE");
    },
  );
}

onBothStores("a key that cannot be made of the result fails the follower", async (open) => {
  const bad = task("bad", () => null, { concurrencyKey: (key) => key as string });
  const throws = task("throws", () => null, {
    concurrencyKey: () => {
      throw new Error("no key");
    },
  });
  await using q = await open({ definitions: [prep, bad, throws] });
  await q.queue.submitWorkflow(
    chain(call("prep", 7), group([call("bad"), call("throws")], { onFailure: "continue" })),
  );
  await q.clock.advance(3000);
  const [, first, second] = (await q.queue.list()).tasks.toReversed();
  assert.match(first!.error!.message, /must make a concurrency key of 1 to 200 characters: got number/);
  assert.match(second!.error!.message, /concurrencyKey of 'throws' threw Error: no key/);
  assert.deepEqual([first!.state, second!.state], ["FAILURE", "FAILURE"]);
});

onBothStores(
  "a task whose key is to be made is explained, revoked and expires where it waits",
  async (open) => {
    const gpu = heldTask("gpu", { concurrencyKey: () => "gpu", channel: "g" });
    const busy = heldTask("busy", { channel: "g" });
    await using q = await open({
      definitions: [prep, busy.definition, gpu.definition],
      channels: { default: 2, g: 1 },
    });
    await q.queue.submit(busy.definition, []);
    await q.clock.advance(100);
    await q.queue.submitWorkflow(chain(call("prep", 1), call("gpu")));
    await q.queue.submitWorkflow(chain(call("prep", 2), { name: "gpu", args: [], expires: 5 }));
    await q.clock.advance(2000);
    const [one, two] = (await q.queue.list()).tasks.filter(({ name }) => name === "gpu").toReversed();
    const { place, reasons } = await q.queue.explain(one!.id);
    assert.deepEqual([place, reasons.map(({ code }) => code)], ["ready", ["next", "slots-busy"]]);
    await q.queue.revoke(one!.id);
    await q.clock.advance(5000);
    for (const { id } of [one!, two!]) assert.equal((await q.queue.get(id)).state, "REVOKED");
    busy.runs[0]!.finish();
    await q.clock.advance(3000);
    assert.equal(gpu.runs.length, 0);
  },
);

Deno.test("a process that does not know the name of a task whose key is to be made leaves it to others", async () => {
  await using processes = new Processes();
  const gpu = heldTask("gpu", { concurrencyKey: () => "gpu" });
  const definitions = [prep, gpu.definition];
  const old = await processes.start({ definitions: [prep], channels: { default: 4 } });
  const asks = await processes.start({ definitions, channels: { default: 4 }, start: false });
  for (let n = 0; n < 3; n++) await asks.queue.submitWorkflow(chain(call("prep", n), call("gpu")));
  await old.clock.advance(3000);
  const blocked = await rowsOf(processes.store, "blocked");
  assert.deepEqual(blocked.map(({ key }) => key[2]), Array(3).fill("name:gpu"));
  const knows = await processes.start({ definitions, channels: { default: 4 } });
  for (let done = 0; done < 3; done++) {
    for (let turn = 0; turn < 20; turn++) for (const { clock } of [old, knows]) await clock.advance(500);
    assert.equal(gpu.runs.length, done + 1);
    gpu.runs[done]!.finish();
  }
  await knows.clock.advance(3000);
});

Deno.test("two processes that make the keys of the same tasks start one of them", async () => {
  await using processes = new Processes();
  const gpu = heldTask("gpu", { concurrencyKey: () => "gpu" });
  const definitions = [prep, gpu.definition];
  const x = await processes.start({ definitions, channels: { default: 4 } });
  const y = await processes.start({ definitions, channels: { default: 4 } });
  let met = 0;
  // Between the one's look and its commit the other makes the keys, and claims.
  x.faulty.beforeCommit(makesKey, async () => {
    met++;
    await y.clock.advance(3000);
  });
  for (let n = 0; n < 3; n++) await x.queue.submitWorkflow(chain(call("prep", n), call("gpu")));
  for (let done = 0; done < 3; done++) {
    for (let turn = 0; turn < 20; turn++) for (const { clock } of [x, y]) await clock.advance(500);
    assert.equal(gpu.runs.length, done + 1);
    gpu.runs[done]!.finish();
  }
  assert.equal(met, 1);
  for (const { clock } of [x, y]) await clock.advance(3000);
});

/** A process that executes nothing, and one that executes tasks with one concurrency key. */
async function askedAndWorking() {
  const processes = new Processes();
  const gpu = heldTask("gpu", { concurrencyKey: () => "gpu" });
  const definitions = [prep, gpu.definition];
  const asks = await processes.start({ definitions, channels: {} });
  const works = await processes.start({ definitions, channels: { default: 4 } });
  return { processes, gpu, asks, works };
}

Deno.test("a task that is revoked while its key is being made stays revoked", async () => {
  const { processes, gpu, asks: other, works } = await askedAndWorking();
  await using _ = processes;
  let follower = "";
  let met = 0;
  works.faulty.beforeCommit(makesKey, async () => {
    met++;
    await other.queue.revoke(follower);
  });
  await works.queue.submitWorkflow(chain({ name: "prep", args: [1], delay: 1 }, call("gpu")));
  follower = (await works.queue.list()).tasks.find(({ name }) => name === "gpu")!.id;
  await works.clock.advance(5000);
  assert.equal(met, 1);
  assert.equal((await other.queue.get(follower)).state, "REVOKED");
  assert.equal(gpu.runs.length, 0);
});

Deno.test("a purge ends a task whose key another process is making", async () => {
  const { processes, gpu, asks: purges, works } = await askedAndWorking();
  await using _ = processes;
  const made = works.faulty.onCommit("held", makesKey);
  await works.queue.submitWorkflow(chain(call("prep", 1), call("gpu")));
  for (const { clock } of [works, purges]) await clock.advance(1000);
  assert(made.met);
  let answer: string | null | undefined;
  // Between the purge's look at `ready` and its commit, the commit that makes the key arrives.
  purges.faulty.beforeCommit(
    ({ checks }) => checks.some(({ key }) => key[1] === "ready"),
    async () => answer = await made.land(),
  );
  assert.equal(await purges.queue.purge("default"), 1);
  assert.equal(answer, null);
  for (let turn = 0; turn < 10; turn++) for (const { clock } of [purges, works]) await clock.advance(500);
  const follower = (await works.queue.list()).tasks.find(({ name }) => name === "gpu")!;
  assert.equal(follower.state, "REVOKED");
  assert.equal(gpu.runs.length, 0);
});

onBothStores("a paused channel keeps a task whose key is to be made, and goes on with it", async (open) => {
  const gpu = heldTask("gpu", { concurrencyKey: () => "gpu", channel: "g" });
  await using q = await open({ definitions: [prep, gpu.definition], channels: { default: 2, g: 2 } });
  await q.queue.changeChannel("g", { paused: true });
  for (let n = 0; n < 2; n++) await q.queue.submitWorkflow(chain(call("prep", n), call("gpu")));
  await q.clock.advance(3000);
  assert.equal(gpu.runs.length, 0);
  const pointers = await rowsOf(q.store, "ready");
  assert.deepEqual(pointers.map(({ value }) => value.unkeyed), [true, true]);
  await q.queue.changeChannel("g", { paused: false });
  assert.equal(await finishAll(gpu, q, 2), 1);
});

Deno.test("a revoke that meets the key being made ends the task with its key", async () => {
  const { processes, gpu, asks: other, works } = await askedAndWorking();
  await using _ = processes;
  await works.queue.submitWorkflow(chain({ name: "prep", args: [1], delay: 1 }, call("gpu")));
  const { id } = (await works.queue.list()).tasks.find(({ name }) => name === "gpu")!;
  // Between the revoke's two reads the other process makes the key.
  const look = other.faulty.onRead("held", (keys) => asks("run")(keys) && asks("ready")(keys));
  const revoked = other.queue.revoke(id);
  await look.hit;
  const made = works.faulty.onCommit("late", makesKey);
  await works.clock.advance(2000);
  assert(made.met);
  await look.land();
  await revoked;
  await made.land();
  await works.clock.advance(3000);
  const record = (await rowsOf(processes.store, "task"))
    .find(({ key }) => key.at(-1) === id)!.value;
  assert.deepEqual([record.state, record.concurrencyKey, record.unkeyed], ["REVOKED", "gpu", undefined]);
  assert.equal(gpu.runs.length, 0);
});

onBothStores("an error of the schema itself ends the task: without its key it does not run", async (open) => {
  let fails = false;
  const schema = z.tuple([
    z.unknown().refine(() => {
      const now = fails;
      fails = false;
      if (now) throw new RangeError("not now");
      return true;
    }),
  ]);
  const gpu = heldTask("gpu", {
    args: schema,
    concurrencyKey: () => "gpu",
    concurrencyLimit: 1,
    maxRetries: 1,
  });
  await using q = await open({ definitions: [prep, gpu.definition], channels: { default: 20 } });
  await q.queue.submit(gpu.definition, [0]);
  await q.queue.submitWorkflow(chain(call("prep", 1), call("gpu")));
  fails = true;
  await q.clock.advance(5000);
  assert.deepEqual([fails, gpu.runs.length], [false, 1]);
  const failed = (await q.queue.list()).tasks.find(({ name, state }) =>
    name === "gpu" && state === "FAILURE"
  );
  assert.deepEqual([failed?.error?.type, failed?.error?.message], ["RangeError", "not now"]);
  gpu.runs[0]!.finish();
  await q.clock.advance(1000);
});
