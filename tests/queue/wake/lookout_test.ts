import assert from "node:assert/strict";
import { chain, memoryStore } from "../../../queue/mod.ts";
import type { Doorbell, Key, Store } from "../../../queue/store/port.ts";
import { heldTask } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";

/** A queue that runs held tasks, and another one on the same store that only asks, with what it asks for counted. */
async function openTwo(change: (doorbell: Doorbell) => Doorbell = (doorbell) => doorbell) {
  const held = heldTask("held");
  const store = memoryStore({ doorbell: true });
  const runs = await openQueue({ store, definitions: [held.definition], channels: { default: 500 } });
  const counts = { reads: 0, commits: 0, watches: 0, open: 0, most: 0 };
  const { watch, ...doorbell } = change(store.doorbell!);
  const counted: Store = {
    ...store,
    getMany: (keys) => (counts.reads++, store.getMany(keys)),
    commit: (...args) => (counts.commits++, store.commit(...args)),
    doorbell: {
      ...doorbell,
      watch(keys: readonly Key[], told) {
        assert(keys.length <= 10);
        counts.watches++;
        counts.most = Math.max(counts.most, ++counts.open);
        const end = watch!(keys, told);
        return () => (counts.open--, end());
      },
    },
  };
  const asks = await openQueue({ store: counted, definitions: [held.definition], start: false });
  const submit = async (n = 1) => {
    const { tasks } = await asks.queue.submitAll(Array(n).fill({ name: "held", args: [] }));
    await runs.clock.settle();
    Object.assign(counts, { reads: 0, commits: 0, watches: 0, most: 0 });
    return tasks.map(({ id }) => id);
  };
  return {
    held,
    runs,
    asks,
    counts,
    submit,
    async [Symbol.asyncDispose]() {
      held.runs.forEach((run) => run.finish());
      await runs.clock.settle();
      await asks.close();
      await runs.close();
    },
  };
}

/** Has the rows gathered that are awaited, which takes the asking process 10 ms; no look at them is due for 90 more. */
const GATHER = 10;

Deno.test("an end in another process is told by the watched row, without a look and without a commit", async () => {
  await using two = await openTwo();
  const { held, runs, asks, counts } = two;
  const [id] = await two.submit();
  const waits = Promise.all([asks.queue.wait(id!), asks.queue.wait(id!)]);
  await asks.clock.advance(GATHER);
  const reads = counts.reads;
  held.runs[0]!.finish("far away");
  await runs.clock.settle();
  assert.deepEqual((await waits).map(({ result }) => result), ["far away", "far away"]);
  // Each waiter has read what it was told of.
  assert.deepEqual(counts, { reads: reads + 2, commits: 0, watches: 1, open: 0, most: 1 });
});

Deno.test("a watch of a task and a wait for a workflow are told by the watched rows", async () => {
  await using two = await openTwo();
  const { held, runs, asks } = two;
  const { workflow } = await asks.queue.submitWorkflow(
    chain({ name: "held", args: [] }, { name: "held", args: [], immutable: true }),
  );
  await runs.clock.settle();
  const told: string[] = [];
  const watched = (async () => {
    for await (const { task } of asks.queue.watch(workflow.id)) told.push(task.state);
  })();
  const waited = asks.queue.waitWorkflow(workflow.id);
  await asks.clock.advance(GATHER);
  held.runs[0]!.ctx.progress(1);
  await runs.clock.settle();
  held.runs[0]!.finish();
  await runs.clock.settle();
  await watched;
  assert.deepEqual(told, ["STARTED", "PROGRESS", "SUCCESS"]);
  held.runs[1]!.finish();
  await runs.clock.settle();
  assert.equal((await waited).state, "SUCCESS");
});

Deno.test("nothing is watched at rest, nor for a task that ends within 10 ms, and a minute's wait costs a read a second", async () => {
  await using two = await openTwo();
  const { held, runs, asks, counts } = two;
  const [quick, slow] = await two.submit(2);
  await asks.clock.advance(60_000);
  assert.equal(counts.watches, 0);
  held.runs[0]!.finish();
  await runs.clock.settle();
  await asks.queue.wait(quick!);
  await asks.clock.advance(60_000);
  assert.equal(counts.watches, 0);
  counts.reads = 0;
  await asks.clock.advance(60_000);
  const resting = counts.reads;
  const wait = asks.queue.wait(slow!, { timeout: 60 });
  await asks.clock.advance(60_000);
  await wait;
  const reads = counts.reads - 2 * resting;
  assert(reads <= 62, `${reads} reads for the wait`);
  assert.deepEqual([counts.watches, counts.open], [1, 0]);
});

for (
  const [what, lost] of Object.entries<(doorbell: Doorbell) => Doorbell>({
    "tells nothing": (doorbell) => ({ ...doorbell, watch: () => () => {} }),
    "tells once": ({ watch, ...doorbell }) => ({
      ...doorbell,
      watch(keys, told) {
        let once = false;
        return watch!(keys, (versionstamps) => once || (once = true, told(versionstamps)));
      },
    }),
  })
) {
  Deno.test(`a lost watch costs a second at most, and the end is found by reading: it ${what}`, async () => {
    await using two = await openTwo(lost);
    const { held, runs, asks } = two;
    const [id] = await two.submit();
    let result: unknown = null;
    asks.queue.wait(id!).then((task) => result = task.result);
    await asks.clock.advance(10_000);
    held.runs[0]!.finish("far away");
    await runs.clock.settle();
    await asks.clock.settle();
    assert.equal(result, null);
    await asks.clock.advance(1100);
    assert.equal(result, "far away");
  });
}

Deno.test("hundreds of waits share sixteen watches, and those beyond take the places of those that have ended", async () => {
  await using two = await openTwo();
  const { held, runs, asks, counts } = two;
  const ids = [...await two.submit(200), ...await two.submit(200)];
  let ended = 0;
  const waits = ids.map((id) => asks.queue.wait(id).then(() => ended++));
  await asks.clock.advance(GATHER);
  assert.deepEqual([counts.watches, counts.open], [16, 16]);
  // Whatever is watched ends; what then takes its place is told likewise.
  for (const watched of [160, 320, 400]) {
    for (const run of held.runs.slice(0, watched)) run.finish();
    await runs.clock.settle();
    await asks.clock.settle();
    assert.equal(ended, watched);
    await asks.clock.advance(GATHER);
  }
  await Promise.all(waits);
  assert.deepEqual([counts.open, counts.most], [0, 16]);
});
