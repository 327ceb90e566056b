import assert from "node:assert/strict";
import { heldTask } from "../../support/held_task.ts";
import { openApp } from "../../support/open_app.ts";

const ADD = { name: "app.tasks.add", args: [1, 2] };

Deno.test("POST /v1/tasks answers 202 with the stored task and its place", async () => {
  await using t = await openApp({ start: false });
  const response = await t.post("/v1/tasks", ADD);
  assert.equal(response.status, 202);
  const task = await response.json();
  assert.equal(response.headers.get("location"), `/v1/tasks/${task.id}`);
  assert.deepEqual(task, {
    id: task.id,
    name: "app.tasks.add",
    args: [1, 2],
    state: "PENDING",
    result: null,
    error: null,
    progress: null,
    retries: 0,
    max_retries: 0,
    channel: "celery",
    priority: 5,
    tags: [],
    created_at: "2026-01-05T09:00:00.000Z",
    run_at: "2026-01-05T09:00:00.000Z",
    started_at: null,
    date_done: null,
    expires_at: null,
    root_id: task.id,
    parent_id: null,
    group_id: null,
    schedule_id: null,
    redrive_of: null,
    worker: null,
  });
  assert.deepEqual(await (await t.get(response.headers.get("location")!)).json(), {
    ...task,
    submitted_by: null,
    attempts: [],
  });
});

Deno.test("POST /v1/tasks passes every option on", async () => {
  await using t = await openApp({ start: false });
  const task = await (await t.post("/v1/tasks", {
    ...ADD,
    channel: "high_priority",
    priority: 0,
    delay: 1.5,
    expires: 60,
    max_retries: 7,
    soft_time_limit: 5,
    time_limit: 10,
    ignore_result: true,
    tags: ["a", "b"],
  })).json();
  assert.equal(task.channel, "high_priority");
  assert.equal(task.priority, 0);
  assert.equal(task.run_at, "2026-01-05T09:00:01.500Z");
  assert.equal(task.expires_at, "2026-01-05T09:01:00.000Z");
  assert.equal(task.max_retries, 7);
  assert.deepEqual(task.tags, ["a", "b"]);
});

Deno.test("POST /v1/tasks, a batch and a workflow take retry_on_timeout", async () => {
  const held = heldTask("held", { timeLimit: 5, maxRetries: 1 });
  await using t = await openApp({ definitions: [held.definition] });
  const body = { name: "held", retry_on_timeout: true };
  const answers = [
    await t.post("/v1/tasks", body),
    await t.post("/v1/tasks/batch", { tasks: [body] }),
    await t.post("/v1/workflows", { chain: [body] }),
  ];
  assert.deepEqual(answers.map(({ status }) => status), [202, 202, 202]);
  for (const answer of answers) await answer.body?.cancel();
  await t.clock.advance(5000);
  const { tasks } = await t.queue.list();
  assert.deepEqual(tasks.map(({ retries }) => retries), [1, 1, 1]);
  await Promise.all(tasks.map(({ id }) => t.queue.revoke(id)));
  for (const run of held.runs) run.finish();
});

Deno.test("POST /v1/tasks takes a run_at with any offset, and a past one runs at once", async () => {
  await using t = await openApp({ start: false });
  const later = await (await t.post("/v1/tasks", { ...ADD, run_at: "2026-01-05T12:00:00+02:00" })).json();
  assert.equal(later.run_at, "2026-01-05T10:00:00.000Z");
  const past = await (await t.post("/v1/tasks", { ...ADD, run_at: "1999-12-31T23:59:59Z" })).json();
  assert.equal(past.run_at, past.created_at);
});

Deno.test("POST /v1/tasks takes a task without arguments", async () => {
  await using t = await openApp();
  const task = await (await t.post("/v1/tasks", { name: "app.tasks.important_task" })).json();
  assert.equal((await t.ended(task)).result, "Important task executed");
});

Deno.test("POST /v1/tasks takes a content type with parameters, and a body of announced length", async () => {
  await using t = await openApp({ start: false });
  const body = JSON.stringify(ADD);
  const headers = {
    "content-type": "application/json; charset=utf-8",
    "content-length": String(body.length),
  };
  assert.equal((await t.post("/v1/tasks", body, headers)).status, 202);
});

Deno.test("POST /v1/tasks/batch answers the tasks in the request's order", async () => {
  await using t = await openApp({ start: false });
  const tasks = [ADD, { name: "app.tasks.important_task", args: [] }, { ...ADD, args: [3, 4] }];
  const response = await t.post("/v1/tasks/batch", { tasks });
  assert.equal(response.status, 202);
  const body = await response.json();
  assert.deepEqual(body.tasks.map((task: { args: unknown }) => task.args), [[1, 2], [], [3, 4]]);
  assert.equal((await t.queue.list()).tasks.length, 3);
});

Deno.test("POST /v1/tasks/batch takes 250 tasks", async () => {
  await using t = await openApp({ start: false });
  const response = await t.post("/v1/tasks/batch", { tasks: Array(250).fill(ADD) });
  assert.equal(response.status, 202);
  assert.equal((await t.queue.list({ limit: 500 })).tasks.length, 250);
});
