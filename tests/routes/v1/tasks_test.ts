import assert from "node:assert/strict";
import { type Body, openApp, problem } from "../../support/open_app.ts";

const ADD = { name: "app.tasks.add", args: [1, 2] };

/** Submits a task and lets it run for a second. @returns its id */
async function started(t: Awaited<ReturnType<typeof openApp>>): Promise<string> {
  const { id } = await (await t.post("/v1/tasks", ADD)).json();
  await t.clock.advance(1000);
  return id;
}

Deno.test("GET /v1/tasks/{id} answers 304 while nothing has changed", async () => {
  await using t = await openApp({ start: false });
  const { id } = await (await t.post("/v1/tasks", ADD)).json();
  const first = await t.get(`/v1/tasks/${id}`);
  const etag = first.headers.get("etag")!;
  assert.match(etag, /^"[\w-]+"$/);
  await first.body?.cancel();
  for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
    const again = await t.get(`/v1/tasks/${id}`, { "if-none-match": tag });
    assert.equal(again.status, 304);
    assert.equal(again.headers.get("etag"), etag);
    assert.equal(await again.text(), "");
  }
  await t.queue.revoke(id);
  const changed = await t.get(`/v1/tasks/${id}`, { "if-none-match": etag });
  assert.equal(changed.status, 200);
  assert.equal((await changed.json()).state, "REVOKED");
});

Deno.test("GET /v1/tasks/{id} shows a run from start to end", async () => {
  await using t = await openApp();
  const id = await started(t);
  const running = await (await t.get(`/v1/tasks/${id}`)).json();
  assert.equal(running.state, "STARTED");
  assert.equal(running.started_at, "2026-01-05T09:00:00.000Z");
  assert.ok(running.worker);
  await t.clock.advance(20_000);
  const ended = await (await t.get(`/v1/tasks/${id}`)).json();
  assert.deepEqual([ended.state, ended.result], ["SUCCESS", 3]);
  assert.match(ended.date_done, /^2026-01-05T09:00:20\.\d{3}Z$/);
});

Deno.test("GET /v1/tasks pages through all tasks, newest first", async () => {
  await using t = await openApp({ start: false });
  const tasks = Array.from({ length: 5 }, (_, i) => ({ ...ADD, args: [i, i] }));
  await (await t.post("/v1/tasks/batch", { tasks })).body?.cancel();
  const seen: number[] = [];
  const looked: number[] = [];
  let path: string | undefined = "/v1/tasks?limit=2&name=app.tasks.add";
  while (path) {
    const response: Response = await t.get(path);
    const page: Body = await response.json();
    seen.push(...page.tasks.map((task: Body) => task.args[0]));
    looked.push(page.looked_at);
    path = /^<(.+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
    assert.equal(path === undefined, page.next_cursor === null);
    if (path) assert.equal(new URL(path, "http://localhost").searchParams.get("cursor"), page.next_cursor);
  }
  assert.deepEqual(seen, [4, 3, 2, 1, 0]);
  assert.deepEqual(looked, [2, 2, 1]);
});

Deno.test("GET /v1/tasks narrows down by state, name and channel", async () => {
  await using t = await openApp({ start: false });
  const add = await (await t.post("/v1/tasks", ADD)).json();
  const important = await (await t.post("/v1/tasks", { name: "app.tasks.important_task" })).json();
  await t.queue.revoke(add.id);
  const ids = async (query: string) =>
    (await (await t.get(`/v1/tasks?${query}`)).json()).tasks.map((task: Body) => task.id);
  assert.deepEqual(await ids("state=REVOKED"), [add.id]);
  assert.deepEqual(await ids("state=PENDING"), [important.id]);
  assert.deepEqual(await ids("name=app.tasks.important_task"), [important.id]);
  assert.deepEqual(await ids("channel=celery"), [add.id]);
  assert.deepEqual(await ids("state=SUCCESS"), []);
});

Deno.test("POST /v1/tasks/{id}/revoke ends a waiting task, once", async () => {
  await using t = await openApp({ start: false });
  const { id } = await (await t.post("/v1/tasks", { ...ADD, delay: 60 })).json();
  const response = await t.post(`/v1/tasks/${id}/revoke`);
  assert.equal(response.status, 200);
  assert.equal((await response.json()).state, "REVOKED");
  const again = await problem(await t.post(`/v1/tasks/${id}/revoke`), 409, "task-final");
  assert.match(again.detail, /REVOKED/);
  const unknown = await t.post("/v1/tasks/0192f0c0-0000-7000-8000-000000000000/revoke");
  assert.equal(unknown.status, 404);
  await unknown.body?.cancel();
});

Deno.test("POST /v1/tasks/{id}/revoke ends a task that runs here at once", async () => {
  await using t = await openApp();
  const id = await started(t);
  const response = await t.post(`/v1/tasks/${id}/revoke`);
  assert.equal(response.status, 200);
  assert.equal((await response.json()).state, "REVOKED");
});

Deno.test("POST /v1/tasks/{id}/revoke answers 202 while another process aborts the run", async () => {
  await using worker = await openApp();
  const id = await started(worker);
  await using t = await openApp({ store: worker.store, clock: worker.clock, channels: {} });
  const response = await t.post(`/v1/tasks/${id}/revoke`);
  assert.equal(response.status, 202);
  assert.equal((await response.json()).state, "STARTED");
  assert.equal((await worker.ended({ id })).state, "REVOKED");
});
