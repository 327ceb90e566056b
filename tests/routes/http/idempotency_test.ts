import assert from "node:assert/strict";
import { nothingStored, openApp, places, problem } from "../../support/open_app.ts";

const ADD = { name: "app.tasks.add", args: [1, 2] };
const KEY = { "idempotency-key": "order-17" };

Deno.test("a repeat with the same key gets the first task and is marked", async () => {
  await using t = await openApp({ start: false });
  const first = await t.post("/v1/tasks", ADD, KEY);
  assert.equal(first.headers.get("idempotent-replayed"), null);
  const task = await first.json();
  const repeat = await t.post("/v1/tasks", ADD, KEY);
  assert.equal(repeat.status, 202);
  assert.equal(repeat.headers.get("idempotent-replayed"), "true");
  assert.equal(repeat.headers.get("location"), `/v1/tasks/${task.id}`);
  assert.deepEqual(await repeat.json(), task);
  assert.equal((await t.queue.list()).tasks.length, 1);
});

Deno.test("the order of the body's fields does not matter to a key", async () => {
  await using t = await openApp({ start: false });
  await t.post("/v1/tasks", { ...ADD, priority: 3 }, KEY);
  const repeat = await t.post("/v1/tasks", { priority: 3, ...ADD }, KEY);
  assert.equal(repeat.headers.get("idempotent-replayed"), "true");
});

Deno.test("the same key with another body, or another route, is refused", async () => {
  await using t = await openApp({ start: false });
  await t.post("/v1/tasks", ADD, KEY);
  const other = await t.post("/v1/tasks", { ...ADD, args: [2, 1] }, KEY);
  assert.match((await problem(other, 422, "idempotency-key-reused")).detail, /order-17/);
  const batch = await t.post("/v1/tasks/batch", { tasks: [ADD] }, KEY);
  await problem(batch, 422, "idempotency-key-reused");
  assert.equal((await t.queue.list()).tasks.length, 1);
});

Deno.test("one key stands for a whole batch", async () => {
  await using t = await openApp({ start: false });
  const batch = { tasks: [ADD, { ...ADD, args: [3, 4] }] };
  const first = await t.post("/v1/tasks/batch", batch, KEY);
  const repeat = await t.post("/v1/tasks/batch", batch, KEY);
  assert.equal(repeat.status, 202);
  assert.equal(repeat.headers.get("idempotent-replayed"), "true");
  assert.deepEqual(await repeat.json(), await first.json());
  assert.equal((await t.queue.list()).tasks.length, 2);
});

Deno.test("ten simultaneous repeats make one task", async () => {
  await using t = await openApp({ start: false });
  const answers = await Promise.all(Array.from({ length: 10 }, () => t.post("/v1/tasks", ADD, KEY)));
  const ids = await Promise.all(answers.map(async (answer) => (await answer.json()).id));
  assert.equal(new Set(ids).size, 1);
  assert.equal((await t.queue.list()).tasks.length, 1);
});

Deno.test("a key lives its time and no longer", async () => {
  await using t = await openApp({ start: false, idempotencyTtl: 60 });
  await t.post("/v1/tasks", ADD, KEY);
  await t.clock.advance(61_000);
  const again = await t.post("/v1/tasks", ADD, KEY);
  assert.equal(again.headers.get("idempotent-replayed"), null);
  assert.equal((await t.queue.list()).tasks.length, 2);
});

Deno.test("a malformed key is refused", async () => {
  await using t = await openApp({ start: false });
  for (const key of ["", "a b", "k".repeat(256), "é"]) {
    const response = await t.post("/v1/tasks", ADD, { "idempotency-key": key });
    assert.deepEqual(places(await problem(response, 422, "invalid-request")), ["header /idempotency-key"]);
  }
  await nothingStored(t.queue);
});
