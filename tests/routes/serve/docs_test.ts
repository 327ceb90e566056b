import assert from "node:assert/strict";
import { createMetrics } from "../../../routes/mod.ts";
import { type Body, openApp, problem } from "../../support/open_app.ts";

const ADD = { name: "app.tasks.add", args: [1, 2] };

/** How the page groups the routes. */
const SECTIONS = [
  ...[
    "operation",
    "tasks",
    "stats",
    "keys",
    "definitions",
    "channels",
    "workers",
    "schedules",
    "workflows",
    "audit",
    "api-keys",
  ],
  "demonstration",
];

Deno.test("/openapi.json describes every route, and is made once", async () => {
  await using t = await openApp({ start: false, metrics: createMetrics() });
  const response = await t.get("/openapi.json");
  const document: Body = await response.json();
  assert.equal(document.openapi, "3.1.0");
  assert.deepEqual(Object.keys(document.paths).sort(), [
    "/",
    "/add/{x}/{y}",
    "/health",
    "/health/live",
    "/health/ready",
    "/important",
    "/long-running",
    "/metrics",
    "/process/{task_id}",
    "/producer/api/",
    "/producer/api/sum",
    "/producer/api/sum/{job_id}",
    "/producer/api/wait_and_return",
    "/producer/api/wait_and_return/{job_id}",
    "/result/{task_id}",
    "/retry",
    "/v1/api-keys",
    "/v1/api-keys/{name}",
    "/v1/audit",
    "/v1/channels",
    "/v1/channels/{name}",
    "/v1/channels/{name}/purge",
    "/v1/definitions",
    "/v1/keys",
    "/v1/schedules",
    "/v1/schedules/{id}",
    "/v1/schedules/{id}/next",
    "/v1/schedules/{id}/occurrences",
    "/v1/schedules/{id}/pause",
    "/v1/schedules/{id}/resume",
    "/v1/schedules/{id}/run",
    "/v1/stats",
    "/v1/tasks",
    "/v1/tasks/batch",
    "/v1/tasks/retry",
    "/v1/tasks/{id}",
    "/v1/tasks/{id}/events",
    "/v1/tasks/{id}/explain",
    "/v1/tasks/{id}/keys",
    "/v1/tasks/{id}/retry",
    "/v1/tasks/{id}/revoke",
    "/v1/workers",
    "/v1/workflows",
    "/v1/workflows/{id}",
    "/v1/workflows/{id}/revoke",
    "/{word}",
  ]);
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path as Body));
  assert.deepEqual(new Set(operations.flatMap(({ tags }: Body) => tags)), new Set(SECTIONS));
  const submit = document.paths["/v1/tasks"].post;
  assert.deepEqual(submit.parameters.map((parameter: Body) => parameter.name), ["Idempotency-Key", "Prefer"]);
  assert.equal(
    submit.requestBody.content["application/json"].schema.$ref,
    "#/components/schemas/TaskRequest",
  );
  assert.equal(document.components.schemas.TaskRequest.additionalProperties, false);
  assert.deepEqual(document.components.schemas.TaskRequest.required, ["name"]);
  const change = document.paths["/v1/schedules/{id}"].patch;
  assert.deepEqual(Object.keys(change.requestBody.content), [
    "application/merge-patch+json",
    "application/json",
  ]);
  const etag = response.headers.get("etag")!;
  assert.equal((await t.get("/openapi.json", { "if-none-match": etag })).status, 304);
});

Deno.test("every example of the document is accepted as it stands", async () => {
  await using t = await openApp({ start: false });
  const document: Body = await (await t.get("/openapi.json")).json();
  const made = await t.post("/v1/schedules", { id: "x", task: ADD, trigger: { interval: 60 } });
  const ids: Record<string, string> = { id: (await made.json()).id };
  let tried = 0;
  for (const [path, methods] of Object.entries<Body>(document.paths)) {
    for (const [method, { parameters = [], requestBody }] of Object.entries<Body>(methods)) {
      for (const [type, { example }] of Object.entries<Body>(requestBody?.content ?? {})) {
        assert(example !== undefined, `${method} ${path} has no example`);
        const examples = Object.fromEntries(
          parameters.map((part: Body) => [part.name, part.example ?? ids[part.name]]),
        );
        const schedule = path === "/v1/schedules/{id}" ? await t.get(`/v1/schedules/${ids.id}`) : null;
        const etag = schedule?.headers.get("etag");
        await schedule?.body?.cancel();
        const response = await t.app.request(path.replaceAll(/{(\w+)}/g, (_, name) => examples[name]), {
          method: method.toUpperCase(),
          headers: { "content-type": type, ...etag && { "if-match": etag } },
          body: JSON.stringify(example),
        });
        const text = await response.text();
        assert(response.ok, `${method} ${path}: ${text}`);
        tried++;
      }
    }
  }
  assert(tried >= 10, `${tried}`);
});

Deno.test("links lead from an answer to operations that take its id", async () => {
  await using t = await openApp({ start: false });
  const document: Body = await (await t.get("/openapi.json")).json();
  const operations = Object.values<Body>(document.paths).flatMap((methods) => Object.values<Body>(methods));
  const ids = operations.map(({ operationId }) => operationId);
  assert.equal(new Set(ids).size, ids.length, "each operation has a name of its own");
  const { links } = document.paths["/v1/tasks"].post.responses["202"];
  assert.deepEqual(links.getV1TasksId, {
    operationId: "getV1TasksId",
    parameters: { id: "$response.body#/id" },
  });
  for (const { responses } of operations) {
    for (const response of Object.values<Body>(responses)) {
      for (const { operationId } of Object.values<Body>(response.links ?? {})) {
        assert(ids.includes(operationId));
      }
    }
  }
});

Deno.test("the path of a batch or of a redrive answers POST alone, and is no task's id", async () => {
  await using t = await openApp({ start: false });
  for (const path of ["/v1/tasks/batch", "/v1/tasks/retry"]) {
    const response = await t.get(path);
    assert.equal(response.headers.get("allow"), "POST, OPTIONS");
    await problem(response, 405, "method-not-allowed");
  }
});

Deno.test("a change without a body is refused, where an empty object would be taken", async () => {
  await using t = await openApp({ start: false });
  for (const [method, path] of [["PATCH", "/v1/channels/celery"], ["POST", "/v1/tasks/retry"]] as const) {
    await problem(await t.app.request(path, { method }), 400, "bad-json");
    const headers = { "content-length": "0", "content-type": "application/json" };
    await problem(await t.app.request(path, { method, headers }), 400, "bad-json");
  }
});

Deno.test("/openapi.json says when a token is needed", async () => {
  const apiToken = "a-token-of-16-char";
  await using t = await openApp({ start: false, apiToken });
  const document = await (await t.get("/openapi.json", { authorization: `Bearer ${apiToken}` })).json();
  assert.deepEqual(document.security, [{ token: [] }]);
  assert.deepEqual(document.components.securitySchemes.token, { type: "http", scheme: "bearer" });
});

Deno.test("/docs and all its files come from the program itself, under a strict policy", async () => {
  await using t = await openApp({ start: false });
  const page = await t.get("/docs");
  assert.match(page.headers.get("content-security-policy")!, /^default-src 'none'; script-src 'self'; /);
  const html = await page.text();
  assert.doesNotMatch(html, /https?:/);
  const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file!);
  assert.equal(files.length, 4);
  const { readFile } = Deno;
  Deno.readFile = () => Promise.reject(new Error("too many open files"));
  try {
    await problem(await t.get("/docs/swagger-ui.css"), 500, "internal-error");
  } finally {
    Deno.readFile = readFile;
  }
  for (const file of files) {
    const response = await t.get(`/${file}`);
    assert.equal(response.status, 200, file);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    assert.ok((await response.arrayBuffer()).byteLength > 50);
    const etag = response.headers.get("etag")!;
    assert.equal((await t.get(`/${file}`, { "if-none-match": etag })).status, 304);
  }
});
