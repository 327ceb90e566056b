/** What a handler returns, throws or writes is read at once: what other handlers do to the same object comes too late. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Json, Task } from "../../../queue/mod.ts";
import { type HeldRun, heldTask, task } from "../../support/held_task.ts";
import { onBothStores, type OpenQueue } from "../../support/open_queue.ts";

const RUNS = Array.from({ length: 10 }, (_, n) => n);
/** All runs start in one turn of the event loop. */
const channels = { default: RUNS.length };

/** Runs a task once for each of {@link RUNS}, which it gets as its argument. */
async function runAll(q: OpenQueue, { name }: { name: string }): Promise<Task[]> {
  const { tasks } = await q.queue.submitAll(RUNS.map((n) => ({ name, args: [n] })));
  return await Promise.all(tasks.map((task) => q.ended(task)));
}

onBothStores("runs of one turn that return one object have each stored what it was then", async (open) => {
  const shared = { runs: [] as unknown[] };
  const returns = task("returns", (_ctx, n) => {
    shared.runs.push(n);
    return shared;
  });
  await using q = await open({ definitions: [returns], channels });
  const ended = await runAll(q, returns);
  const counts = ended.map(({ result }) => (result as typeof shared).runs.length);
  assert.deepEqual(counts.toSorted((a, b) => a - b), RUNS.map((n) => n + 1));
  for (const { args, result } of ended) assert.equal((result as typeof shared).runs.at(-1), args[0]);
});

onBothStores("a handler that makes a returned object unserializable fails alone", async (open) => {
  const shared: { value: unknown } = { value: 0 };
  const spoils = task("spoils", (_ctx, n) => {
    shared.value = n === 5 ? 5n : n;
    return shared;
  });
  await using q = await open({ definitions: [spoils], channels });
  for (const { args: [n], state, result, error } of await runAll(q, spoils)) {
    if (n === 5) assert.deepEqual([state, error?.type], ["FAILURE", "ResultNotSerializable"]);
    else assert.deepEqual([state, result], ["SUCCESS", { value: n }]);
  }
});

onBothStores("runs of one turn that throw one error have each stored what it was then", async (open) => {
  const shared = new Error("none");
  const throws = task("throws", (_ctx, n) => {
    shared.message = `run ${n}`;
    throw shared;
  });
  await using q = await open({ definitions: [throws], channels });
  for (const { args: [n], error } of await runAll(q, throws)) assert.equal(error?.message, `run ${n}`);
});

onBothStores("runs of one turn that report one object show each what it was then", async (open) => {
  const shared = { n: -1 as unknown };
  const reports = heldTask("reports");
  const start = (ctx: HeldRun["ctx"], n: unknown) => {
    shared.n = n;
    ctx.progress(shared as Json);
    return reports.definition.handler(ctx, n);
  };
  await using q = await open({ definitions: [task("reports", start)], channels });
  const { tasks } = await q.queue.submitAll(RUNS.map((n) => ({ name: "reports", args: [n] })));
  await q.clock.settle();
  for (const [n, { id }] of tasks.entries()) {
    assert.deepEqual((await q.queue.get(id)).progress, { n });
  }
  for (const run of reports.runs) run.finish();
  for (const task of tasks) await q.ended(task);
});

onBothStores("ctx.commit takes keys and values as they are at its call", async (open) => {
  const shared = { n: -1 as unknown };
  const bytes = new Uint8Array(1);
  const key = ["of", -1];
  const writes = task("writes", (ctx, n) => {
    shared.n = n;
    key[1] = bytes[0] = n as number;
    ctx.commit.set(key, shared).set(["bytes", n as number], bytes).set(
      ["buffer", n as number],
      buffer(bytes),
    );
  });
  await using q = await open({ definitions: [writes], channels });
  await runAll(q, writes);
  for (const n of RUNS) {
    const rows = await q.store.getMany([["of", n], ["bytes", n], ["buffer", n]]);
    assert.deepEqual(rows.map((row) => row?.value), [{ n }, new Uint8Array([n]), new Uint8Array([n])]);
  }
});

onBothStores("ctx.commit refuses at its call what cannot be stored", async (open) => {
  const caught: unknown[] = [];
  const writes = task("writes", (ctx) => {
    try {
      ctx.commit.set(["k"], { f: () => 1 });
    } catch (error) {
      caught.push((error as Error).name);
    }
    ctx.commit.set(["count"], new Deno.KvU64(7n));
  });
  await using q = await open({ definitions: [writes] });
  assert.equal((await q.ended(await q.queue.submit(writes, []))).state, "SUCCESS");
  assert.deepEqual(caught, ["RefusedCommitError"]);
  const [none, count] = await q.store.getMany([["k"], ["count"]]);
  assert.deepEqual([none, count?.value], [null, new Deno.KvU64(7n)]);
});

onBothStores("a result's toJSON is called once, and what it returns then is stored", async (open) => {
  let calls = 0;
  const counts = task("counts", () => ({
    toJSON() {
      if (++calls > 1) throw new Error("once is enough");
      return { calls };
    },
  }));
  await using q = await open({ definitions: [counts] });
  const ended = await q.ended(await q.queue.submit(counts, []));
  assert.deepEqual([ended.state, ended.result, calls], ["SUCCESS", { calls: 1 }, 1]);
});

/** A node Buffer over the same memory: its `slice` is a view, no copy. */
function buffer(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes.buffer);
}
