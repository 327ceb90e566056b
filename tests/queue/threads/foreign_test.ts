import assert from "node:assert/strict";
import * as functions from "./functions.ts";
import { openThreads, threadTask } from "./thread_task.ts";

const warm = threadTask(functions.warm);
const meddle = threadTask(functions.meddle);
const cutOff = threadTask(functions.cutOff);

for (
  const channel of [
    "globalThis",
    "parentPort",
    "an event of globalThis",
    "ports in workerData",
    "the context",
  ]
) {
  Deno.test(`a task that posts messages by ${channel} keeps its result and its thread`, async () => {
    await using q = await openThreads([warm, meddle], { threads: 1 });
    const ended = async () => await q.ended(await q.queue.submit(warm, []));
    const { thread } = (await ended()).result as { thread: number };
    const { state, result, error, progress } = await q.ended(await q.queue.submit(meddle, [channel]));
    assert.deepEqual({ state, result, error, progress }, {
      state: "SUCCESS",
      result: "own result",
      error: null,
      progress: null,
    });
    assert.deepEqual((await ended()).result, { thread, calls: 2 });
    assert.deepEqual(q.events.of("log"), []);
  });
}

for (const how of ["close()", "parentPort.unref()", "Deno.exit()"]) {
  Deno.test(`a task that cuts its thread off by ${how} ends, and so does the next one`, async () => {
    await using q = await openThreads([warm, cutOff], { threads: 1, faults: true });
    const { state, result, error } = await q.ended(await q.queue.submit(cutOff, [how]));
    if (state === "SUCCESS") assert.equal(result, "own result");
    else assert.equal(error?.type, "ThreadExitError");
    assert.equal((await q.ended(await q.queue.submit(warm, []))).state, "SUCCESS");
  });
}
