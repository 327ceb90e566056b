import assert from "node:assert/strict";
import { type Body, openApp, places, problem } from "../../support/open_app.ts";

const FAILING = { name: "app.tasks.failing_task", max_retries: 0 };

Deno.test("POST /v1/tasks/{id}/retry submits a failed task anew, once", async () => {
  await using t = await openApp({ start: false });
  const { id } = await (await t.post("/v1/tasks", { ...FAILING, tags: ["x"], delay: 60 })).json();
  const early = await problem(await t.post(`/v1/tasks/${id}/retry`), 409, "not-redrivable");
  assert.match(early.detail, /it is PENDING, and only what ended in FAILURE or REVOKED can/);
  await (await t.post(`/v1/tasks/${id}/revoke`)).body?.cancel();
  const answer = await t.post(`/v1/tasks/${id}/retry`);
  const task = await answer.json();
  assert.equal(answer.status, 202);
  assert.equal(answer.headers.get("location"), `/v1/tasks/${task.id}`);
  assert.deepEqual([task.redrive_of, task.tags, task.max_retries, task.state], [id, ["x"], 0, "PENDING"]);
  const again = await problem(await t.post(`/v1/tasks/${id}/retry`), 409, "not-redrivable");
  assert.equal(again.task_id, task.id);
  assert.equal((await (await t.get(`/v1/tasks/${id}`)).json()).state, "REVOKED");
});

Deno.test("POST /v1/tasks/{id}/retry answers a repeated key with the first answer", async () => {
  await using t = await openApp({ start: false });
  const { id } = await (await t.post("/v1/tasks", FAILING)).json();
  await t.queue.revoke(id);
  const key = { "idempotency-key": "again-1" };
  const first = await t.post(`/v1/tasks/${id}/retry`, undefined, key);
  const repeat = await t.post(`/v1/tasks/${id}/retry`, undefined, key);
  assert.equal(repeat.headers.get("idempotent-replayed"), "true");
  assert.deepEqual(await repeat.json(), await first.json());
});

Deno.test("POST /v1/tasks/{id}/retry knows no task that is not there", async () => {
  await using t = await openApp({ start: false });
  await problem(await t.post("/v1/tasks/nonsense/retry"), 404, "malformed-id");
  await problem(await t.post("/v1/tasks/0193d9f0-0000-7000-8000-000000000000/retry"), 404, "task-expired");
});

Deno.test("POST /v1/tasks/retry submits failed tasks anew by filter, a page at a time", async () => {
  await using t = await openApp({ start: false });
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) {
    const { id } = await (await t.post("/v1/tasks", FAILING)).json();
    await t.queue.revoke(id);
    ids.unshift(id);
  }
  const filter = { state: "REVOKED", name: FAILING.name, limit: 2 };
  const dry = await t.post("/v1/tasks/retry", { ...filter, dry_run: true });
  const page = await dry.json();
  assert.equal(dry.status, 200);
  assert.deepEqual([page.dry_run, page.tasks.map(({ id }: Body) => id)], [true, ids.slice(0, 2)]);
  assert.equal((await t.queue.list()).tasks.length, 3);
  const first = await t.post("/v1/tasks/retry", filter);
  const { tasks, next_cursor } = await first.json();
  assert.equal(first.status, 202);
  assert.deepEqual(
    tasks.map(({ id, skipped }: Body) => [id, skipped]),
    ids.slice(0, 2).map((id) => [id, null]),
  );
  const second = await (await t.post("/v1/tasks/retry", { ...filter, cursor: next_cursor })).json();
  assert.deepEqual(second.tasks.map(({ id }: Body) => id), ids.slice(2));
  const none = await t.post("/v1/tasks/retry", filter);
  assert.equal(none.status, 200);
  assert.deepEqual(await none.json(), { dry_run: false, tasks: [], next_cursor: null, looked_at: 3 });
  assert.equal((await t.queue.list()).tasks.length, 6);
});

Deno.test("POST /v1/tasks/retry refuses a malformed filter, and submits nothing", async () => {
  await using t = await openApp({ start: false });
  const wrong = { state: "SUCCESS", limit: 0, created_after: "yesterday", dry_run: "yes", nam: "x" };
  const body = await problem(await t.post("/v1/tasks/retry", wrong), 422, "invalid-request");
  assert.deepEqual(places(body).toSorted(), [
    "body /created_after",
    "body /dry_run",
    "body /limit",
    "body /nam",
    "body /state",
  ]);
  const cursor = await problem(await t.post("/v1/tasks/retry", { cursor: "x" }), 422, "invalid-task");
  assert.deepEqual(places(cursor), ["body /cursor"]);
});

Deno.test("GET /v1/tasks narrows down by tag, time and redrive", async () => {
  await using t = await openApp({ start: false });
  const add = { name: "app.tasks.add", args: [1, 2] };
  const red = await (await t.post("/v1/tasks", { ...add, tags: ["red"] })).json();
  await t.clock.advance(1000);
  const blue = await (await t.post("/v1/tasks", { ...add, tags: ["blue"] })).json();
  const listed = async (query: string) =>
    (await (await t.get(`/v1/tasks?${query}`)).json()).tasks.map(({ id }: Body) => id);
  assert.deepEqual(await listed("tag=red"), [red.id]);
  assert.deepEqual(await listed(`created_before=${blue.created_at}`), [red.id]);
  assert.deepEqual(await listed(`created_after=${blue.created_at}`), [blue.id]);
  assert.deepEqual(await listed(`root_id=${red.id}`), [red.id]);
  await t.queue.revoke(red.id);
  assert.deepEqual(await listed("state=REVOKED&redriven=true"), []);
  assert.deepEqual(await listed("state=REVOKED&redriven=false"), [red.id]);
  assert.deepEqual(places(await problem(await t.get("/v1/tasks?redriven=true"), 422, "invalid-task")), [
    "query /redriven",
  ]);
  const wrong = await problem(await t.get("/v1/tasks?created_after=noon&tags=red"), 422, "invalid-request");
  assert.deepEqual(places(wrong), ["query /created_after", "query /tags"]);
});
