/**
 * Who may call which route: the one table of scopes. A route that is not in it is for admins only, and
 * `tests/routes/http/access_test.ts` fails for it.
 *
 * @module
 */
import type { Scope } from "../../queue/mod.ts";

/**
 * What a route asks for: a scope; `own`: `read`, or `submit` for a task or workflow that the key itself has submitted;
 * `public`: nothing; `tick`: a token of its own.
 */
export type Need = Scope | "own" | "public" | "tick";

/** What each route asks for, by method and pattern. HEAD asks for what GET does. */
export const NEEDS: Readonly<Record<string, Need>> = {
  "GET /health": "public",
  "GET /health/live": "public",
  "GET /health/ready": "public",
  "GET /openapi.json": "public",
  "GET /docs": "public",
  "GET /docs/favicon-32x32.png": "public",
  "GET /docs/start.js": "public",
  "GET /docs/swagger-ui-bundle.js": "public",
  "GET /docs/swagger-ui.css": "public",
  "POST /internal/tick": "tick",

  "GET /metrics": "read",
  "GET /v1/audit": "read",
  "GET /v1/channels": "read",
  "GET /v1/definitions": "read",
  "GET /v1/schedules": "read",
  "GET /v1/schedules/:id": "read",
  "GET /v1/schedules/:id/next": "read",
  "GET /v1/schedules/:id/occurrences": "read",
  "GET /v1/stats": "read",
  "GET /v1/tasks": "read",
  "GET /v1/tasks/:id/keys": "read",
  "GET /v1/workers": "read",

  "GET /v1/tasks/:id": "own",
  "GET /v1/tasks/:id/events": "own",
  "GET /v1/tasks/:id/explain": "own",
  "GET /v1/workflows/:id": "own",

  "POST /v1/tasks": "submit",
  "POST /v1/tasks/batch": "submit",
  "POST /v1/workflows": "submit",

  "PATCH /v1/channels/:name": "operate",
  "POST /v1/schedules": "operate",
  "PATCH /v1/schedules/:id": "operate",
  "DELETE /v1/schedules/:id": "operate",
  "POST /v1/schedules/:id/pause": "operate",
  "POST /v1/schedules/:id/resume": "operate",
  "POST /v1/schedules/:id/run": "operate",
  "POST /v1/tasks/:id/retry": "operate",
  "POST /v1/tasks/:id/revoke": "operate",
  "POST /v1/tasks/retry": "operate",
  "POST /v1/workflows/:id/revoke": "operate",

  "GET /v1/keys": "admin",
  "POST /v1/channels/:name/purge": "admin",
  "GET /v1/api-keys": "admin",
  "POST /v1/api-keys": "admin",
  "DELETE /v1/api-keys/:name": "admin",

  // The source systems' routes.
  "GET /": "read",
  "GET /:word": "submit",
  "POST /:word": "submit",
  "GET /add/:x/:y": "submit",
  "POST /add/:x/:y": "submit",
  "GET /important": "submit",
  "POST /important": "submit",
  "GET /long-running": "submit",
  "POST /long-running": "submit",
  "GET /retry": "submit",
  "POST /retry": "submit",
  "GET /process/:task_id": "own",
  "GET /result/:task_id": "own",
  "GET /producer/api/": "read",
  "POST /producer/api/sum": "submit",
  "GET /producer/api/sum/:job_id": "own",
  "GET /producer/api/wait_and_return": "submit",
  "POST /producer/api/wait_and_return": "submit",
  "GET /producer/api/wait_and_return/:job_id": "own",
};
