/** Graceful stop: unfinished runs are given back uncounted, and nothing of the process remains. */
import assert from "node:assert/strict";
import { deletes, sets } from "../../support/faulty_store.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";
import { countRows, rowsOf } from "../../support/rows.ts";

async function stopping(n = 1) {
  const processes = new Processes();
  const held = heldTask("held", { maxRetries: 1 });
  const q = await processes.start({ definitions: [held.definition], channels: { default: n } });
  await q.queue.submitAll(Array.from({ length: n }, (_, i) => ({ name: "held", args: [i] })));
  await q.clock.settle();
  return { processes, held, q };
}

Deno.test("stop() gives unfinished runs back uncounted, and they run again", async () => {
  const { processes, held, q } = await stopping(3);
  await using _ = processes;
  const stopped = q.queue.stop(2);
  await q.clock.advance(2000);
  await stopped;
  assert.equal(q.events.of("returned").length, 3);
  assert.deepEqual(await countRows(processes.store), { meta: 1, ready: 3, task: 3 });
  assert.deepEqual((await rowsOf(processes.store, "ready")).map(({ value }) => value.deliveries), [0, 0, 0]);
  assert.equal(held.runs[0]!.ctx.signal.reason.name, "ShutdownError");

  const next = await processes.start({ definitions: [held.definition] });
  await next.clock.settle();
  assert.equal(held.runs.length, 6);
  assert.deepEqual(held.runs.slice(3).map(({ ctx }) => ctx.retries), [0, 0, 0]);
});

Deno.test("stop() waits for handlers that end within the grace, and is over as soon as the last one has", async () => {
  const { processes, held, q } = await stopping(2);
  await using _ = processes;
  let over = false;
  const stopped = q.queue.stop(30).then(() => over = true);
  await q.clock.advance(5000);
  held.runs[0]!.finish("a");
  await q.clock.advance(5000);
  assert.equal(over, false);
  held.runs[1]!.finish("b");
  await q.clock.advance(100);
  await stopped;
  const results = (await rowsOf(processes.store, "task")).map(({ value }) => value.result);
  assert.deepEqual(results, ["a", "b"]);
  assert.deepEqual(await countRows(processes.store), { meta: 1, task: 2 });
});

Deno.test("stop() keeps the heartbeat until the last handler has ended: nobody judges it lost", async () => {
  const { processes, held, q } = await stopping();
  await using _ = processes;
  const other = await processes.start({ channels: {} });
  const stopped = q.queue.stop(30);
  for (let n = 0; n < 10; n++) {
    await q.clock.advance(2000);
    await other.clock.advance(2000);
  }
  held.runs[0]!.finish("done");
  await q.clock.advance(100);
  await stopped;
  assert.equal(other.events.of("lost-worker").length, 0);
  assert.equal((await rowsOf(processes.store, "task"))[0]!.value.result, "done");
});

Deno.test("a handler that ignores its signal can store nothing after stop()", async () => {
  const { processes, held, q } = await stopping();
  await using _ = processes;
  await q.queue.stop(0);
  const before = await rowsOf(processes.store);
  const { ctx, finish } = held.runs[0]!;
  ctx.progress(1);
  ctx.commit.set(["user"], 1);
  finish("late");
  await q.clock.advance(10_000);
  assert.deepEqual(await rowsOf(processes.store), before);
  assert.deepEqual(await processes.store.getMany([["user"]]), [null]);
});

Deno.test("stop() is idempotent, and after it nothing is accepted", async () => {
  const { processes, q } = await stopping();
  await using _ = processes;
  const stops = [q.queue.stop(0), q.queue.stop(30), q.queue.stop()];
  await Promise.all(stops);
  await q.queue.stop();
  assert.equal(q.events.of("stopping").length, 1);
  assert.equal(q.events.of("stopped").length, 1);
  await assert.rejects(q.queue.submitAll([{ name: "held", args: [] }]), { code: "stopped" });
  await q.queue.tick();
  assert.equal((await q.queue.health()).ready, false);
});

for (const fault of ["lost", "failed", "nothing", "repeated", "held"] as const) {
  Deno.test(`stop() ends, and leaves no row of the process, when each of its commits is ${fault}`, async () => {
    const { processes, q } = await stopping();
    await using _ = processes;
    const giving = q.faulty.onCommit(fault, sets("ready"));
    const leaving = q.faulty.onCommit(fault, deletes("worker"));
    const stopped = q.queue.stop(0);
    for (let n = 0; n < 4; n++) await q.clock.advance(11_000);
    await stopped;
    assert.deepEqual([giving.met, leaving.met], [true, true]);
    assert.deepEqual(await countRows(processes.store), { meta: 1, ready: 1, task: 1 });
    if (fault !== "failed") {
      assert.equal(await giving.land(), null);
      assert.equal(await leaving.land(), null);
    }
    assert.deepEqual(await countRows(processes.store), { meta: 1, ready: 1, task: 1 });
  });
}

Deno.test("stop() of a process whose store breaks meanwhile ends all the same", async () => {
  const { processes, q } = await stopping();
  const flying = q.faulty.onCommit("held", sets("ready"));
  const stopped = q.queue.stop(0);
  await flying.hit;
  processes.store.close();
  await flying.land().catch(() => {});
  await q.clock.settle();
  await stopped;
  assert.equal(q.events.of("stopped").length, 1);
  assert.equal(q.clock.pending, 0);
});

Deno.test("a failure while the process stops is retried elsewhere", async () => {
  const { processes, held, q } = await stopping();
  await using _ = processes;
  const stopped = q.queue.stop(30);
  await q.clock.settle();
  held.runs[0]!.fail(new Error("once"));
  await q.clock.advance(100);
  await stopped;
  assert.deepEqual(await countRows(processes.store), { delayed: 1, meta: 1, task: 1 });
  assert.equal((await rowsOf(processes.store, "task"))[0]!.value.state, "RETRY");
});

Deno.test("stop() before start(), and during it, leaves nothing", async () => {
  await using processes = new Processes();
  const never = await processes.start({ start: false });
  await never.queue.stop();
  const starting = await processes.start({ start: false, definitions: [task("t", () => {})] });
  const started = starting.queue.start().catch(() => {});
  await starting.queue.stop();
  await started;
  await starting.clock.advance(LOST_AFTER);
  assert.deepEqual(await countRows(processes.store), { meta: 1 });
});

Deno.test("a task that was given back has started: it expires no more", async () => {
  const processes = new Processes();
  await using _ = processes;
  const held = heldTask("held");
  const q = await processes.start({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, [], { expires: 1 });
  await q.clock.settle();
  const stopped = q.queue.stop(0);
  await q.clock.advance(100);
  await stopped;
  const next = await processes.start({ definitions: [held.definition], channels: {} });
  await next.clock.advance(10_000);
  assert.equal((await next.queue.get(id)).state, "PENDING");
  await next.close();
  const last = await processes.start({ definitions: [held.definition] });
  await last.clock.advance(10_000);
  assert.equal(held.runs.length, 2);
  held.runs[1]!.finish("done");
  await last.clock.settle();
  assert.equal((await last.queue.get(id)).state, "SUCCESS");
});

Deno.test("a claim whose answer is lost does not keep stop() from giving the other runs back in time", async () => {
  const processes = new Processes();
  await using _ = processes;
  const held = heldTask("held");
  const q = await processes.start({ definitions: [held.definition], channels: { default: 3 } });
  await q.queue.submitAll([{ name: "held", args: [1] }, { name: "held", args: [2] }]);
  await q.clock.settle();
  const claim = q.faulty.onCommit("held", deletes("ready"));
  await q.queue.submit(held.definition, [3]);
  await q.clock.advance(50);
  assert(claim.met);

  const stopped = q.queue.stop(3.5);
  await q.clock.advance(3500);
  assert.equal(q.events.of("returned").length, 2);
  assert.deepEqual((await rowsOf(processes.store, "ready")).map(({ value }) => value.deliveries), [0, 0, 0]);
  await claim.land();
  await q.clock.settle();
  await stopped;
  assert.deepEqual((await rowsOf(processes.store, "ready")).map(({ value }) => value.deliveries), [0, 0, 0]);
  assert.deepEqual(await countRows(processes.store), { meta: 1, ready: 3, task: 3 });
});
