import assert from "node:assert/strict";
import { type Queue, StoppedError } from "../../../queue/mod.ts";
import { createApp } from "../../../routes/mod.ts";
import { openApp } from "../../support/open_app.ts";

const ADD = { name: "app.tasks.add", args: [1, 2] };

/** The answer to a request that waits while the clock is moved on by so many milliseconds. */
async function answered(
  t: Awaited<ReturnType<typeof openApp>>,
  milliseconds: number,
  pending: Response | Promise<Response>,
): Promise<Response> {
  await t.clock.advance(milliseconds);
  return await pending;
}

Deno.test("Prefer: wait answers 200 with the result once the task has ended", async () => {
  await using t = await openApp();
  const response = await answered(t, 20_000, t.post("/v1/tasks", ADD, { prefer: "respond-async, wait=25" }));
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("preference-applied"), "wait=25");
  const task = await response.json();
  assert.equal(task.state, "SUCCESS");
  assert.equal(task.result, 3);
  assert.equal(response.headers.get("location"), `/v1/tasks/${task.id}`);
});

Deno.test("Prefer: wait answers 202 when the time is over first", async () => {
  await using t = await openApp();
  const response = await answered(t, 10_000, t.post("/v1/tasks", ADD, { prefer: "wait=10" }));
  assert.equal(response.status, 202);
  assert.equal((await response.json()).state, "STARTED");
  await t.clock.advance(10_000);
});

Deno.test("Prefer: wait is cut to 30 s, and says so", async () => {
  await using t = await openApp();
  const response = await answered(
    t,
    30_000,
    t.post("/v1/tasks", { ...ADD, delay: 100 }, { prefer: "wait=3600" }),
  );
  assert.equal(response.status, 202);
  assert.equal(response.headers.get("preference-applied"), "wait=30");
  await response.body?.cancel();
});

Deno.test("GET /v1/tasks/{id} waits too", async () => {
  await using t = await openApp();
  const { id } = await (await t.post("/v1/tasks", ADD)).json();
  const response = await answered(t, 20_000, t.get(`/v1/tasks/${id}`, { prefer: "Wait=30" }));
  assert.equal(response.status, 200);
  assert.equal((await response.json()).result, 3);
});

Deno.test("a malformed preference is ignored", async () => {
  await using t = await openApp({ start: false });
  for (const prefer of ["wait", "wait=-1", "wait=soon", "waiting=5", "return=minimal"]) {
    const response = await t.post("/v1/tasks", ADD, { prefer });
    assert.equal(response.status, 202);
    assert.equal(response.headers.get("preference-applied"), null);
    await response.body?.cancel();
  }
});

Deno.test("a task that is stored is accepted even when nobody can wait for it", async () => {
  await using t = await openApp({ start: false });
  const queue = {
    submitAll: t.queue.submitAll.bind(t.queue),
    wait: () => Promise.reject(new StoppedError("stopping")),
    definitions: () => [],
  };
  const response = await createApp({ queue: queue as unknown as Queue }).request("/v1/tasks", {
    method: "POST",
    headers: { "content-type": "application/json", prefer: "wait=5" },
    body: JSON.stringify(ADD),
  });
  assert.equal(response.status, 202);
  assert.equal(response.headers.get("preference-applied"), null);
  assert.equal((await response.json()).state, "PENDING");
});

Deno.test("a client that goes away while it waits is not an internal error", async () => {
  const failures: unknown[] = [];
  const log = { access: () => {}, failure: (error: unknown) => failures.push(error) };
  await using t = await openApp({ log, start: false });
  const { id } = await (await t.post("/v1/tasks", ADD)).json();
  const gone = new AbortController();
  const pending = t.app.request(`/v1/tasks/${id}`, { headers: { prefer: "wait=30" }, signal: gone.signal });
  await t.clock.settle();
  gone.abort();
  assert.equal((await pending).status, 499);
  assert.deepEqual(failures, []);
});
