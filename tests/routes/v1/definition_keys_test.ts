/** Tasks whose definition makes an idempotency key of the arguments. */
import assert from "node:assert/strict";
import { z } from "zod";
import { defineTask } from "../../../queue/mod.ts";
import { openApp, places, problem } from "../../support/open_app.ts";

type OnDuplicate = "skip" | "return" | "raise";
const orders = (onDuplicate: OnDuplicate) =>
  defineTask({
    name: "order",
    args: z.tuple([z.int()]),
    idempotency: { key: (id) => `order ${id}`, onDuplicate },
  }, async (ctx, id) => {
    await ctx.sleep(2);
    if (id < 0) throw new Error("no such order");
    return { processed: id };
  });
const open = (onDuplicate: OnDuplicate = "return") =>
  openApp({ definitions: [orders(onDuplicate)], channels: { default: 16 }, store: "file" });
const ORDER = { name: "order", args: [17] };

for (const onDuplicate of ["skip", "return"] as const) {
  Deno.test(`${onDuplicate}: ten orders at once, over a database file, are one task and one run`, async () => {
    await using t = await open(onDuplicate);
    const answers = await Promise.all(Array.from({ length: 10 }, () => t.post("/v1/tasks", ORDER)));
    const tasks = await Promise.all(answers.map((answer) => answer.json()));
    assert.equal(new Set(tasks.map(({ id }) => id)).size, 1);
    assert.deepEqual(tasks.map(({ duplicate }) => duplicate === true).filter((d) => !d), [false]);
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [...Array(9).fill(200), 202]);
    for (const { headers } of answers) assert.equal(headers.get("location"), `/v1/tasks/${tasks[0].id}`);
    const ended = await t.ended(tasks[0]);
    assert.deepEqual(ended.result, { processed: 17 });
    assert.equal(t.events.of("started").length, 1);
    const after = await t.post("/v1/tasks", ORDER);
    const { duplicate, ...task } = await after.json();
    assert.deepEqual([after.status, duplicate, task.state], [200, true, "SUCCESS"]);
    const { attempts, submitted_by: _, ...read } = await (await t.get(`/v1/tasks/${task.id}`)).json();
    assert.deepEqual([task, attempts.length], [read, 1]);
  });
}

Deno.test("a duplicate waits for the first one's result, as it asked; one to be skipped does not", async () => {
  for (const [onDuplicate, state] of [["return", "SUCCESS"], ["skip", "STARTED"]] as const) {
    await using t = await open(onDuplicate);
    await (await t.post("/v1/tasks", ORDER)).body?.cancel();
    await t.clock.settle();
    const asked = t.post("/v1/tasks", ORDER, { prefer: "wait=10" });
    await t.clock.advance(3000);
    const answer = await asked;
    const task = await answer.json();
    assert.deepEqual([answer.status, task.duplicate, task.state], [200, true, state]);
  }
});

Deno.test("a duplicate that is refused is told which task came first", async () => {
  await using t = await open("raise");
  const { id } = await (await t.post("/v1/tasks", ORDER)).json();
  const refused = await problem(await t.post("/v1/tasks", ORDER), 409, "duplicate-task");
  assert.equal(refused.task_id, id);
  assert.match(refused.detail, /'order 17'/);
});

Deno.test("after a failure the same order is a new task", async () => {
  await using t = await open();
  const order = { name: "order", args: [-1] };
  const first = await (await t.post("/v1/tasks", order)).json();
  assert.equal((await t.ended(first)).state, "FAILURE");
  const next = await t.post("/v1/tasks", order);
  assert.equal(next.status, 202);
  assert.notEqual((await next.json()).id, first.id);
  await t.clock.advance(3000);
});

Deno.test("a batch marks its duplicates, and is answered by 200 when nothing in it is new", async () => {
  await using t = await open();
  const tasks = [1, 2, 1].map((n) => ({ name: "order", args: [n] }));
  const first = await t.post("/v1/tasks/batch", { tasks });
  const made = (await first.json()).tasks;
  assert.equal(first.status, 202);
  assert.deepEqual(made.map(({ duplicate }: { duplicate?: true }) => duplicate), [
    undefined,
    undefined,
    true,
  ]);
  assert.equal(made[2].id, made[0].id);
  assert.equal((await t.post("/v1/tasks/batch", { tasks })).status, 200);
});

Deno.test("a batch of more keys than a commit can check is refused and stores nothing", async () => {
  await using t = await open();
  const tasks = Array.from({ length: 100 }, (_, n) => ({ name: "order", args: [n] }));
  const refused = await problem(await t.post("/v1/tasks/batch", { tasks }), 413, "too-large");
  assert.match(refused.detail, /at most 99 checks for the idempotency keys/);
  assert.deepEqual((await t.queue.list()).tasks, []);
});

Deno.test("arguments that a key function cannot make a key of are a fault of the request", async () => {
  const picky = defineTask({
    name: "picky",
    args: z.tuple([z.object({ id: z.string().optional() })]),
    idempotency: { key: (order) => order.id!.toUpperCase() },
  }, () => 1);
  await using t = await openApp({ definitions: [picky], channels: {} });
  const body = await problem(
    await t.post("/v1/tasks", { name: "picky", args: [{}] }),
    422,
    "invalid-task",
  );
  assert.deepEqual(places(body), ["body /args"]);
  assert.match(body.detail, /'picky' an idempotency key: its key function threw TypeError/);
});

Deno.test("a key made of a part of the arguments: the first task, never a conflict about a key that nobody sent", async () => {
  const sync = (name: OnDuplicate) =>
    defineTask({
      name,
      args: z.tuple([z.string(), z.int()]),
      idempotency: { key: (tenant) => tenant, onDuplicate: name },
    }, () => 1);
  await using t = await openApp({ definitions: [sync("return"), sync("raise")], channels: {} });
  const submit = (name: string, page: number, headers = {}) =>
    t.post("/v1/tasks", { name, args: ["acme", page] }, headers);
  const first = await (await submit("return", 1)).json();
  const again = await submit("return", 2);
  const { duplicate, ...task } = await again.json();
  assert.deepEqual([again.status, duplicate, task], [200, true, first]);

  const raised = await (await submit("raise", 1)).json();
  const refused = await problem(await submit("raise", 2), 409, "duplicate-task");
  assert.equal(refused.task_id, raised.id);

  const tasks = [1, 2].map((page) => ({ name: "return", args: ["zeta", page] }));
  const batch = await t.post("/v1/tasks/batch", { tasks });
  const made = (await batch.json()).tasks;
  assert.deepEqual([batch.status, made[1].id, made[1].args], [202, made[0].id, ["zeta", 1]]);

  // A header's key still stands for one request only.
  const keyed = { "idempotency-key": "k" };
  const body = (page: number) => ({ name: "return", args: ["beta", page] });
  assert.equal((await t.post("/v1/tasks", body(1), keyed)).status, 202);
  await problem(await t.post("/v1/tasks", body(2), keyed), 422, "idempotency-key-reused");
});
