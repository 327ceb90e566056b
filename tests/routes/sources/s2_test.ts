import assert from "node:assert/strict";
import { task } from "../../support/held_task.ts";
import { openApp, problem, problemsOfIds } from "../../support/open_app.ts";

const WORDS = [
  "hello",
  "a",
  "snake_case",
  "kebab-case",
  "42",
  "Größe",
  "Привет",
  "単語",
  "नमस्ते",
  "constructor",
  "x".repeat(200),
];

for (const word of WORDS) {
  Deno.test(`/${word.slice(0, 20)} submits test_celery, by GET and by POST`, async () => {
    await using t = await openApp({ start: false });
    for (const method of ["GET", "POST"]) {
      const response = await t.app.request(`/${encodeURIComponent(word)}`, { method });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("cache-control"), "no-store");
      const body = await response.json();
      assert.deepEqual(Object.keys(body), ["process_id"]);
      const task = await t.queue.get(body.process_id);
      assert.deepEqual([task.name, task.args, task.channel], ["test_celery", [word], "test-queue"]);
    }
  });
}

const NO_WORDS = [
  ...["favicon.ico", "robots.txt", "a.b", "a%20b", "a%2Fb", "%F0%9F%92%A7", "%E0%A4%A", "a+b", "a,b"],
  ...["dashboard", "load-test", "v1", "producer", "process", "result", "add", "wp-login.php"],
  ...["healthz", "livez", "readyz"],
  "x".repeat(201),
];

Deno.test("a path that is no word, or a reserved one, is an unknown route and submits nothing with any method", async () => {
  await using t = await openApp({ start: false });
  for (const path of NO_WORDS) {
    for (const method of ["GET", "POST", "OPTIONS", "PUT"]) {
      const response = await t.app.request(`/${path}`, { method });
      assert.equal(response.status, 404, `${method} /${path}`);
      await problem(response, 404, "unknown-route");
    }
    assert.equal((await t.app.request(`/${path}`, { method: "HEAD" })).status, 404);
  }
  for (const path of ["/two/words", "/word/", "//", "//word"]) {
    await problem(await t.get(path), 404, "unknown-route");
  }
  assert.deepEqual((await t.queue.list()).tasks, []);
});

Deno.test("the names of other routes submit no word with any method", async () => {
  await using t = await openApp({ start: false });
  for (
    const path of ["/docs", "/openapi.json", "/health", "/metrics", "/retry", "/important", "/long-running"]
  ) {
    for (const method of ["GET", "POST", "PUT", "HEAD"]) {
      await (await t.app.request(path, { method })).body?.cancel();
    }
  }
  assert.deepEqual((await t.queue.list({ name: "test_celery" })).tasks, []);
});

Deno.test("HEAD, OPTIONS and other methods submit no word", async () => {
  await using t = await openApp({ start: false });
  const head = await t.app.request("/word", { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("allow")], [405, "GET, POST, OPTIONS"]);
  const options = await t.app.request("/word", { method: "OPTIONS" });
  assert.deepEqual([options.status, options.headers.get("allow")], [204, "GET, POST, OPTIONS"]);
  await problem(await t.app.request("/word", { method: "DELETE" }), 405, "method-not-allowed");
  assert.deepEqual((await t.queue.list()).tasks, []);
});

Deno.test("/process follows a word from PENDING over PROGRESS to its result", async () => {
  await using t = await openApp();
  const read = async (id: string) => await (await t.get(`/process/${id}`)).json();
  const { process_id: id } = await (await t.get("/word")).json();
  await t.clock.settle();
  assert.deepEqual(await read(id), { id, status: "STARTED", error: null, result: null });
  await t.clock.advance(3000);
  assert.deepEqual(await read(id), {
    id,
    status: "PROGRESS",
    error: null,
    result: null,
    progress: { process_percent: 30 },
  });
  const { process_id: next } = await (await t.get("/next")).json();
  await t.clock.settle();
  assert.equal((await read(next)).status, "PENDING", "the channel has one slot");
  await t.clock.advance(7000);
  assert.deepEqual(await read(id), { id, status: "SUCCESS", error: null, result: "test task return word" });
  await t.queue.revoke(next);
  const revoked = await read(next);
  assert.deepEqual([revoked.status, revoked.result], ["REVOKED", null]);
  assert.match(revoked.error, /^TaskRevokedError: ./);
});

Deno.test("/process tells why a task runs again, and why it failed", async () => {
  const handler = () => Promise.reject(new RangeError("no"));
  const flaky = task("flaky", handler, { maxRetries: 1, retry: { delay: 1, factor: 1 } });
  await using t = await openApp({ definitions: [flaky], channels: { default: 1 } });
  const { id } = await t.queue.submit(flaky, []);
  await t.clock.settle();
  for (const status of ["RETRY", "FAILURE"]) {
    const answer = await (await t.get(`/process/${id}`)).json();
    assert.deepEqual(answer, { id, status, error: "RangeError: no", result: null });
    await t.clock.advance(1000);
  }
});

Deno.test("/process of an id that no task has is 404, never PENDING", async () => {
  await using t = await openApp({ start: false });
  await problemsOfIds((id) => t.get(`/process/${id}`));
});

Deno.test("demo: false leaves the words and the producer out", async () => {
  await using t = await openApp({ start: false, demo: false });
  for (const path of ["/word", "/process/x", "/producer/api/", "/producer/api/wait_and_return"]) {
    await problem(await t.get(path), 404, "unknown-route");
    await problem(await t.post(path), 404, "unknown-route");
  }
});
