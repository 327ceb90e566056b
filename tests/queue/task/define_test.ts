import assert from "node:assert/strict";
import { z } from "zod";
import { createQueue, defineTask, memoryStore, type Queue, type Task } from "../../../queue/mod.ts";
import { openQueue } from "../../support/open_queue.ts";
import { task } from "../../support/held_task.ts";

const greet = defineTask(
  {
    name: "greet",
    args: z.tuple([z.string(), z.int().default(1)]),
    description: "Says hello",
    channel: "mail",
    priority: 7,
    maxRetries: 2,
    timeLimit: 60,
  },
  (ctx, name, times) => {
    const typed: { name: string; times: number } = { name, times };
    return { text: `hello ${typed.name}`.repeat(typed.times), id: ctx.id };
  },
);
const nothing = defineTask({ name: "nothing", args: z.tuple([]) }, () => {});
const later = defineTask({ name: "later", args: z.tuple([z.boolean()]) }, async (_ctx, yes) => {
  await Promise.resolve();
  return yes ? 1 : null;
});

/** Checked by the compiler, never called. */
async function types(queue: Queue): Promise<void> {
  const greeted: Task<{ text: string; id: string }> = await queue.submit(greet, ["Ann"]);
  const { text, id }: { text: string; id: string } = await queue.result(greeted);
  const number: number | null = await queue.result(await queue.submit(later, [true], { priority: 9 }));
  const none: void = await queue.result(await queue.submit(nothing, []));
  [text, id, number, none];
  // @ts-expect-error a number where a text belongs
  await queue.submit(greet, [1]);
  // @ts-expect-error an argument is missing
  await queue.submit(later, []);
  // @ts-expect-error an argument too many
  await queue.submit(nothing, ["x"]);
  // @ts-expect-error no such option
  await queue.submit(nothing, [], { countdown: 1 });
  // @ts-expect-error the result is an object
  const _wrong: number = await queue.result(greeted);
  // @ts-expect-error the handler takes a number where the schema gives a text
  defineTask({ name: "x", args: z.tuple([z.string()]) }, (_ctx, x: number) => x);
  // @ts-expect-error one argument, not an argument list
  defineTask({ name: "x", args: z.string() }, () => 1);
  // @ts-expect-error a definition needs a schema
  defineTask({ name: "x" }, () => 1);
  // @ts-expect-error states that do not exist cannot be asked for
  await queue.list({ state: "DONE" });
}

Deno.test("a handler is given its arguments as the schema makes them, defaults filled in", async () => {
  assert.equal(typeof types, "function");
  await using q = await openQueue({ definitions: [greet, nothing, later] });
  const one = await q.ended(await q.queue.submit(greet, ["Ann"]));
  assert.deepEqual(one.result, { text: "hello Ann", id: one.id });
  const two = await q.ended(await q.queue.submit(greet, ["Bob", 2]));
  assert.deepEqual(two.result, { text: "hello Bobhello Bob", id: two.id });
  assert.deepEqual(two.args, ["Bob", 2]);
  assert.equal(await q.queue.result(await q.queue.submit(later, [true])), 1);
  assert.equal(await q.queue.result(await q.queue.submit(nothing, [])), null);
});

Deno.test("a task takes its definition's defaults, and each may be overridden when it is submitted", async () => {
  await using q = await openQueue({ definitions: [greet, nothing], start: false });
  const plain = await q.queue.submit(greet, ["Ann"]);
  assert.deepEqual([plain.channel, plain.priority, plain.maxRetries], ["mail", 7, 2]);
  const other = await q.queue.submit(greet, ["Ann"], {
    channel: "default",
    priority: 0,
    maxRetries: 0,
    tags: ["a", "b"],
  });
  assert.deepEqual([other.channel, other.priority, other.maxRetries], ["default", 0, 0]);
  assert.deepEqual(other.tags, ["a", "b"]);
  const bare = await q.queue.submit(nothing, []);
  assert.deepEqual([bare.channel, bare.priority, bare.maxRetries], ["default", 5, 0]);
  assert.deepEqual(await q.queue.get(other.id), other);
});

Deno.test("a new task is PENDING with all its fields, and reads the same as it was answered", async () => {
  await using q = await openQueue({ definitions: [greet], start: false });
  const task = await q.queue.submit(greet, ["Ann"], { expires: 60 });
  const now = q.clock.now();
  assert.deepEqual(task, {
    id: task.id,
    name: "greet",
    args: ["Ann"],
    state: "PENDING",
    result: null,
    error: null,
    progress: null,
    retries: 0,
    maxRetries: 2,
    channel: "mail",
    priority: 7,
    tags: [],
    createdAt: now,
    runAt: now,
    startedAt: null,
    doneAt: null,
    expiresAt: now + 60_000,
    rootId: task.id,
    parentId: null,
    groupId: null,
    scheduleId: null,
    submittedBy: null,
    redriveOf: null,
    attempts: [],
    worker: null,
  });
  assert.deepEqual(await q.queue.get(task.id), task);
});

Deno.test("a queue refuses two definitions of one name", () => {
  const store = memoryStore();
  assert.throws(
    () => createQueue({ store, definitions: [task("a", () => 1), task("a", () => 2)] }),
    { name: "TypeError", message: "Cannot define task 'a' twice: names must be unique" },
  );
});

Deno.test("a queue refuses a schedule whose task it does not know", () => {
  const store = memoryStore();
  const schedules = [{ id: "s", task: task("a", () => 1), args: [], trigger: { interval: 60 } }];
  assert.throws(
    () => createQueue({ store, definitions: [], schedules }),
    { name: "TypeError", message: "Cannot run schedule 's' as its task 'a' is not among the definitions" },
  );
  assert.throws(() => createQueue({ store, definitions: [task("a", () => 1)], schedules }), TypeError);
});

Deno.test("a definition whose defaults no request could have is refused when the queue is made", () => {
  const cases: Record<string, object> = {
    "priority must be an integer from 0 to 9: got 12": { priority: 12 },
    "maxRetries must be an integer from 0 to 1000: got -1": { maxRetries: -1 },
    "timeLimit must be a number of seconds": { timeLimit: 0 },
    "retry.maxDelay must be a number from 0": { retry: { maxDelay: Infinity } },
    "name must be a text of 1 to 200 characters": { name: "" },
  };
  for (const [message, options] of Object.entries(cases)) {
    const definition = defineTask({ name: "odd", args: z.tuple([]), ...options }, () => {});
    assert.throws(
      () => createQueue({ store: memoryStore(), definitions: [definition] }),
      (error: Error) => error instanceof TypeError && error.message.includes(message),
    );
  }
});

Deno.test("slots and times that nothing could work with are refused when the queue is made", () => {
  for (
    const options of [{ channels: { c: 0 } }, { channels: { c: NaN } }, { resultTtl: -1 }, {
      workerLostAfter: NaN,
    }]
  ) {
    assert.throws(() => createQueue({ store: memoryStore(), definitions: [], ...options }), TypeError);
  }
});
