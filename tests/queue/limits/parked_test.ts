import assert from "node:assert/strict";
import { heldTask, task } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";
import { rowsOf, stored } from "../../support/rows.ts";

const newer = task("new.name", (_ctx, n) => n);
const known = task("known", () => "fine");

Deno.test("a task of a name that no process knows waits, and stands in nobody's way", async () => {
  await using asks = await openQueue({ definitions: [newer, known], start: false });
  await using old = await openQueue({
    definitions: [known],
    channels: { default: 1 },
    store: asks.store,
    clock: asks.clock,
  });
  const unknown = await asks.queue.submit(newer, [1], { priority: 9 });
  const { id } = await asks.queue.submit(known, []);
  await old.clock.advance(2000);
  assert.equal((await old.queue.get(id)).state, "SUCCESS");
  await old.clock.advance(3_600_000);
  const waiting = await old.queue.get(unknown.id);
  assert.deepEqual([waiting.state, waiting.error, waiting.retries], ["PENDING", null, 0]);
  assert.deepEqual((await rowsOf(old.store, "blocked")).map(({ key }) => key.slice(2)), [
    ["name:new.name", 0, unknown.id],
  ]);
  assert.equal((await old.queue.channels())[0]!.blocked, 1);
});

Deno.test("a process that knows the name takes parked tasks over, by priority and age", async () => {
  const order: unknown[] = [];
  const notes = task("new.name", (_ctx, n) => void order.push(n));
  await using asks = await openQueue({ definitions: [notes], start: false });
  await using old = await openQueue({ definitions: [known], store: asks.store, clock: asks.clock });
  for (const [n, priority] of [[1, 5], [2, 5], [3, 9], [4, 0]] as const) {
    await asks.queue.submit(notes, [n], { priority });
  }
  await old.clock.advance(3000);
  assert.deepEqual(await stored(old.store), { task: 4, blocked: 4 });
  await using young = await openQueue({
    definitions: [notes, known],
    channels: { default: 1 },
    store: asks.store,
    clock: asks.clock,
  });
  await young.clock.advance(20_000);
  assert.deepEqual(order, [3, 1, 2, 4]);
  assert.deepEqual(await stored(old.store), { task: 4 });
});

Deno.test("a rolling change loses no task and fails none, whichever process finds it first", async () => {
  await using old = await openQueue({ definitions: [known], channels: { default: 4 } });
  const options = { definitions: [newer, known], store: old.store, clock: old.clock };
  await using young = await openQueue({ ...options, channels: { default: 4 } });
  for (let i = 0; i < 30; i++) {
    await young.queue.submit(i % 2 ? newer : known, [i]);
    await old.clock.advance(100);
  }
  await old.clock.advance(30_000);
  const { tasks } = await old.queue.list();
  assert.equal(tasks.length, 30);
  assert(tasks.every(({ state }) => state === "SUCCESS"), tasks.map(({ state }) => state).join());
});

Deno.test("a delayed task of an unknown name is parked when it is due, and an expiring one expires", async () => {
  await using asks = await openQueue({ definitions: [newer], start: false });
  await using old = await openQueue({ definitions: [known], store: asks.store, clock: asks.clock });
  const delayed = await asks.queue.submit(newer, [1], { delay: 10 });
  const expiring = await asks.queue.submit(newer, [2], { expires: 10 });
  await old.clock.advance(15_000);
  assert.deepEqual((await rowsOf(old.store, "blocked")).map(({ key }) => key.at(-1)), [delayed.id]);
  const ended = await old.queue.get(expiring.id);
  assert.deepEqual([ended.state, ended.error?.type], ["REVOKED", "Expired"]);
});

Deno.test("parked tasks of a full channel, or of another process's, keep no other task back", async () => {
  const held = heldTask("known", { channel: "full" });
  await using asks = await openQueue({
    definitions: [newer],
    channels: { elsewhere: 1, full: 1, open: 1 },
    start: false,
  });
  const old = await openQueue({
    definitions: [known],
    channels: { elsewhere: 1, full: 1, open: 1 },
    store: asks.store,
    clock: asks.clock,
  });
  const submitted = [];
  for (const channel of ["elsewhere", "full", "open"]) {
    submitted.push(await asks.queue.submit(newer, [channel], { channel }));
  }
  await old.clock.advance(3000);
  await old.close();
  assert.deepEqual(await stored(asks.store), { task: 3, blocked: 3 });
  await using young = await openQueue({
    definitions: [newer, held.definition],
    channels: { full: 1, open: 1 },
    store: asks.store,
    clock: asks.clock,
    start: false,
  });
  await young.queue.submit(held.definition, []);
  await young.queue.start();
  await young.clock.advance(3000);
  const states = await Promise.all(submitted.map(async ({ id }) => (await young.queue.get(id)).state));
  assert.equal(states[0], "PENDING");
  assert.equal(states[2], "SUCCESS");
  for (const { finish } of held.runs) finish();
  assert.equal((await young.ended(submitted[1]!)).state, "SUCCESS");
});
