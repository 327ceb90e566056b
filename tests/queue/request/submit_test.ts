import assert from "node:assert/strict";
import { z } from "zod";
import {
  defineTask,
  InvalidTaskError,
  StoppedError,
  type TaskRequest,
  TooLargeError,
  UnknownTaskError,
} from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { stored } from "../../support/rows.ts";

const add = defineTask({ name: "app.tasks.add", args: z.tuple([z.int(), z.int()]) }, (_ctx, x, y) => x + y);
const nested = defineTask({
  name: "nested",
  args: z.tuple([z.object({ "a/b~c": z.array(z.object({ n: z.number() })) })]),
}, () => 1);
const any = task("any", (_ctx, ...args) => args);
const cycle: Record<string, unknown> = { list: [] };
(cycle["list"] as unknown[]).push({ back: cycle });

/** Nesting that would overflow the stack of a recursive reader. */
function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

/** Each refused request: its fault's pointer and detail. */
const REFUSED: Record<
  string,
  [request: Omit<TaskRequest, "name"> & { name?: string }, pointer: string, detail: RegExp]
> = {
  "an argument of the wrong type": [{ name: add.name, args: ["1", 2] }, "/args/0", /expected int|number/],
  "an integer that is none": [{ name: add.name, args: [1, 2.5] }, "/args/1", /int/],
  "too few arguments": [{ name: add.name, args: [1] }, "/args", /small|expected/],
  "too many arguments": [{ name: add.name, args: [1, 2, 3] }, "/args", /big|<=2/],
  "a fault deep inside an argument": [
    { name: "nested", args: [{ "a/b~c": [{ n: 1 }, { n: "2" }] }] },
    "/args/0/a~1b~0c/1/n",
    /expected number/,
  ],
  "a BigInt": [{ args: [1n] }, "/args/0", /is a bigint, which JSON cannot carry/],
  "a function": [{ args: [0, () => 1] }, "/args/1", /is a function/],
  "a symbol": [{ args: [Symbol("s")] }, "/args/0", /is a symbol/],
  "not a number": [{ args: [NaN] }, "/args/0", /is NaN/],
  "an infinite number": [{ args: [1, -Infinity] }, "/args/1", /is -Infinity/],
  "undefined before another argument": [{ args: [undefined, 1] }, "/args/0", /is undefined/],
  "an argument that contains itself": [
    { args: [cycle] },
    "/args/0",
    /args\[0\]\.list\[0\]\.back contains itself/,
  ],
  "a BigInt inside an argument": [{ args: [{ a: [1, 2n] }] }, "/args/0", /args\[0\]\.a\[1\] is a bigint/],
  "not a number inside an argument": [{ args: [[NaN]] }, "/args/0", /args\[0\]\[0\] is NaN/],
  "a Map": [{ args: [{ m: new Map([[1, 2]]) }] }, "/args/0", /args\[0\]\.m is a Map/],
  "bytes": [{ args: [new Uint8Array(3)] }, "/args/0", /is a Uint8Array/],
  "an argument nested too deeply": [{ args: [deep(100_000)] }, "/args/0", /nested/],
  "a priority above 9": [{ args: [], priority: 10 }, "/priority", /must be an integer from 0 to 9: got 10/],
  "a priority below 0": [{ args: [], priority: -1 }, "/priority", /got -1/],
  "half a priority": [{ args: [], priority: 4.5 }, "/priority", /got 4.5/],
  "a negative delay": [{ args: [], delay: -1 }, "/delay", /from 0 to/],
  "a delay that is no number": [{ args: [], delay: NaN }, "/delay", /got NaN/],
  "a delay of eleven years": [{ args: [], delay: 11 * 365 * 86400 }, "/delay", /from 0 to/],
  "delay together with runAt": [
    { args: [], delay: 1, runAt: 1 },
    "/run_at",
    /not be given together with delay/,
  ],
  "a runAt that is no date": [{ args: [], runAt: NaN }, "/run_at", /must be a date/],
  "expires of zero": [{ args: [], expires: 0 }, "/expires", /got 0/],
  "negative expires": [{ args: [], expires: -5 }, "/expires", /got -5/],
  "negative retries": [{ args: [], maxRetries: -1 }, "/max_retries", /got -1/],
  "a time limit of zero": [{ args: [], timeLimit: 0 }, "/time_limit", /got 0/],
  "a soft time limit of zero": [{ args: [], softTimeLimit: 0 }, "/soft_time_limit", /got 0/],
  "21 tags": [{ args: [], tags: Array.from({ length: 21 }, (_, i) => `t${i}`) }, "/tags", /at most 20/],
  "an empty tag": [{ args: [], tags: ["ok", ""] }, "/tags/1", /1 to 100 characters/],
  "a tag of 101 characters": [{ args: [], tags: ["x".repeat(101)] }, "/tags/0", /1 to 100 characters/],
  "an unknown channel": [
    { args: [], channel: "defualt" },
    "/channel",
    /must be one of default, high_priority: got 'defualt'; did you mean 'default'\?/,
  ],
};

Deno.test("a request that is not valid is refused with a pointer to the place, and nothing is stored", async (t) => {
  await using q = await openQueue({
    definitions: [add, nested, any],
    channels: { default: 1, high_priority: 1 },
  });
  for (const [what, [request, pointer, detail]] of Object.entries(REFUSED)) {
    await t.step(what, async () => {
      await assert.rejects(q.queue.submitAll([{ name: "any", ...request }]), (error) => {
        assert(error instanceof InvalidTaskError, String(error));
        assert.deepEqual(error.faults.map((fault) => fault.pointer), [pointer]);
        assert.match(error.faults[0]!.detail, detail);
        return true;
      });
    });
  }
  assert.deepEqual(await stored(q.store), {});
  assert.deepEqual(q.events.of("submitted"), []);
});

Deno.test("every fault of a request is told, not only the first", async () => {
  await using q = await openQueue({ definitions: [add] });
  const request = { name: add.name, args: ["1", "2"], priority: 11, expires: -1 };
  await assert.rejects(q.queue.submitAll([request]), (error) => {
    assert(error instanceof InvalidTaskError);
    assert.deepEqual(error.faults.map((fault) => fault.pointer), [
      "/priority",
      "/expires",
      "/args/0",
      "/args/1",
    ]);
    return true;
  });
});

Deno.test("an unknown name is refused, and the nearest known one suggested", async () => {
  await using q = await openQueue({ definitions: [add, nested] });
  for (
    const [name, suggestion] of [["app.tasks.ad", add.name], ["NESTED", "nested"], [
      "zzzzzzzz",
      null,
    ]] as const
  ) {
    await assert.rejects(q.queue.submitAll([{ name, args: [] }]), (error) => {
      assert(error instanceof UnknownTaskError);
      assert.equal(error.suggestion, suggestion);
      assert.equal(error.pointer, "/name");
      return true;
    });
  }
  await assert.rejects(
    q.queue.submitAll([{ name: "app.tasks.ad", args: [] }]),
    { message: "No task is named 'app.tasks.ad'; did you mean 'app.tasks.add'?" },
  );
  assert.deepEqual(await stored(q.store), {});
});

Deno.test("a request at the limits themselves is accepted", async () => {
  await using q = await openQueue({ definitions: [any] });
  for (
    const options of [
      { priority: 0 },
      { priority: 9 },
      { delay: 0 },
      { expires: 0.001 },
      { maxRetries: 0 },
      { tags: Array.from({ length: 20 }, () => "x".repeat(100)) },
    ]
  ) {
    await q.queue.submitAll([{ name: "any", args: [], ...options }]);
  }
});

onBothStores("a task whose time has passed runs at once", async (open) => {
  await using q = await open({ definitions: [any] });
  const { tasks: [task] } = await q.queue.submitAll([{
    name: "any",
    args: [],
    runAt: q.clock.now() - 60_000,
  }]);
  assert.equal(task!.runAt, task!.createdAt);
  await q.events.next("finished");
});

onBothStores(
  "a handler sees its arguments as JSON carries them, and never the caller's own objects",
  async (open) => {
    const seen: unknown[][] = [];
    const spoil = task("spoil", (_ctx, ...args) => {
      seen.push(structuredClone(args));
      (args[0] as { list: unknown[] }).list.push("spoilt by the handler");
    });
    await using q = await open({ definitions: [spoil], channels: { default: 1 } });
    const mine = { list: [1, { when: new Date(0), not: undefined }] };
    const submitted = await q.queue.submit(spoil, [mine, undefined]);
    mine.list.push(2);
    await q.events.next("finished");
    const asJson = { list: [1, { when: "1970-01-01T00:00:00.000Z" }] };
    assert.deepEqual(seen, [[asJson]]);
    assert.deepEqual(mine.list.length, 3);
    assert.deepEqual(submitted.args, [asJson]);
    assert.deepEqual((await q.queue.get(submitted.id)).args, [asJson]);
  },
);

onBothStores("the schema judges arguments as JSON carries them", async (open) => {
  const dated = defineTask(
    { name: "dated", args: z.tuple([z.coerce.date()]) },
    (_ctx, date) => date.getTime(),
  );
  const strict = defineTask({ name: "strict", args: z.tuple([z.date()]) }, () => 1);
  const optional = defineTask(
    { name: "optional", args: z.tuple([z.string(), z.string().optional()]) },
    (_ctx, a, b = "none") => a + b,
  );
  await using q = await open({ definitions: [dated, strict, optional] });
  assert.equal((await q.ended(await q.queue.submit(dated, [new Date(5)]))).result, 5);
  assert.equal((await q.ended(await q.queue.submit(optional, ["a", undefined]))).result, "anone");
  // Its run would be given a text and refuse it.
  await assert.rejects(q.queue.submit(strict, [new Date()]), InvalidTaskError);
});

Deno.test("arguments are small enough by their bytes, not by their characters", async () => {
  await using q = await openQueue({ definitions: [any] });
  const most = 512 * 1024 - '["",""]'.length;
  await q.queue.submit(any, ["x".repeat(most), ""]);
  for (const text of ["x".repeat(most + 1), "é".repeat(most / 2 + 1), "😀".repeat(most / 4 + 1)]) {
    await assert.rejects(q.queue.submit(any, [text, ""]), TooLargeError);
  }
  await assert.rejects(q.queue.submit(any, [Array.from({ length: 300_000 }, () => 1)]), TooLargeError);
});

Deno.test("a queue that has stopped accepts nothing", async () => {
  await using q = await openQueue({ definitions: [any] });
  await q.close();
  await assert.rejects(q.queue.submit(any, []), StoppedError);
  await assert.rejects(q.queue.revoke("x"), StoppedError);
  assert.deepEqual(await q.queue.health(), { ready: false, problems: ["The process is stopping."] });
});

Deno.test("a queue that was not started accepts tasks, and runs them when it is", async () => {
  const held = heldTask("held");
  await using q = await openQueue({ definitions: [held.definition], start: false });
  await q.queue.submit(held.definition, []);
  await q.clock.advance(10_000);
  assert.equal(held.runs.length, 0);
  await q.queue.start();
  await q.clock.settle();
  assert.equal(held.runs.length, 1);
  held.runs[0]!.finish();
  await q.events.next("finished");
});
