import assert from "node:assert/strict";
import { z } from "zod";
import { type AnyTaskDefinition, defineTask, TaskFailedError } from "../../../queue/mod.ts";
import { describe } from "../../../queue/task/failure.ts";
import { task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";

class Unprintable extends Error {
  override get message(): string {
    throw new Error("no message for you");
  }
  override get stack(): string {
    throw new Error("no stack for you");
  }
}

function cyclic(): Error {
  const error = new Error("round and round");
  error.cause = error;
  return error;
}

function named(name: unknown): Error {
  const error = new Error("odd name");
  Object.defineProperty(error, "name", { value: name });
  return error;
}

/** What handlers throw, and what their tasks say. */
const THROWN: Record<string, [thrown: () => unknown, type: string, message: string | RegExp]> = {
  "an error": [() => new RangeError("out of range"), "RangeError", "out of range"],
  "an error without a message": [() => new Error(), "Error", ""],
  "a text": [() => "just a text", "string", "just a text"],
  "a number": [() => 42, "number", "42"],
  "a BigInt": [() => 7n, "bigint", "7"],
  "a symbol": [() => Symbol("s"), "symbol", "Symbol(s)"],
  "null": [() => null, "null", "null"],
  "undefined": [() => undefined, "undefined", "undefined"],
  "an object": [() => ({ code: 5 }), "object", '{"code":5}'],
  "an object without a form": [
    () => Object.create(null, { x: { value: 1n, enumerable: true } }),
    "object",
    "[object Object]",
  ],
  "a function": [() => function boom() {}, "function", /boom/],
  "an error that is its own cause": [cyclic, "Error", "round and round"],
  "an error that throws when looked at": [() => new Unprintable(), "Error", /cannot be described/],
  "an error with an odd name": [() => named(Symbol("odd")), "Symbol(odd)", "odd name"],
  "an error without a name": [() => named(""), "Error", "odd name"],
  "a DOMException": [() => new DOMException("stopped", "AbortError"), "AbortError", "stopped"],
  "an AggregateError": [() => new AggregateError([1, 2], "all failed"), "AggregateError", "all failed"],
  "a huge message": [() => new Error("x".repeat(1e6)), "Error", /^x{4000}… \(1000000 characters\)$/],
  "control characters": [
    () => new Error("\x00\x1b[31m\u{d800}".repeat(2000)),
    "Error",
    /^(\ufffd\ufffd\[31m\ufffd)+/,
  ],
};

onBothStores("a handler that throws any value fails its task, and its worker goes on", async (open) => {
  // The largest arguments and tags that are kept in the record itself leave room for every error.
  const fill = "x".repeat(16_000);
  const throws = task("throws", (_ctx, name) => {
    throw THROWN[name as string]![0]();
  });
  await using q = await open({ definitions: [throws], channels: { default: 1 } });
  for (const [name, [, type, message]] of Object.entries(THROWN)) {
    const { id } = await q.queue.submit(throws, [name, fill], { tags: Array(20).fill("\x01".repeat(100)) });
    const { state, error } = await q.ended({ id }, 0);
    assert.deepEqual([name, state, error?.type], [name, "FAILURE", type]);
    if (typeof message === "string") assert.equal(error!.message, message);
    else assert.match(error!.message, message);
  }
  assert.equal((await q.queue.health()).ready, true);
});

onBothStores("a rejected promise is a failure as well", async (open) => {
  const rejects = task("rejects", async (ctx) => {
    await ctx.sleep(1);
    await Promise.reject(new TypeError("later"));
  });
  await using q = await open({ definitions: [rejects] });
  assert.equal((await q.ended(await q.queue.submit(rejects, []))).error?.type, "TypeError");
});

onBothStores("a traceback is the handler's own frames, without the engine's", async (open) => {
  function innermost(): never {
    throw new Error("deep down");
  }
  const throws = task("throws", () => innermost());
  await using q = await open({ definitions: [throws] });
  const { error } = await q.ended(await q.queue.submit(throws, []));
  assert.match(error!.traceback!, /^Error: deep down\n {4}at innermost .*failures_test\.ts/);
  assert.doesNotMatch(error!.traceback!, /\/queue\/(?!failures_test)[a-z_]+\.ts/);
});

Deno.test("a traceback tells nothing of who submitted the task", async () => {
  const throws = task("throws", () => {
    throw new Error("deep down");
  });
  await using q = await openQueue({ definitions: [throws] });
  async function submitter() {
    return await q.queue.submit(throws, []);
  }
  const { error } = await q.ended(await submitter());
  assert.match(error!.traceback!, /^Error: deep down\n {4}at .*failures_test\.ts[^\n]*$/);
});

onBothStores("a traceback tells the causes of an error, and the parts of an AggregateError", async (open) => {
  const throws = task("throws", () => {
    const parts = [new RangeError("first", { cause: "a text" }), new TypeError("second"), 3];
    throw new Error("outer", { cause: new AggregateError(parts, "all failed", { cause: { code: 5 } }) });
  });
  await using q = await open({ definitions: [throws] });
  const { error } = await q.ended(await q.queue.submit(throws, []));
  assert.deepEqual([error!.type, error!.message], ["Error", "outer"]);
  assert.deepEqual(error!.traceback!.split("\n").filter((line) => !line.startsWith("    at ")), [
    "Error: outer",
    "Caused by: AggregateError: all failed",
    'Caused by: object: {"code":5}',
    "Part 1: RangeError: first",
    "Caused by: string: a text",
    "Part 2: TypeError: second",
    "Part 3: number: 3",
  ]);
  assert.doesNotMatch(error!.traceback!, /\/queue\/(?!failures_test)[a-z_]+\.ts/);
});

Deno.test("causes that go round, go deep, are many or throw when looked at are bounded", () => {
  const lines = (thrown: unknown) =>
    describe(thrown).traceback!.split("\n").filter((line) => !line.startsWith("    at "));
  assert.deepEqual(lines(cyclic()), ["Error: round and round"]);
  let deep: unknown = "the bottom";
  for (let i = 0; i < 10_000; i++) deep = new Error("\x01".repeat(10_000), { cause: deep });
  assert(new TextEncoder().encode(JSON.stringify(describe(deep))).length < 40_000);
  const many = Array.from({ length: 10_000 }, (_, i) => new Error(`part ${i}`));
  assert.equal(lines(new AggregateError(many, "too many")).at(-1), "Part 7: Error: part 6");
  const closed = Object.defineProperty(new Error("closed"), "cause", {
    get() {
      throw new Error("no cause for you");
    },
  });
  assert.deepEqual(lines(closed), ["Error: closed"]);
});

Deno.test("the description of a thrown value is bounded, and of text that JSON writes plainly", () => {
  const error = new Error("\x01".repeat(100_000));
  error.name = "\x02".repeat(100_000);
  const described = describe(error);
  assert(new TextEncoder().encode(JSON.stringify(described)).length < 40_000);
});

onBothStores(
  "arguments that a stricter definition no longer accepts fail the task, with every place named",
  async (open) => {
    const loose = defineTask({ name: "picky", args: z.tuple([z.unknown()]) }, () => 1);
    const strict = defineTask({ name: "picky", args: z.tuple([z.array(z.int())]), maxRetries: 3 }, () => 1);
    await using before = await open({ definitions: [loose], start: false });
    const few = await before.queue.submit(loose, [["a", "b"]]);
    const many = await before.queue.submit(loose, [Array.from({ length: 20_000 }, () => "wrong")]);
    await using after = await open({ definitions: [strict], store: before.store, clock: before.clock });
    const { state, error, retries } = await after.ended(few);
    assert.deepEqual([state, error?.type, retries], ["FAILURE", "InvalidTaskError", 0]);
    assert.match(error!.message, /\/args\/0\/0: .*; \/args\/0\/1: /);
    assert.equal((await after.ended(many)).error?.type, "InvalidTaskError");
  },
);

onBothStores("queue.result throws what the task failed with", async (open) => {
  const throws = task("throws", () => {
    throw new TypeError("no luck");
  });
  await using q = await open({ definitions: [throws] });
  const submitted = await q.queue.submit(throws, []);
  await assert.rejects(q.queue.result(submitted), (error) => {
    assert(error instanceof TaskFailedError);
    assert.deepEqual([error.taskId, error.state, error.type], [submitted.id, "FAILURE", "TypeError"]);
    assert.equal(error.message, `Task '${submitted.id}' ended as FAILURE: TypeError: no luck`);
    return true;
  });
});

Deno.test("a handler whose own submission is refused fails like any other, and is retried", async () => {
  const inner = defineTask({ name: "inner", args: z.tuple([z.int()]) }, () => {});
  let runs = 0;
  const outer: AnyTaskDefinition = defineTask(
    { name: "outer", args: z.tuple([]), maxRetries: 1 },
    async () => {
      runs++;
      await q.queue.submitAll([{ name: "inner", args: ["no integer"] }]);
    },
  );
  await using q = await openQueue({ definitions: [inner, outer] });
  const task = await q.ended(await q.queue.submit(outer, []), 10);
  assert.deepEqual([task.state, task.error?.type, runs], ["FAILURE", "InvalidTaskError", 2]);
});
