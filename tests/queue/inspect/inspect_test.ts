import assert from "node:assert/strict";
import { z } from "zod";
import { defineTask } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";

const given = {
  name: "b.add",
  description: "Adds",
  channel: "high_priority",
  priority: 8,
  maxRetries: 2,
  softTimeLimit: 5,
  timeLimit: 10,
  retryOnTimeout: true,
};
const add = defineTask(
  { ...given, args: z.tuple([z.int(), z.int().default(1)]) },
  (_ctx, x, y) => x + y,
);
const dated = defineTask({ name: "a.dated", args: z.tuple([z.coerce.date()]) }, () => 1);

Deno.test("definitions are shown by name, with defaults filled in and their arguments as JSON Schema", async () => {
  await using q = await openQueue({ definitions: [add, dated] });
  const [first, second] = q.queue.definitions();
  assert.equal(q.queue.definitions().length, 2);
  const { args, ...rest } = second!;
  assert.deepEqual(rest, { ...given, idempotency: null });
  const schema = args as { type: string; prefixItems: { type: string }[] };
  assert.equal(schema.type, "array");
  assert.deepEqual(schema.prefixItems.map(({ type }) => type), ["integer", "integer"]);
  const { args: _, ...defaults } = first!;
  assert.deepEqual(defaults, {
    name: "a.dated",
    description: null,
    channel: "default",
    priority: 5,
    maxRetries: 0,
    softTimeLimit: null,
    timeLimit: 3600,
    retryOnTimeout: false,
    idempotency: null,
  });
});

onBothStores("channels show how many tasks are ready, delayed, blocked and running", async (open) => {
  const held = heldTask("held");
  await using q = await open({
    definitions: [held.definition, task("other", () => 1, { channel: "other" })],
    channels: { default: 2, idle: 3 },
  });
  for (let i = 0; i < 5; i++) await q.queue.submit(held.definition, []);
  for (let i = 0; i < 2; i++) await q.queue.submit(held.definition, [], { delay: 60 });
  await q.clock.advance(2500);
  await q.queue.submit(held.definition, []);
  const empty = {
    paused: false,
    rateLimit: null,
    burst: null,
    maxDepth: null,
    ready: 0,
    delayed: 0,
    blocked: 0,
    running: 0,
    oldestAge: null,
  };
  assert.deepEqual(await q.queue.channels(), [
    { ...empty, name: "default", slots: 2, ready: 4, delayed: 2, running: 2, oldestAge: 2.5 },
    { ...empty, name: "idle", slots: 3 },
    { ...empty, name: "other", slots: 0 },
  ]);
});

onBothStores("depths of more than one list's length are counted in full", async (open) => {
  await using q = await open({ definitions: [add], channels: {} });
  const request = { name: "b.add", args: [1] };
  for (let i = 0; i < 5; i++) await q.queue.submitAll(Array.from({ length: 250 }, () => request));
  assert.equal((await q.queue.channels()).find(({ name }) => name === "high_priority")?.ready, 1250);
});

Deno.test("workers show who is registered, what it executes and what it runs", async () => {
  const held = heldTask("held");
  await using a = await openQueue({
    definitions: [held.definition],
    channels: { default: 2, mail: 1 },
    host: "one",
    pid: 1,
  });
  await using b = await openQueue({
    definitions: [held.definition],
    channels: {},
    host: "two",
    pid: 2,
    store: a.store,
    clock: a.clock,
  });
  const startedAt = a.clock.now();
  const { id } = await a.queue.submit(held.definition, []);
  await a.clock.advance(10_000);
  // Whether it waits for a thread only its own process knows.
  const runs = {
    id,
    name: "held",
    channel: "default",
    startedAt: (await b.queue.get(id)).startedAt,
    reserved: null,
  };
  assert.deepEqual((await a.queue.workers()).find(({ pid }) => pid === 1)!.running, [
    { ...runs, reserved: false },
  ]);
  const workers = (await b.queue.workers()).toSorted((x, y) => x.pid - y.pid);
  assert.deepEqual(workers.map(({ id: _, heartbeatAge: __, ...rest }) => rest), [
    { host: "one", pid: 1, channels: { default: 2, mail: 1 }, startedAt, lost: false, running: [runs] },
    { host: "two", pid: 2, channels: {}, startedAt, lost: false, running: [] },
  ]);
  assert.equal(workers[1]!.heartbeatAge, 0);
  assert(workers[0]!.heartbeatAge <= 3, `${workers[0]!.heartbeatAge}`);
  held.runs[0]!.finish();
  await a.clock.settle();
});

Deno.test("a process that has stopped is no worker any more", async () => {
  await using b = await openQueue();
  const a = await openQueue({ store: b.store, clock: b.clock });
  assert.equal((await b.queue.workers()).length, 2);
  await a.close();
  assert.equal((await b.queue.workers()).length, 1);
});

Deno.test("a task that was delayed has waited since it was due, not since it was submitted", async () => {
  const held = heldTask("held");
  await using q = await openQueue({ definitions: [held.definition], channels: { default: 1 } });
  await q.queue.submit(held.definition, []);
  await q.queue.submit(held.definition, [], { delay: 60 });
  await q.clock.advance(62_000);
  const [channel] = await q.queue.channels();
  assert.deepEqual([channel!.ready, channel!.oldestAge], [1, 2]);
});
