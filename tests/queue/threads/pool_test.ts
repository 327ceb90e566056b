import assert from "node:assert/strict";
import { defineThreadTask, systemClock } from "../../../queue/mod.ts";
import { ThreadPool } from "../../../queue/threads/pool.ts";
import { anyArgs } from "../../support/held_task.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { type OpenQueue, openQueue } from "../../support/open_queue.ts";
import { unreachable } from "./broken_module.ts";
import * as functions from "./functions.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";
import { openThreads, reported, threadTask } from "./thread_task.ts";

const warm = threadTask(functions.warm);

/** Where a task ran, and the how-manieth of its thread it was. */
async function placeOf(q: OpenQueue, definition = warm): Promise<{ thread: number; calls: number }> {
  const { result } = await q.queue.wait((await q.queue.submit(definition, [])).id);
  return result as { thread: number; calls: number };
}

Deno.test("a thread is kept warm: what its modules hold is there for the next task", async () => {
  const other = threadTask(functions.warm, { name: "other" });
  await using q = await openThreads([warm, other]);
  const { thread, calls } = await placeOf(q);
  assert.equal(calls, 1);
  assert.deepEqual(await placeOf(q), { thread, calls: 2 });
  assert.deepEqual(await placeOf(q, other), { thread, calls: 3 });
});

Deno.test("a thread is replaced after so many tasks", async () => {
  await using q = await openThreads([warm], { tasksPerThread: 2 });
  const places = [await placeOf(q), await placeOf(q), await placeOf(q)];
  assert.deepEqual(places.map(({ calls }) => calls), [1, 2, 1]);
  assert.notEqual(places[2]!.thread, places[0]!.thread);
});

Deno.test("a thread is ended when it was idle for half a minute, not before", async () => {
  const clock = new FakeClock();
  await using q = await openQueue({ definitions: [warm], clock, threads: 1 });
  const { thread } = await placeOf(q);
  await clock.advance(29_000);
  assert.deepEqual(await placeOf(q), { thread, calls: 2 });
  await clock.advance(29_000);
  assert.deepEqual(await placeOf(q), { thread, calls: 3 });
  await clock.advance(30_000);
  assert.notEqual((await placeOf(q)).thread, thread);
});

Deno.test("tasks with another memory limit have threads of their own, within the same number", async () => {
  const small = threadTask(functions.warm, { name: "small", memory: 64 });
  await using q = await openThreads([warm, small], { threads: 1 });
  const places = [await placeOf(q), await placeOf(q, small), await placeOf(q, small), await placeOf(q)];
  assert.deepEqual(places.map(({ calls }) => calls), [1, 1, 2, 1]);
});

Deno.test("a task that waits for a thread does not use up its time limit, and can be revoked", async () => {
  const hang = threadTask(functions.hang);
  const add = threadTask(functions.add, { timeLimit: 5 });
  const clock = new FakeClock();
  await using q = await openQueue({ definitions: [hang, add], clock, threads: 1, channels: { default: 9 } });
  const holder = await q.queue.submit(hang, []);
  const waiting = await q.queue.submit(add, [1, 2]);
  const unwanted = await q.queue.submit(add, [3, 4]);
  await clock.skip(600_000);
  assert.equal((await q.queue.get(waiting.id)).state, "STARTED");
  assert.equal((await q.queue.revoke(unwanted.id)).state, "REVOKED");
  await q.queue.revoke(holder.id);
  assert.equal((await q.queue.wait(waiting.id)).result, 3);
});

Deno.test("a queue that stops gives back what runs in threads when the grace is over, and what waits at once", async () => {
  const spin = threadTask(functions.spin);
  const q = await openThreads([spin], { threads: 1 });
  const running = await q.queue.submit(spin, []);
  const waiting = await q.queue.submit(spin, []);
  await reported(q.queue, running.id);
  const stopping = q.queue.stop(1);
  assert.equal((await q.events.next("returned")).task.id, waiting.id);
  assert.equal((await q.queue.get(running.id)).state, "PROGRESS");
  assert.equal((await q.events.next("returned")).task.id, running.id);
  await stopping;
  for (const { id } of [running, waiting]) {
    const { state, retries } = await q.queue.get(id);
    assert.deepEqual([state, retries], ["PENDING", 0]);
  }
  await q.close();
});

Deno.test("a process that was judged lost ends the threads of its former runs", async () => {
  const spin = threadTask(functions.spin);
  const processes = new Processes();
  const suspended = await processes.start({ definitions: [spin], threads: 1 });
  const other = await processes.start({ definitions: [spin], channels: {} });
  await using _ = processes;
  const { id } = await suspended.queue.submit(spin, []);
  await reported(other.queue, id);
  await other.clock.advance(LOST_AFTER);
  assert.equal((await other.queue.get(id)).state, "PENDING");
  await suspended.clock.advance(LOST_AFTER);
  assert.equal(suspended.events.of("fenced").length, 1);
  // It claims the task anew; the one thread would not be free if the former loop still held it.
  await reported(other.queue, id);
  assert.equal((await suspended.queue.revoke(id)).state, "REVOKED");
});

Deno.test("none of several tasks that are cancelled together is started in another's place", async () => {
  const pool = new ThreadPool(systemClock, () => {}, { threads: 1, tasksPerThread: 10 });
  const { module, export: name } = threadTask(functions.hang).thread!;
  let started = 0;
  const run = (id: string) =>
    pool.run({ id, name, retries: 0, maxRetries: 0, module, export: name, args: [], ignoreResult: false }, {
      memory: 64,
      started: () => started++,
      said: () => {},
    });
  const jobs = ["a", "b", "c"].map(run);
  assert.deepEqual(jobs.map(({ waits }) => waits), [false, true, true]);
  for (const job of jobs) job.cancel(new Error("all of them"));
  for (const job of jobs) await assert.rejects(job.result, /all of them/);
  assert.deepEqual([started, pool.size], [1, 0]);
  await pool.stop();
});

Deno.test("a module that cannot be imported in a thread is its task's failure", async () => {
  const task = defineThreadTask(
    { name: "unreachable", args: anyArgs },
    import.meta.resolve("./broken_module.ts"),
    unreachable,
  );
  await using q = await openThreads([task, warm], { threads: 1 });
  const { thread } = await placeOf(q);
  const { type, message, traceback } = (await q.ended(await q.queue.submit(task, []))).error!;
  assert.equal(type, "ThreadModuleError");
  assert.match(
    message,
    /^Cannot import 'file:.*broken_module\.ts': SyntaxError: this module cannot be used$/,
  );
  assert.match(traceback!, /broken_module\.ts:\d+/);
  // A retry must not meet what the thread remembers of the module.
  assert.notEqual((await placeOf(q)).thread, thread);
});

Deno.test("a thread task whose thread would not find its handler is refused when the queue starts", async () => {
  const here = import.meta.resolve("./functions.ts");
  const private_ = () => 1;
  const refused = [
    defineThreadTask({ name: "private", args: anyArgs }, here, private_),
    defineThreadTask({ name: "elsewhere", args: anyArgs }, here, unreachable),
    defineThreadTask({ name: "renamed", args: anyArgs }, here, function add() {}),
  ];
  for (const definition of refused) {
    const message =
      `Cannot run task '${definition.name}' in a thread: ${here} does not export its handler as ` +
      `'${definition.handler.name}'`;
    await assert.rejects(openThreads([definition]), { name: "TypeError", message });
  }
  const self = defineThreadTask({ name: "self", args: anyArgs }, Deno.mainModule, private_);
  await assert.rejects(openThreads([self]), /is the program itself, which would run again in each thread$/);
});

Deno.test("defineThreadTask() refuses a nameless function, a module that is no URL and impossible memory", () => {
  const args = anyArgs;
  const name = "wrong";
  assert.throws(() => defineThreadTask({ name, args }, "file:///a.ts", () => 1), {
    name: "TypeError",
    message: "Cannot define task 'wrong': its function must have the name under which its module exports it",
  });
  assert.throws(
    () => defineThreadTask({ name, args }, "./a.ts", unreachable),
    /its module must be a URL: got/,
  );
  for (const memory of [0, 7, NaN, 1e6]) {
    assert.throws(
      () => defineThreadTask({ name, args, memory }, "file:///a.ts", unreachable),
      /memory must be megabytes from 8 to 65536/,
    );
  }
});
