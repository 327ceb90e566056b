import assert from "node:assert/strict";
import { Hono } from "hono";
import { type AccessRecord, createApp, createUnreadyApp } from "../../../routes/mod.ts";
import { nothingStored, openApp, problem } from "../../support/open_app.ts";

Deno.test("every answer has a request id; a client's own is taken over when it looks like one", async () => {
  await using t = await openApp({ start: false });
  const ids = new Set<string>();
  for (const path of ["/", "/add/1/2", "/add/x/2", "/nope.html", "/health", "/openapi.json", "/docs"]) {
    const response = await t.get(path);
    await response.body?.cancel();
    ids.add(response.headers.get("x-request-id")!);
  }
  assert.equal(ids.size, 7);
  const own = await t.get("/nope.html", { "x-request-id": "proxy-17.a:b" });
  assert.equal((await problem(own, 404, "unknown-route")).request_id, "proxy-17.a:b");
  for (const id of ["", "a b", '"', "x".repeat(129)]) {
    assert.notEqual((await t.get("/", { "x-request-id": id })).headers.get("x-request-id"), id);
  }
});

Deno.test("the access log has one record a request, whatever the answer", async () => {
  const records: AccessRecord[] = [];
  await using t = await openApp({
    start: false,
    log: { access: (record) => records.push(record), failure: () => {} },
  });
  await t.get("/add/1/2");
  await t.get("/nope.html?secret=1");
  await t.post("/v1/tasks", "{");
  await t.app.request("/retry", { method: "HEAD" });
  assert.deepEqual(records.map(({ method, path, status }) => `${method} ${path} ${status}`), [
    "GET /add/1/2 200",
    "GET /nope.html 404",
    "POST /v1/tasks 400",
    "HEAD /retry 405",
  ]);
  assert.ok(records.every(({ duration, requestId }) => duration >= 0 && requestId.length > 0));
});

for (const [what, fail] of Object.entries({ throws: failNow, rejects: failSoon })) {
  Deno.test(`no request fails because of a log that ${what}`, async () => {
    await using t = await openApp({ log: { access: fail, failure: fail }, tickToken: "a-token-of-16-char" });
    const paths = ["/v1/tasks", "/nope.html", "/health", "/metrics"];
    const statuses = await Promise.all(paths.map(async (path) => (await t.get(path)).status));
    assert.deepEqual(statuses, [200, 404, 200, 404]);
    const accepted = await t.post("/v1/tasks", { name: "echo", args: ["x"] });
    assert.equal(accepted.status, 202);
    const { id } = await accepted.json();
    assert.equal((await t.ended({ id })).state, "SUCCESS");
    // An error of the server, which is told to `failure` as well.
    const broken = createApp({
      queue: { ...t.queue, stats: () => Promise.reject(new Error("the server's own")) },
      log: { access: fail, failure: fail },
    });
    await problem(await broken.request("/v1/stats"), 500, "internal-error");
    const unready = createUnreadyApp(["Set it up."], { access: fail, failure: fail });
    await problem(await unready.request("/v1/tasks"), 503, "not-set-up");
  });
}

function failNow(): void {
  throw new Error("the log's own");
}

function failSoon(): Promise<void> {
  return Promise.reject(new Error("the log's own"));
}

Deno.test("a token is asked for by everything but the health checks and the documentation", async () => {
  await using t = await openApp({ start: false, apiToken: "a-token-of-16-char" });
  for (const path of ["/", "/add/1/2", "/v1/tasks", "/v1/channels", "/nope.html"]) {
    const response = await t.get(path);
    assert.equal(response.headers.get("www-authenticate"), 'Bearer realm="sluice"');
    await problem(response, 401, "unauthorized");
  }
  for (
    const authorization of ["Bearer", "Bearer wrong", "Basic a-token-of-16-char", "a-token-of-16-char", ""]
  ) {
    const answer = await problem(await t.get("/add/1/2", { authorization }), 401, "unauthorized");
    assert.doesNotMatch(JSON.stringify(answer), /a-token/);
  }
  await problem(await t.app.request("/retry", { method: "POST" }), 401, "unauthorized");
  await nothingStored(t.queue);
  for (
    const path of ["/health", "/health/live", "/health/ready", "/openapi.json", "/docs", "/docs/start.js"]
  ) {
    const response = await t.get(path);
    assert.notEqual(response.status, 401);
    await response.body?.cancel();
  }
  for (const authorization of ["Bearer a-token-of-16-char", "bearer  a-token-of-16-char"]) {
    assert.equal((await t.get("/add/1/2", { authorization })).status, 200);
  }
});

Deno.test("the app can be mounted in another app", async () => {
  await using t = await openApp({ start: false });
  const shop = new Hono();
  shop.get("/", (c) => c.text("my shop"));
  shop.route("/", createApp({ queue: t.queue, demo: false, apiToken: "a-token-of-16-char" }));
  assert.equal(await (await shop.request("/")).text(), "my shop");
  await problem(await shop.request("/v1/tasks"), 401, "unauthorized");
  assert.equal((await shop.request("/health/live")).status, 200);
  const authorization = { authorization: "Bearer a-token-of-16-char" };
  const response = await shop.request("/v1/tasks", { headers: authorization });
  assert.equal(response.status, 200);
  assert.ok(response.headers.get("x-request-id"));
  await problem(await shop.request("/v1/tasks/x", { headers: authorization }), 404, "malformed-id");
  await problem(
    await shop.request("/v1/tasks", { method: "DELETE", headers: authorization }),
    405,
    "method-not-allowed",
  );
});

Deno.test("a host app may have read the body before", async () => {
  await using t = await openApp({ start: false });
  const shop = new Hono();
  shop.use(async (c, next) => {
    await c.req.text();
    await next();
  });
  shop.route("/", createApp({ queue: t.queue }));
  const post = (body: string, headers: Record<string, string> = {}) =>
    shop.request("/v1/tasks", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });
  const body = '{"name":"app.tasks.add","args":[1,2]}';
  assert.equal((await post(body)).status, 202);
  assert.equal((await post(body, { "content-length": `${body.length}` })).status, 202);
  await problem(await post('{"name":'), 400, "bad-json");
  await problem(await post(body, { "content-length": "1048577" }), 413, "too-large");
});

Deno.test("under a prefix, links and places carry it", async () => {
  await using t = await openApp({ start: false });
  const shop = new Hono().route("/work", createApp({ queue: t.queue }));
  const submit = () =>
    shop.request("/work/v1/tasks", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"name":"app.tasks.add","args":[1,2]}',
    });
  await submit();
  const response = await submit();
  const { id } = await response.json();
  assert.equal(response.headers.get("location"), `/work/v1/tasks/${id}`);
  const page = await shop.request("/work/v1/tasks?limit=1");
  assert.match(page.headers.get("link")!, /^<\/work\/v1\/tasks\?/);
});

for (const prefix of ["/work", "/:tenant"]) {
  Deno.test(`under the prefix ${prefix}, the place of whatever is submitted carries it`, async () => {
    await using t = await openApp({ start: false });
    const shop = new Hono().route(prefix, createApp({ queue: t.queue }));
    async function post(path: string, body?: unknown) {
      const response = await shop.request(`/work${path}`, {
        method: "POST",
        ...body !== undefined && { body: JSON.stringify(body) },
        headers: { ...body !== undefined && { "content-type": "application/json" } },
      });
      const { id } = await response.json();
      return { id, place: response.headers.get("location") };
    }
    const task = { name: "app.tasks.add", args: [1, 2] };
    const submitted = await post("/v1/tasks", task);
    assert.equal(submitted.place, `/work/v1/tasks/${submitted.id}`);
    const workflow = await post("/v1/workflows", { chain: [task] });
    assert.equal(workflow.place, `/work/v1/workflows/${workflow.id}`);
    await t.queue.revoke(submitted.id);
    const redriven = await post(`/v1/tasks/${submitted.id}/retry`);
    assert.equal(redriven.place, `/work/v1/tasks/${redriven.id}`);
    // An id can look like a version of the API.
    const schedule = await post("/v1/schedules", { id: "v1", task, trigger: { interval: 60 } });
    assert.equal(schedule.place, "/work/v1/schedules/v1");
    const run = await post("/v1/schedules/v1/run");
    assert.equal(run.place, `/work/v1/tasks/${run.id}`);
  });
}
