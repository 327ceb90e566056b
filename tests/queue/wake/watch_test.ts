import assert from "node:assert/strict";
import { StoppedError, type TaskChange, TaskNotFoundError } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue, openRunning } from "../../support/open_queue.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";

/** What a watch told, and whether it is over. */
function collect(changes: AsyncGenerator<TaskChange, void>) {
  const told: string[] = [];
  const versions = new Set<string>();
  let over: unknown = null;
  const reading = (async () => {
    for await (const { task: { state, progress }, version } of changes) {
      told.push(progress === null ? state : `${state} ${JSON.stringify(progress)}`);
      versions.add(version);
    }
    over = "ended";
  })().catch((error) => over = error);
  return { told, versions, reading, over: () => over };
}

onBothStores("a watch tells each state and each progress at once, and ends with the task", async (open) => {
  const held = heldTask("held", { maxRetries: 1, retry: { delay: 5, factor: 1 } });
  await using q = await open({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, [], { delay: 2 });
  const { told, versions, over } = collect(q.queue.watch(id));
  await q.clock.settle();
  assert.deepEqual(told, ["PENDING"]);
  await q.clock.advance(2000);
  assert.deepEqual(told.splice(0), ["PENDING", "STARTED"]);
  held.runs[0]!.ctx.progress(1);
  await q.clock.settle();
  assert.deepEqual(told.splice(0), ["PROGRESS 1"]);
  await q.clock.advance(1000);
  held.runs[0]!.ctx.progress(2);
  await q.clock.settle();
  held.runs[0]!.fail(new Error("once"));
  await q.clock.settle();
  assert.deepEqual(told.splice(0), ["PROGRESS 2", "RETRY"]);
  await q.clock.advance(5000);
  held.runs[1]!.finish("done");
  await q.clock.settle();
  assert.deepEqual(told, ["STARTED", "SUCCESS"]);
  assert.equal(versions.size, 7);
  assert.equal(over(), "ended");
});

Deno.test("a watch of a task that has ended tells its end", async () => {
  const done = task("done", () => "done");
  await using q = await openQueue({ definitions: [done] });
  const { id } = await q.ended(await q.queue.submit(done, []));
  const [first, second] = [collect(q.queue.watch(id)), collect(q.queue.watch(id))];
  await q.clock.settle();
  for (const { told, over } of [first, second]) {
    assert.deepEqual([told, over()], [["SUCCESS"], "ended"]);
  }
  assert.deepEqual([...first.versions], [...second.versions]);
});

Deno.test("a watch sees what other processes do within a second, and the versions are theirs", async () => {
  await using all = new Processes();
  const held = heldTask("held");
  const a = await all.start({ definitions: [held.definition] });
  const b = await all.start({ definitions: [], channels: {} });
  const { id } = await a.queue.submit(held.definition, [], { delay: 2 });
  const here = collect(a.queue.watch(id));
  const there = collect(b.queue.watch(id));
  const second = async () => {
    await a.clock.advance(1000);
    await b.clock.advance(1000);
  };
  for (let n = 0; n < 3; n++) await second();
  held.runs[0]!.ctx.progress("half");
  await second();
  held.runs[0]!.finish();
  await second();
  assert.deepEqual(there.told, ["PENDING", "STARTED", 'PROGRESS "half"', "SUCCESS"]);
  assert.deepEqual(here.told, there.told);
  assert.deepEqual([...here.versions], [...there.versions]);
});

Deno.test("a watch tells that a task waits again after its worker was lost", async () => {
  await using all = new Processes();
  const { process: a, held, id } = await all.startRunning();
  const b = await all.start({ definitions: [], channels: {} });
  const { told } = collect(b.queue.watch(id));
  await b.clock.advance(LOST_AFTER + 5000);
  assert.deepEqual(told, ["STARTED", "PENDING"]);
  held.runs[0]!.finish();
  await a.clock.settle();
});

Deno.test("all watches of a task share one look, and none is taken when they have left", async () => {
  await using all = new Processes();
  const { process: q, held, id } = await all.startRunning();
  let reads = 0;
  const getMany = q.faulty.getMany;
  q.faulty.getMany = (keys) => {
    if (keys.some((key) => key[1] === "task" && key[2] === id)) reads++;
    return getMany(keys);
  };
  const gone = new AbortController();
  const watches = Array.from({ length: 100 }, () => collect(q.queue.watch(id, { signal: gone.signal })));
  await q.clock.advance(60_000);
  assert(reads >= 50 && reads <= 70, `${reads} looks in a minute`);
  for (const { told } of watches) assert.deepEqual(told, ["STARTED"]);
  gone.abort(new Error("gone"));
  await q.clock.settle();
  for (const { over } of watches) assert.equal((over() as Error).message, "gone");
  reads = 0;
  await q.clock.advance(60_000);
  assert.equal(reads, 0);
  held.runs[0]!.finish();
});

Deno.test("a watch that is left between two changes is over", async () => {
  const { q, held, id } = await openRunning();
  await using _ = q;
  const before = q.clock.pending;
  for await (const { task } of q.queue.watch(id)) {
    assert.equal(task.state, "STARTED");
    await q.clock.settle();
    assert(q.clock.pending > before, "A watch looks again");
    break;
  }
  await q.clock.settle();
  assert.equal(q.clock.pending, before);
  held.runs[0]!.finish();
});

Deno.test("a watch repeats the latest when it is asked to and nothing happens", async () => {
  const { q, held, id } = await openRunning();
  await using _ = q;
  const { told, versions } = collect(q.queue.watch(id, { repeat: 15 }));
  await q.clock.advance(46_000);
  assert.deepEqual([told, versions.size], [["STARTED", "STARTED", "STARTED", "STARTED"], 1]);
  held.runs[0]!.finish();
  await q.clock.settle();
  assert.deepEqual(told.slice(4), ["SUCCESS"]);
});

Deno.test("an id that no task has cannot be watched", async () => {
  await using q = await openQueue();
  for (const id of ["nonsense", "ff000000-0000-7000-8000-000000000000"]) {
    const { over } = collect(q.queue.watch(id));
    await q.clock.settle();
    assert(over() instanceof TaskNotFoundError);
  }
});

Deno.test("the queue's stop ends every watch", async () => {
  const held = heldTask("held");
  await using q = await openQueue({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, [], { delay: 60 });
  const { told, over } = collect(q.queue.watch(id));
  await q.clock.settle();
  await Promise.all([q.queue.stop(0), q.clock.settle()]);
  await q.clock.settle();
  assert.deepEqual(told, ["PENDING"]);
  assert(over() instanceof StoppedError);
  await assert.rejects(q.queue.watch(id).next(), StoppedError);
});

Deno.test("a watch that is read on only after the task has ended tells its end", async () => {
  const { q, held, id } = await openRunning();
  await using _ = q;
  const changes = q.queue.watch(id);
  const first = changes.next();
  await q.clock.settle();
  assert.equal((await first).value!.task.state, "STARTED");
  held.runs[0]!.finish();
  await q.clock.settle();
  assert.equal((await changes.next()).value!.task.state, "SUCCESS");
  assert.equal((await changes.next()).done, true);
});
