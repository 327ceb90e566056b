import assert from "node:assert/strict";
import * as functions from "./functions.ts";
import { openThreads, reported, threadTask, turn } from "./thread_task.ts";

Deno.test("a thread task's result is stored, and its context says what it runs", async () => {
  const [add, describeContext] = [
    threadTask(functions.add),
    threadTask(functions.describeContext, { maxRetries: 3 }),
  ];
  await using q = await openThreads([add, describeContext]);
  const sum = await q.ended(await q.queue.submit(add, [1, 2]));
  assert.deepEqual([sum.state, sum.result], ["SUCCESS", 3]);
  const { id, result } = await q.ended(await q.queue.submit(describeContext, []));
  assert.deepEqual(result, {
    id,
    name: "describeContext",
    retries: 0,
    maxRetries: 3,
    idempotencyKey: id,
    aborted: false,
  });
});

Deno.test("a thread's return value is stored like that of a handler on the event loop", async () => {
  const give = threadTask(functions.give);
  for (const threads of [0, 1]) {
    await using q = await openThreads([give], { threads });
    const ended = async (kind: string) => await q.ended(await q.queue.submit(give, [kind]));
    assert.equal((await ended("nothing")).result, null);
    assert.equal((await ended("undefined of toJSON")).result, null);
    assert.equal((await ended("date")).result, "1970-01-01T00:00:00.000Z");
    assert.equal(((await ended("middling")).result as string).length, 100 * 1024);
    assert.deepEqual((await ended("function")).error, {
      type: "ResultNotSerializable",
      message: "result.deep[0] is a function, which JSON cannot carry",
      traceback: null,
    });
    assert.equal((await ended("map")).error?.message, "result is a Map, which JSON cannot carry");
    assert.equal((await ended("large")).error?.type, "ResultTooLarge");
    const ignored = await q.ended(await q.queue.submit(give, ["function"], { ignoreResult: true }));
    assert.deepEqual([ignored.state, ignored.result], ["SUCCESS", null]);
  }
});

Deno.test("an error thrown in a thread keeps its type, message and own stack", async () => {
  const fail = threadTask(functions.fail);
  await using q = await openThreads([fail]);
  const error = async (kind: string) => (await q.ended(await q.queue.submit(fail, [kind]))).error!;
  const { type, message, traceback } = await error("type");
  assert.deepEqual([type, message], ["TypeError", "not like this"]);
  assert.match(traceback!, /^TypeError: not like this\n.*at .*functions\.ts:\d+/s);
  assert.doesNotMatch(traceback!, /\/queue\/threads\/(entry|thread|pool)\.ts/);
  assert.deepEqual(await error("text"), { type: "string", message: "just a text", traceback: null });
  assert.equal((await error("unreadable")).message, "The handler threw a value that cannot be described");
});

Deno.test("an error thrown in a thread keeps its causes and parts, for its record and for retryOn", async () => {
  const seen: unknown[] = [];
  const retryOn = (
    error: unknown,
  ) => (seen.push(((error as Error).cause as AggregateError).errors[0].code), false);
  const fail = threadTask(functions.fail);
  const chosen = threadTask(functions.fail, { name: "chosen", maxRetries: 2, retry: { delay: 0, retryOn } });
  for (const threads of [0, 1]) {
    await using q = await openThreads([fail, chosen], { threads });
    const lines = async (definition: typeof fail, kind: string) => {
      const { error } = await q.ended(await q.queue.submit(definition, [kind]));
      return error!.traceback!.split("\n").filter((line) => !line.startsWith("    at "));
    };
    assert.deepEqual(await lines(chosen, "cause"), [
      "Error: outer",
      "Caused by: AggregateError: all failed",
      "Part 1: RangeError: first",
      "Part 2: string: second",
    ]);
    assert.deepEqual(await lines(fail, "round"), ["Error: round and round"]);
  }
  assert.deepEqual(seen, ["E_FIRST", "E_FIRST"]);
});

Deno.test("retries, NonRetryableError and context.retry mean in a thread what they mean elsewhere", async () => {
  const retry = { delay: 0, factor: 1 };
  const codes: unknown[] = [];
  const retryOn = (error: unknown) => (codes.push((error as { code?: string }).code), false);
  const thirdTime = threadTask(functions.thirdTime, { maxRetries: 3, retry });
  const fail = threadTask(functions.fail, { maxRetries: 2, retry });
  const chosen = threadTask(functions.fail, { name: "chosen", maxRetries: 2, retry: { ...retry, retryOn } });
  await using q = await openThreads([thirdTime, fail, chosen]);
  const third = await q.ended(await q.queue.submit(thirdTime, []));
  assert.deepEqual([third.result, third.retries], ["done", 2]);
  const final = await q.ended(await q.queue.submit(fail, ["final"]));
  assert.deepEqual([final.retries, final.error?.type, final.error?.message], [
    0,
    "NonRetryableError",
    "never again",
  ]);
  const later = await q.ended(await q.queue.submit(fail, ["later"]));
  assert.deepEqual([later.retries, later.error?.type, later.error?.message], [2, "RangeError", "try later"]);
  assert.deepEqual(q.events.of("retried").filter(({ task }) => task.id === later.id).map((e) => e.delay), [
    0.01,
    0.01,
  ]);
  await q.ended(await q.queue.submit(chosen, ["code"]));
  assert.deepEqual(codes, ["E_TEST"]);
});

Deno.test("log lines and progress reports cross from a thread", async () => {
  const tell = threadTask(functions.tell);
  await using q = await openThreads([tell]);
  const { id } = await q.queue.submit(tell, []);
  const { task, level, message } = await q.events.next("log");
  assert.deepEqual([task.id, level, message], [id, "warn", "half of it"]);
  const { state, progress } = await reported(q.queue, id);
  assert.deepEqual([state, progress], ["PROGRESS", { done: 1 }]);
  assert.equal((await q.ended({ id })).result, "told");
});

Deno.test("a loop that reports in every round crosses to the process a few times a second only", async () => {
  const chatter = threadTask(functions.chatter);
  const tooMuch = threadTask(functions.tooMuchProgress);
  await using q = await openThreads([chatter, tooMuch]);
  const ended = await q.ended(await q.queue.submit(chatter, [100_000]));
  assert.equal(ended.result, 100_000);
  const refused = await q.ended(await q.queue.submit(tooMuch, []));
  assert.equal(refused.error?.type, "RangeError");
});

Deno.test("a report for which JSON has no text crosses as null", async () => {
  const emptyProgress = threadTask(functions.emptyProgress);
  for (const threads of [0, 1]) {
    await using q = await openThreads([emptyProgress], { threads });
    assert.equal((await q.ended(await q.queue.submit(emptyProgress, []))).result, "told");
  }
});

Deno.test("arguments that cannot be copied to a thread fail their task, and say why", async () => {
  const { z } = await import("zod");
  const args = z.tuple([z.int().transform((n) => () => n)]);
  const add = threadTask(functions.add, { args });
  await using q = await openThreads([add]);
  const { state, error } = await q.ended(await q.queue.submit(add, [1]));
  assert.equal(state, "FAILURE");
  assert.match(error!.message, /^Arguments cannot be passed to a thread: .*could not be cloned/);
});

Deno.test("while a thread computes, the event loop goes on", async () => {
  const spin = threadTask(functions.spin);
  await using q = await openThreads([spin]);
  const { id } = await q.queue.submit(spin, []);
  await reported(q.queue, id);
  // Timers, messages and commits all have their turn, as often as is asked for.
  const turns: string[] = [];
  for (let i = 0; i < 20; i++) {
    await turn();
    turns.push((await q.queue.get(id)).state);
  }
  assert.deepEqual(turns, Array(20).fill("PROGRESS"));
  assert.equal((await q.queue.revoke(id)).state, "REVOKED");
});
