/**
 * The OpenAPI document: what the routes say of themselves, completed by what only the whole app knows: names of operations,
 * links from one to the next, the names of its tasks, and examples that work as they stand.
 *
 * @module
 */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Queue } from "../../queue/mod.ts";
import type { Env } from "../env.ts";

const DESCRIPTION = {
  openapi: "3.1.0",
  info: {
    title: "Sluice",
    version: "1",
    description:
      "Background work for the web. Errors are RFC 9457 problem details; every answer has an x-request-id.",
  },
};

/** A part of the document. */
// deno-lint-ignore no-explicit-any -- OpenAPI objects, whose forms the document's test checks
type Part = any;

/** Operations by the field of an answer that leads to them, and their parameter. */
const LINKS: Readonly<
  Record<string, readonly (readonly [target: string, parameter: string, field: string])[]>
> = {
  "POST /v1/tasks": [
    ["GET /v1/tasks/{id}", "id", "id"],
    ["GET /v1/tasks/{id}/explain", "id", "id"],
    ["GET /v1/tasks/{id}/keys", "id", "id"],
    ["POST /v1/tasks/{id}/revoke", "id", "id"],
  ],
  "POST /v1/tasks/{id}/revoke": [["POST /v1/tasks/{id}/retry", "id", "id"]],
  "POST /v1/tasks/{id}/retry": [["GET /v1/tasks/{id}", "id", "id"]],
  "POST /v1/schedules": [
    ["GET /v1/schedules/{id}", "id", "id"],
    ["GET /v1/schedules/{id}/next", "id", "id"],
    ["GET /v1/schedules/{id}/occurrences", "id", "id"],
    ["POST /v1/schedules/{id}/pause", "id", "id"],
    ["POST /v1/schedules/{id}/resume", "id", "id"],
    ["POST /v1/schedules/{id}/run", "id", "id"],
    ["DELETE /v1/schedules/{id}", "id", "id"],
  ],
  "POST /v1/schedules/{id}/run": [["GET /v1/tasks/{id}", "id", "id"]],
  "POST /v1/workflows": [
    ["GET /v1/workflows/{id}", "id", "id"],
    ["POST /v1/workflows/{id}/revoke", "id", "id"],
  ],
  "POST /v1/api-keys": [["DELETE /v1/api-keys/{name}", "name", "name"]],
  "GET /add/{x}/{y}": [["GET /result/{task_id}", "task_id", "task_id"]],
  "POST /producer/api/sum": [["GET /producer/api/sum/{job_id}", "job_id", "job_id"]],
};

/** Makes the document of the routes that the app has by now. @param secured whether a token is asked for */
export function describe(app: OpenAPIHono<Env>, queue: Queue, secured: boolean): unknown {
  if (secured) {
    app.openAPIRegistry.registerComponent("securitySchemes", "token", { type: "http", scheme: "bearer" });
  }
  const document: Part = app.getOpenAPI31Document({
    ...DESCRIPTION,
    ...secured && { security: [{ token: [] }] },
  });
  const operations = new Map<string, Part>();
  for (const [path, methods] of Object.entries<Part>(document.paths ?? {})) {
    for (const [method, operation] of Object.entries<Part>(methods)) {
      operation.tags = [section(path)];
      operation.operationId = idOf(method, path);
      operations.set(`${method.toUpperCase()} ${path}`, operation);
    }
  }
  for (const [source, targets] of Object.entries(LINKS)) link(operations, source, targets);
  const names = queue.definitions().map(({ name }) => name);
  const request = document.components?.schemas?.TaskRequest;
  if (request && names.length > 0) request.properties.name = { ...request.properties.name, enum: names };
  exemplify(operations, queue);
  return document;
}

/** The part of the page that shows a route: its resource, or its purpose. */
function section(path: string): string {
  const [, first, resource] = path.split("/");
  if (first === "v1") return resource!;
  return ["health", "metrics", "internal"].includes(first!) ? "operation" : "demonstration";
}

/** The name of an operation: `get /v1/tasks/{id}` is `getV1TasksId`. */
function idOf(method: string, path: string): string {
  return method +
    path.split(/[^A-Za-z0-9]+/).map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("");
}

function link(
  operations: ReadonlyMap<string, Part>,
  source: string,
  targets: (typeof LINKS)[string],
): void {
  const from = operations.get(source);
  const links = Object.fromEntries(targets.flatMap(([target, parameter, field]) => {
    const to = operations.get(target);
    if (!to) return [];
    const { operationId } = to;
    return [[operationId, { operationId, parameters: { [parameter]: `$response.body#/${field}` } }]];
  }));
  for (const [status, response] of Object.entries<Part>(from?.responses ?? {})) {
    if (/^20[012]$/.test(status) && response.content?.["application/json"]) response.links = links;
  }
}

/** Gives each request an example that is accepted as it stands. */
function exemplify(operations: ReadonlyMap<string, Part>, queue: Queue): void {
  const task = exampleTask(queue);
  const bodies: Record<string, unknown> = {
    "PATCH /v1/channels/{name}": { paused: false },
    "POST /v1/tasks/retry": { state: "FAILURE", dry_run: true },
    "POST /v1/api-keys": { name: "reports", scopes: ["read"] },
    ...task && {
      "POST /v1/tasks": task,
      "POST /v1/tasks/batch": { tasks: [task] },
      "POST /v1/workflows": { group: [task, task] },
      "POST /v1/schedules": { id: "each-hour", task, trigger: { cron: "0 * * * *", timezone: "UTC" } },
    },
    "PATCH /v1/schedules/{id}": { jitter: 5 },
    "POST /producer/api/sum": { number: 1000 },
  };
  for (const [name, example] of Object.entries(bodies)) {
    for (const content of Object.values<Part>(operations.get(name)?.requestBody?.content ?? {})) {
      content.example = example;
    }
  }
  const [channel] = queue.definitions().map(({ channel }) => channel);
  for (const [name, operation] of operations) {
    for (const parameter of operation.parameters ?? []) {
      if (name.includes("/v1/channels/{name}") && parameter.name === "name") parameter.example = channel;
      if (name.endsWith("/add/{x}/{y}") && parameter.in === "path") parameter.example = 2;
    }
  }
  const purge = operations.get("POST /v1/channels/{name}/purge");
  if (purge) purge.requestBody.content["application/json"].example = { confirm: channel };
}

/** A task request that the app accepts; `null`: none of a few simple ones. */
function exampleTask(queue: Queue): { name: string; args: unknown[] } | null {
  for (const args of [[1, 2], [], ["hello"], [1]]) {
    for (const { name } of queue.definitions()) {
      if (queue.faults({ name, args }).length === 0) return { name, args };
    }
  }
  return null;
}
