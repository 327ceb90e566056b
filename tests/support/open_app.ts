/**
 * The HTTP app over a real queue in memory, with a clock that the test moves.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Queue } from "../../queue/mod.ts";
import { type AppOptions, createApp } from "../../routes/mod.ts";
import { demoRoutes, demoSchedules, demoTasks } from "../../tasks/mod.ts";
import { type OpenOptions, openQueue } from "./open_queue.ts";

/** What an answer's body holds; tests say what they expect of it. */
// deno-lint-ignore no-explicit-any -- every test asserts its own shape
export type Body = any;

/** Opens the app with the demonstration tasks, unless the test brings its own. */
export async function openApp(options: Omit<AppOptions, "queue"> & OpenOptions = {}) {
  const { log, metrics, apiToken, tickToken, demo, allowedHosts, corsOrigins, ...rest } = options;
  const random = () => 0.9;
  const opened = await openQueue({
    definitions: demoTasks({ timeScale: 1, random }),
    taskRoutes: demoRoutes,
    channels: {
      celery: 16,
      high_priority: 4,
      default: 4,
      low_priority: 4,
      scheduled: 4,
      email_service: 1,
      "test-queue": 1,
    },
    ...!rest.definitions && { schedules: demoSchedules() },
    ...rest,
  });
  const app = createApp({
    queue: opened.queue,
    ...log && { log },
    ...metrics && { metrics },
    ...apiToken !== undefined && { apiToken },
    ...tickToken !== undefined && { tickToken },
    ...demo !== undefined && { demo },
    ...allowedHosts !== undefined && { allowedHosts },
    ...corsOrigins !== undefined && { corsOrigins },
  });
  return Object.assign(opened, {
    app,
    get: (path: string, headers: Record<string, string> = {}) => app.request(path, { headers }),
    post: (path: string, body?: unknown, headers: Record<string, string> = {}) =>
      app.request(path, {
        method: "POST",
        ...body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) },
        headers: { ...body !== undefined && { "content-type": "application/json" }, ...headers },
      }),
  });
}

/** Asserts a problem of this status and type, and returns it. */
export async function problem(response: Response, status: number, type: string): Promise<Body> {
  const body = await response.json();
  assert.equal(response.status, status, JSON.stringify(body));
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  assert.equal(body.type, `urn:sluice:problem:${type}`);
  assert.equal(body.status, status);
  assert.equal(body.request_id, response.headers.get("x-request-id"));
  assert.ok(body.title && body.detail);
  assert.doesNotMatch(JSON.stringify(body), /\.ts:\d|at file:/, "a stack leaked");
  return body;
}

/** Asserts that ids of no task are told apart: no id at all, one of long ago, one that was never made. */
export async function problemsOfIds(get: (id: string) => Response | Promise<Response>): Promise<void> {
  await problem(await get("nonsense"), 404, "malformed-id");
  await problem(await get("01000000-0000-7000-8000-000000000000"), 404, "task-expired");
  await problem(await get("ff000000-0000-7000-8000-000000000000"), 404, "task-unknown");
}

/** Where a problem's faults are: `["body /args/0", …]`. */
export function places(body: Body): string[] {
  return body.errors.map((fault: Body) => `${fault.in} ${fault.pointer}`);
}

/** Asserts that no task is stored. */
export async function nothingStored(queue: Queue): Promise<void> {
  assert.deepEqual(await queue.list(), { tasks: [], cursor: null, lookedAt: 0 });
}
