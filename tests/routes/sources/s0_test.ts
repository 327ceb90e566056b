import assert from "node:assert/strict";
import { nothingStored, openApp, places, problem } from "../../support/open_app.ts";

const SUBMITS: [path: string, name: string, args: number[], status: string][] = [
  ["/add/5/10", "app.tasks.add", [5, 10], "Task submitted"],
  ["/add/-5/0", "app.tasks.add", [-5, 0], "Task submitted"],
  ["/retry", "app.tasks.failing_task", [], "Retry task submitted"],
  ["/important", "app.tasks.important_task", [], "Important task submitted"],
  ["/long-running", "app.tasks.long_running_task", [], "Long-running task submitted"],
];

for (const [path, name, args, status] of SUBMITS) {
  Deno.test(`${path} submits ${name}, by GET and by POST`, async () => {
    await using t = await openApp({ start: false });
    for (const method of ["GET", "POST"]) {
      const response = await t.app.request(path, { method });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("cache-control"), "no-store");
      const body = await response.json();
      assert.deepEqual(body, { task_id: body.task_id, status });
      const task = await t.queue.get(body.task_id);
      assert.deepEqual([task.name, task.args], [name, args]);
    }
    assert.equal((await t.queue.list()).tasks.length, 2);
  });

  Deno.test(`${path} submits nothing on HEAD, OPTIONS and other methods`, async () => {
    await using t = await openApp({ start: false });
    const head = await t.app.request(path, { method: "HEAD" });
    assert.equal(head.status, 405);
    assert.equal(head.headers.get("allow"), "GET, POST, OPTIONS");
    assert.equal(await head.text(), "");
    const options = await t.app.request(path, { method: "OPTIONS" });
    assert.equal(options.status, 204);
    assert.equal(options.headers.get("allow"), "GET, POST, OPTIONS");
    await problem(await t.app.request(path, { method: "PUT" }), 405, "method-not-allowed");
    await nothingStored(t.queue);
  });
}

Deno.test("/add refuses arguments that are no integers", async () => {
  await using t = await openApp({ start: false });
  const cases: [string, string[]][] = [
    ["/add/a/1", ["path /x"]],
    ["/add/1/1.5", ["path /y"]],
    ["/add/a/b", ["path /x", "path /y"]],
    ["/add/1/1e3", ["path /y"]],
    ["/add/%20/1", ["path /x"]],
    ["/add/9007199254740993/1", ["path /x"]],
    ["/add/0x10/1", ["path /x"]],
  ];
  for (const [path, faults] of cases) {
    for (const method of ["GET", "POST"]) {
      const answer = await problem(await t.app.request(path, { method }), 422, "invalid-request");
      assert.deepEqual(places(answer), faults);
    }
  }
  for (const path of ["/add/1", "/add/1/2/3", "/add//2"]) {
    await problem(await t.get(path), 404, "unknown-route");
  }
  await nothingStored(t.queue);
});

Deno.test("/result tells a task that works, that is done, and that failed", async () => {
  await using t = await openApp();
  const { task_id } = await (await t.get("/add/5/10")).json();
  const result = async (id: string) => await (await t.get(`/result/${id}`)).json();
  assert.deepEqual(await result(task_id), { task_id, status: "Task is still processing" });
  await t.clock.advance(20_000);
  assert.deepEqual(await result(task_id), { task_id, result: 15 });

  const { task_id: revoked } = await (await t.get("/long-running")).json();
  await t.queue.revoke(revoked);
  const { error, ...rest } = await result(revoked);
  assert.deepEqual(rest, { task_id: revoked });
  assert.match(error, /^\w+: ./);
});

Deno.test("/ is JSON for programs and a page for browsers", async () => {
  await using t = await openApp({ start: false });
  for (const accept of [undefined, "*/*", "application/json", "text/html;q=0.5, application/json"]) {
    const response = await t.get("/", accept === undefined ? {} : { accept });
    assert.deepEqual(await response.json(), { message: "Hono + Deno KV !" });
    assert.equal(response.headers.get("vary"), "Accept");
  }
  const page = await t.get("/", { accept: "text/html,application/xhtml+xml,*/*;q=0.8" });
  assert.match(page.headers.get("content-type")!, /^text\/html/);
  assert.match(page.headers.get("content-security-policy")!, /default-src 'none'/);
  assert.match(await page.text(), /<h1>Sluice<\/h1>/);
  assert.equal((await t.app.request("/", { method: "HEAD" })).status, 200);
  await nothingStored(t.queue);
});

Deno.test("demo: false leaves the demonstration routes out", async () => {
  await using t = await openApp({ start: false, demo: false });
  for (const path of ["/", "/add/1/2", "/retry", "/important", "/long-running", "/result/x"]) {
    await problem(await t.get(path), 404, "unknown-route");
  }
  assert.equal((await t.get("/health/live")).status, 200);
  await nothingStored(t.queue);
});
