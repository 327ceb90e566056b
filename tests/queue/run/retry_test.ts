import assert from "node:assert/strict";
import { NonRetryableError, type RetryPolicy } from "../../../queue/mod.ts";
import { parseRetryAfter, retryDelay } from "../../../queue/task/retry.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, type openQueue } from "../../support/open_queue.ts";

const failing = (retry: RetryPolicy, maxRetries: number) =>
  task("failing", () => {
    throw new TypeError("no luck");
  }, { retry, maxRetries });

/** Delays between the runs of a task that always fails. */
async function delaysOf(open: typeof openQueue, retry: RetryPolicy, maxRetries: number): Promise<number[]> {
  const definition = failing(retry, maxRetries);
  await using q = await open({ definitions: [definition] });
  const ended = await q.ended(await q.queue.submit(definition, []), 3600);
  assert.equal(ended.state, "FAILURE");
  assert.equal(ended.retries, maxRetries);
  const delays = q.events.of("retried").map(({ delay }) => delay);
  const total = delays.reduce((sum, delay) => sum + Math.round(delay * 1000), 0);
  const took = ended.doneAt! - ended.createdAt;
  assert(took >= total && took <= total + 2 * maxRetries, `${took} ms for delays of ${total} ms`);
  return delays;
}

onBothStores("a fixed delay stays the same", async (open) => {
  assert.deepEqual(await delaysOf(open, { delay: 2, factor: 1 }, 3), [2, 2, 2]);
});

onBothStores("an exponential delay grows up to its maximum", async (open) => {
  const policy = { delay: 1, factor: 3, maxDelay: 10, jitter: false };
  assert.deepEqual(await delaysOf(open, policy, 4), [1, 3, 9, 10]);
});

onBothStores(
  "jitter takes a random part of the delay, and is what a growing delay has by default",
  async (open) => {
    // The test's random number is 0.5.
    assert.deepEqual(await delaysOf(open, {}, 3), [0.5, 1, 2]);
    assert.deepEqual(await delaysOf(open, { delay: 4, factor: 1, jitter: true }, 2), [2, 2]);
  },
);

Deno.test("a delay is a number after any number of retries", () => {
  for (const retries of [0, 1, 100, 1000]) {
    const delay = retryDelay({}, retries, new Error(), () => 0.999);
    assert(delay >= 0 && delay <= 3600, `${delay}`);
    assert(Number.isFinite(retryDelay({ delay: 0 }, retries, null, () => 0)));
  }
});

onBothStores("maxRetries: 3 means four runs", async (open) => {
  const runs: number[] = [];
  const definition = task("count", (ctx) => {
    runs.push(ctx.retries);
    throw new Error(`run ${ctx.retries} of ${ctx.maxRetries}`);
  }, { maxRetries: 3, retry: { delay: 0, factor: 1 } });
  await using q = await open({ definitions: [definition] });
  const ended = await q.ended(await q.queue.submit(definition, []));
  assert.deepEqual(runs, [0, 1, 2, 3]);
  assert.deepEqual([ended.state, ended.retries, ended.error?.message], ["FAILURE", 3, "run 3 of 3"]);
});

onBothStores("a task that succeeds at last is a SUCCESS without an error", async (open) => {
  const definition = task("third", (ctx) => {
    if (ctx.retries < 2) throw new Error("not yet");
    return "at last";
  }, { maxRetries: 5, retry: { delay: 1 } });
  await using q = await open({ definitions: [definition] });
  const ended = await q.ended(await q.queue.submit(definition, []));
  assert.deepEqual([ended.state, ended.result, ended.error, ended.retries], ["SUCCESS", "at last", null, 2]);
});

onBothStores("a task between two runs is RETRY, with the reason, and due at its next run", async (open) => {
  const held = heldTask("held", { maxRetries: 1, retry: { delay: 30, factor: 1 } });
  await using q = await open({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, []);
  await q.clock.advance(100);
  const running = await q.queue.get(id);
  assert.equal(running.state, "STARTED");
  held.runs[0]!.fail(new TypeError("broken pipe"));
  await q.clock.settle();
  const waiting = await q.queue.get(id);
  assert.equal(waiting.state, "RETRY");
  assert.equal(waiting.retries, 1);
  assert.equal(waiting.runAt, q.clock.now() + 30_000);
  assert.equal(waiting.startedAt, running.startedAt);
  assert.equal(waiting.worker, running.worker);
  assert.deepEqual([waiting.error?.type, waiting.error?.message], ["TypeError", "broken pipe"]);
  assert.match(waiting.error!.traceback!, /retry_test\.ts/);
  assert.equal(q.events.of("retried")[0]!.error, "TypeError: broken pipe");
  await q.clock.advance(29_999);
  assert.equal(held.runs.length, 1);
  await q.clock.advance(1);
  assert.equal(held.runs.length, 2);
  const again = await q.queue.get(id);
  assert.deepEqual([again.state, again.retries, again.startedAt], ["STARTED", 1, q.clock.now()]);
  held.runs[1]!.finish("fine");
  await q.events.next("finished");
});

onBothStores("retryOn decides which errors are worth a retry", async (open) => {
  const definition = task("picky", (_ctx, kind) => {
    throw kind === "range" ? new RangeError("again") : new TypeError("never");
  }, { maxRetries: 2, retry: { delay: 1, retryOn: (error) => error instanceof RangeError } });
  await using q = await open({ definitions: [definition] });
  assert.equal((await q.ended(await q.queue.submit(definition, ["range"]))).retries, 2);
  assert.equal((await q.ended(await q.queue.submit(definition, ["type"]))).retries, 0);
});

onBothStores("a retryOn that throws is no reason for a retry, and takes nothing along", async (open) => {
  const definition = task("careless", () => {
    throw null;
  }, { maxRetries: 2, retry: { retryOn: (error) => (error as Error).message === "again" } });
  await using q = await open({ definitions: [definition] });
  const ended = await q.ended(await q.queue.submit(definition, []));
  assert.deepEqual([ended.state, ended.retries, ended.error?.type], ["FAILURE", 0, "null"]);
});

onBothStores("NonRetryableError fails the task at once", async (open) => {
  const definition = task("hopeless", () => {
    throw new NonRetryableError("no such customer");
  }, { maxRetries: 5 });
  await using q = await open({ definitions: [definition] });
  const ended = await q.ended(await q.queue.submit(definition, []), 0);
  assert.deepEqual([ended.state, ended.retries], ["FAILURE", 0]);
  assert.deepEqual([ended.error?.type, ended.error?.message], ["NonRetryableError", "no such customer"]);
});

onBothStores(
  "ctx.retry decides when: by seconds, by a Retry-After header, or by the policy",
  async (open) => {
    const at = () => new Date(q.clock.now() + 40_000).toUTCString();
    const definition = task("busy", (ctx) => {
      const wishes = [12, "7", at(), "soon", null, undefined, 0];
      if (ctx.retries < wishes.length) throw ctx.retry({ in: wishes[ctx.retries] as number | string | null });
      return "done";
    }, { maxRetries: 10, retry: { delay: 5, factor: 1, retryOn: () => false } });
    await using q = await open({ definitions: [definition] });
    const ended = await q.ended(await q.queue.submit(definition, []), 120);
    assert.equal(ended.state, "SUCCESS");
    const delays = q.events.of("retried").map(({ delay }) => delay);
    // A date has whole seconds.
    assert(delays[2]! > 39 && delays[2]! <= 40, `${delays[2]}`);
    assert.deepEqual(delays.toSpliced(2, 1), [12, 7, 5, 5, 5, 0]);
  },
);

onBothStores("ctx.retry says why: in RETRY, and in FAILURE when no retry is left", async (open) => {
  const definition = task("upstream", (ctx, told) => {
    throw ctx.retry(told ? { in: 1, error: new Error("upstream said 503") } : { in: 1 });
  }, { maxRetries: 1 });
  await using q = await open({ definitions: [definition] });
  const told = await q.queue.submit(definition, [true]);
  await q.clock.settle();
  assert.equal((await q.queue.get(told.id)).error?.message, "upstream said 503");
  const ended = await q.ended(told);
  assert.deepEqual([ended.state, ended.error?.message], ["FAILURE", "upstream said 503"]);

  const untold = await q.queue.submit(definition, [false]);
  await q.clock.settle();
  const waiting = await q.queue.get(untold.id);
  assert.deepEqual([waiting.state, waiting.error?.type], ["RETRY", "RetryError"]);
  assert.equal(waiting.error?.message, "Task asked to be run again");
  assert.equal((await q.ended(untold)).error?.message, "Task asked to be run again, and no retry is left");
});

onBothStores("ctx.retry refuses an invalid delay", async (open) => {
  const definition = task("wrong", (ctx, delay) => {
    throw ctx.retry({ in: delay === "nan" ? NaN : Number(delay) });
  });
  await using q = await open({ definitions: [definition] });
  for (const delay of ["-1", "nan", "1e12"]) {
    const ended = await q.ended(await q.queue.submit(definition, [delay]));
    assert.deepEqual([ended.state, ended.error?.type], ["FAILURE", "RangeError"]);
  }
});

Deno.test("a Retry-After header is seconds or a date", () => {
  const now = Date.UTC(2026, 0, 1);
  assert.equal(parseRetryAfter(" 120 ", now), 120);
  assert.equal(parseRetryAfter("Thu, 01 Jan 2026 00:01:30 GMT", now), 90);
  assert.equal(parseRetryAfter("Wed, 31 Dec 2025 23:59:59 GMT", now), 0);
  assert.equal(parseRetryAfter("a while", now), null);
  assert.equal(parseRetryAfter("", now), null);
});

onBothStores("a repeated run is given the arguments as they were submitted", async (open) => {
  const seen: unknown[] = [];
  const definition = task("sorts", (ctx, list) => {
    seen.push([...list as number[]]);
    (list as number[]).sort().push(99);
    if (ctx.retries === 0) throw new Error("again");
  }, { maxRetries: 1, retry: { delay: 1 } });
  await using q = await open({ definitions: [definition] });
  const ended = await q.ended(await q.queue.submit(definition, [[3, 1, 2]]));
  assert.deepEqual(seen, [[3, 1, 2], [3, 1, 2]]);
  assert.deepEqual(ended.args, [[3, 1, 2]]);
});
