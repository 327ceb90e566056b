/** Requests that a stranger's page makes in somebody's browser. */
import assert from "node:assert/strict";
import { nothingStored, openApp, problem } from "../../support/open_app.ts";

const TASK = { name: "app.tasks.add", args: [1, 2] };
const TOKEN = "a-token-of-16-char";
const LOCAL = { host: "127.0.0.1:8000" };

const SUBMITS = [
  "/add/1/2",
  "/retry",
  "/important",
  "/long-running",
  "/hello",
  "/producer/api/wait_and_return",
];

const FOREIGN: Record<string, Record<string, string>> = {
  "a cross-site request": { "sec-fetch-site": "cross-site", origin: "https://evil.example" },
  "a cross-site navigation": {
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
  },
  "a request of a sibling site": { "sec-fetch-site": "same-site" },
  "another origin over plain HTTP": { origin: "http://evil.example" },
  "another port over plain HTTP": { origin: "http://127.0.0.1:9000" },
  "a page without an origin": { origin: "null" },
};

for (const [what, headers] of Object.entries(FOREIGN)) {
  Deno.test(`${what} submits and changes nothing where no token is set`, async () => {
    await using t = await openApp({ start: false });
    for (const path of SUBMITS) {
      await problem(await t.get(path, { ...LOCAL, ...headers }), 403, "foreign-origin");
      await problem(await t.post(path, undefined, { ...LOCAL, ...headers }), 403, "foreign-origin");
    }
    await problem(await t.post("/v1/tasks", TASK, { ...LOCAL, ...headers }), 403, "foreign-origin");
    const before = await t.queue.channels();
    const response = await t.app.request("/v1/channels/celery", {
      method: "PATCH",
      headers: { ...LOCAL, ...headers, "content-type": "application/json" },
      body: '{"paused":true}',
    });
    await problem(response, 403, "foreign-origin");
    assert.deepEqual(await t.queue.channels(), before);
    await nothingStored(t.queue);
    // Reading is safe: the browser keeps the answer from the page.
    for (const path of ["/v1/tasks", "/health", "/docs"]) {
      const answer = await t.get(path, { ...LOCAL, ...headers });
      assert.notEqual(answer.status, 403, path);
      assert.equal(answer.headers.get("access-control-allow-origin"), null);
      await answer.body?.cancel();
    }
  });
}

Deno.test("the own pages, the address bar and programs that are no browsers submit", async () => {
  await using t = await openApp({ start: false });
  for (
    const headers of [
      {},
      { "sec-fetch-site": "same-origin" },
      { "sec-fetch-site": "none" },
      { origin: "http://127.0.0.1:8000" },
    ] as Record<string, string>[]
  ) {
    assert.equal((await t.post("/v1/tasks", TASK, { ...LOCAL, ...headers })).status, 202);
    assert.equal((await t.get("/add/1/2", { ...LOCAL, ...headers })).status, 200);
  }
});

Deno.test("a name that is not this server's is refused where no token is set, but for health checks", async () => {
  await using t = await openApp({ start: false, allowedHosts: ["sluice.example"] });
  for (
    const host of [
      "evil.example",
      "evil.example:8000",
      "127.0.0.1.evil.example",
      "localhost.evil.example",
      "x",
    ]
  ) {
    for (const path of ["/v1/tasks", "/", "/add/1/2", "/nothing.html"]) {
      const refused = await problem(await t.get(path, { host }), 421, "unknown-host");
      assert.match(refused.detail, /a name of ALLOWED_HOSTS/);
    }
    assert.equal((await t.get("/health/live", { host })).status, 200);
  }
  for (
    const host of [
      "127.0.0.1:8000",
      "[::1]:8000",
      "localhost",
      "app.localhost:1",
      "10.0.0.7",
      "SLUICE.example:8000",
    ]
  ) {
    assert.equal((await t.get("/v1/tasks", { host })).status, 200, host);
  }
});

Deno.test("with a token no stranger's page has it, and any name and origin may ask", async () => {
  await using t = await openApp({ start: false, apiToken: TOKEN, allowedHosts: [] });
  const headers = { authorization: `Bearer ${TOKEN}`, host: "any.example", "sec-fetch-site": "cross-site" };
  assert.equal((await t.post("/v1/tasks", TASK, headers)).status, 202);
  await problem(await t.post("/v1/tasks", TASK, { "sec-fetch-site": "cross-site" }), 401, "unauthorized");
});

Deno.test("pages of the listed origins call /v1 with a token; no other origin, and no other route", async () => {
  const corsOrigins = ["https://shop.example"];
  await using t = await openApp({ start: false, apiToken: TOKEN, corsOrigins });
  const allowed = (response: Response) => response.headers.get("access-control-allow-origin");
  const preflight = (path: string, origin: string) =>
    t.app.request(path, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
      },
    });
  const asked = await preflight("/v1/tasks", "https://shop.example");
  assert.deepEqual([asked.status, allowed(asked)], [204, "https://shop.example"]);
  assert.match(asked.headers.get("access-control-allow-headers")!, /authorization/);
  assert.equal(asked.headers.get("access-control-allow-credentials"), null);
  for (const origin of ["https://shop.example.evil", "http://shop.example", "null", "https://evil.example"]) {
    assert.equal(allowed(await preflight("/v1/tasks", origin)), null, origin);
  }
  assert.equal(allowed(await preflight("/add/1/2", "https://shop.example")), null);
  const headers = { authorization: `Bearer ${TOKEN}`, origin: "https://shop.example" };
  const response = await t.post("/v1/tasks", TASK, headers);
  assert.deepEqual([response.status, allowed(response)], [202, "https://shop.example"]);
  assert.match(response.headers.get("access-control-expose-headers")!, /location/i);
  // A refusal is readable too, so that the page can tell why.
  const refused = await t.get("/v1/tasks", { origin: "https://shop.example" });
  assert.equal(allowed(refused), "https://shop.example");
  await problem(refused, 401, "unauthorized");
});
