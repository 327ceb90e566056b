import assert from "node:assert/strict";
import { createMetrics } from "../../../routes/mod.ts";
import { type Body, openApp, problem } from "../../support/open_app.ts";

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
