import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import * as functions from "./functions.ts";
import { openThreads, reported, threadTask, turn } from "./thread_task.ts";

/** Threads that this process has, those of the runtime included. */
function processThreads(): number {
  return readdirSync("/proc/self/task").length;
}

Deno.test("the hard time limit ends a busy loop: the task fails and the next one runs", async () => {
  const spin = threadTask(functions.spin, { timeLimit: 0.2 });
  const add = threadTask(functions.add);
  await using q = await openThreads([spin, add], { threads: 1 });
  const { id } = await q.queue.submit(spin, []);
  const next = await q.queue.submit(add, [1, 2]);
  const ended = await q.ended({ id });
  assert.deepEqual(ended.error, {
    type: "TimeLimitExceeded",
    message: "Task ran longer than its time limit of 0.2 s",
    traceback: null,
  });
  assert.equal((await q.ended(next)).result, 3);
});

Deno.test("with retryOnTimeout a busy loop that the limit has ended runs again, in another thread", async () => {
  const spin = threadTask(functions.spinAtFirst, {
    timeLimit: 1,
    maxRetries: 1,
    retryOnTimeout: true,
    retry: { delay: 0 },
  });
  await using q = await openThreads([spin], { threads: 1 });
  const ended = await q.ended(await q.queue.submit(spin, []));
  assert.deepEqual([ended.state, ended.result, ended.retries], ["SUCCESS", "second run", 1]);
});

Deno.test("a revoke ends a busy loop", async () => {
  const spin = threadTask(functions.spin);
  await using q = await openThreads([spin]);
  const { id } = await q.queue.submit(spin, []);
  await reported(q.queue, id);
  assert.equal((await q.queue.revoke(id)).state, "REVOKED");
});

Deno.test({
  name: "a thread whose loop was ended is gone, not only forgotten",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const spin = threadTask(functions.spin);
    await using q = await openThreads([spin], { threads: 1 });
    // The runtime starts some of its own at first.
    const warmUp = await q.queue.submit(spin, []);
    await reported(q.queue, warmUp.id);
    const spinning = processThreads();
    for (let i = 0, id = warmUp.id; i < 5; i++) {
      await q.queue.revoke(id);
      ({ id } = await q.queue.submit(spin, []));
      await reported(q.queue, id);
    }
    // Five were ended; the sixth spins.
    while (processThreads() > spinning) await turn();
  },
});

Deno.test("a loop that never awaits sees its signal abort, one that awaits hears of it", async () => {
  const looking = threadTask(functions.spinUntilAborted, { softTimeLimit: 0.1 });
  const waiting = threadTask(functions.untilAborted, { softTimeLimit: 0.1 });
  await using q = await openThreads([looking, waiting]);
  assert.equal((await q.ended(await q.queue.submit(looking, []))).result, "SoftTimeLimitExceeded");
  assert.equal(
    (await q.ended(await q.queue.submit(waiting, []))).result,
    "SoftTimeLimitExceeded: Task ran longer than its soft time limit of 0.1 s",
  );
});

Deno.test("each task in a thread hears its own abort", async () => {
  const waiting = threadTask(functions.untilAborted);
  const looking = threadTask(functions.spinUntilAborted);
  const warm = threadTask(functions.warm);
  await using q = await openThreads([waiting, looking, warm], { threads: 1 });
  for (const [definition, softTimeLimit] of [[waiting, 0.02], [looking, 0.03], [waiting, 0.04]] as const) {
    const { result } = await q.ended(await q.queue.submit(definition, [], { softTimeLimit }));
    assert.match(String(result), /^SoftTimeLimitExceeded/);
    if (definition === waiting) assert.match(String(result), new RegExp(`of ${softTimeLimit} s$`));
  }
  const { result } = await q.ended(await q.queue.submit(warm, []));
  assert.equal((result as { calls: number }).calls, 1);
});

for (const how of ["loop", "await", "timer", "caught"]) {
  Deno.test(`out of memory (${how}) is that task's failure; another goes on in its thread`, async () => {
    const devour = threadTask(functions.devour, { memory: 32 });
    const hang = threadTask(functions.untilAborted);
    await using q = await openThreads([devour, hang]);
    const other = await q.queue.submit(hang, [], { softTimeLimit: 600 });
    const { state, error } = await q.ended(await q.queue.submit(devour, [how]));
    assert.equal(state, "FAILURE");
    assert.deepEqual(error, {
      type: "OutOfMemoryError",
      message: "Task reached the memory limit of 32 MB",
      traceback: null,
    });
    assert.equal((await q.queue.get(other.id)).state, "STARTED");
    await q.queue.revoke(other.id);
  });
}

Deno.test("a thread that ends by itself fails its task only", async () => {
  const exit = threadTask(functions.exit);
  const add = threadTask(functions.add);
  await using q = await openThreads([exit, add], { threads: 1 });
  const { error } = await q.ended(await q.queue.submit(exit, [3]));
  assert.deepEqual(error, {
    type: "ThreadExitError",
    message: "The task's thread ended by itself, with exit code 3",
    traceback: null,
  });
  assert.equal((await q.ended(await q.queue.submit(add, [1, 2]))).result, 3);
});

Deno.test("an uncaught error fails the task that runs, and the thread is replaced", async () => {
  const [later, rejected, warm] = [
    threadTask(functions.throwLater),
    threadTask(functions.rejectLater),
    threadTask(functions.warm),
  ];
  await using q = await openThreads([later, rejected, warm], { threads: 1 });
  const thread = async () => {
    const { result } = await q.ended(await q.queue.submit(warm, []));
    return (result as { thread: number }).thread;
  };
  const first = await thread();
  const thrown = (await q.ended(await q.queue.submit(later, []))).error!;
  assert.deepEqual([thrown.type, thrown.message], ["TypeError", "in a callback"]);
  assert.match(thrown.traceback!, /functions\.ts:\d+/);
  const second = await thread();
  assert.notEqual(second, first);
  const stray = (await q.ended(await q.queue.submit(rejected, []))).error!;
  assert.deepEqual([stray.type, stray.message], ["RangeError", "nobody looked"]);
  assert.notEqual(await thread(), second);
});

Deno.test("an error after its task's end costs the idle thread, and is reported", async () => {
  const afterwards = threadTask(functions.throwAfterwards);
  await using q = await openThreads([afterwards], { threads: 1, faults: true });
  assert.equal((await q.ended(await q.queue.submit(afterwards, []))).result, "returned");
  const { message, error } = await q.events.next("fault");
  assert.deepEqual([message, String(error)], ["An idle thread ended", "Error: too late"]);
  assert.equal((await q.ended(await q.queue.submit(afterwards, []))).result, "returned");
});

Deno.test("what a task has left behind in its thread fails no later task, and is reported", async () => {
  const [leaves, beside, own, warm] = [
    threadTask(functions.leaveBehind),
    threadTask(functions.runBeside),
    threadTask(functions.rejectNow),
    threadTask(functions.warm),
  ];
  await using q = await openThreads([leaves, beside, own, warm], { threads: 1, faults: true });
  const { result: first } = await q.ended(await q.queue.submit(leaves, []));
  const { state, result, error } = await q.ended(await q.queue.submit(beside, []));
  assert.deepEqual([state, result, error], ["SUCCESS", first, null]);
  const fault = await q.events.next("fault");
  assert.deepEqual([fault.message, String(fault.error)], [
    "A task has left an error behind in its thread, in which another runs",
    "Error: left behind",
  ]);
  // The thread is replaced, and what a task rejects in its own time fails it as ever.
  const { thread } = (await q.ended(await q.queue.submit(warm, []))).result as { thread: number };
  assert.notEqual(thread, first);
  assert.equal((await q.ended(await q.queue.submit(own, []))).error?.message, "its own");
});
