/**
 * Sluice's HTTP app: the API under `/v1`, health checks, its documentation, and the demonstration routes. `routes/` knows
 * the engine by `queue/mod.ts` alone; its folders build on each other in this order: `contract/`, `http/`, then `v1/`,
 * `sources/` and `serve/`, then this file.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Queue } from "../queue/mod.ts";
import { apiKeyRoutes } from "./v1/api_keys.ts";
import { auditRoutes } from "./v1/audit.ts";
import { channelRoutes } from "./v1/channels.ts";
import { definitionRoutes } from "./v1/definitions.ts";
import { addDocs } from "./serve/docs.ts";
import type { Env } from "./env.ts";
import { eventRoutes } from "./v1/events.ts";
import { allowOrigins, refuseStrangers } from "./http/origin.ts";
import { authorize } from "./http/access.ts";
import { type AccessRecord, identify } from "./http/gate.ts";
import { healthRoutes } from "./serve/health.ts";
import { inspectRoutes } from "./v1/inspect.ts";
import { type AppLog, observed } from "./serve/log.ts";
import { type Metrics, metricsRoutes } from "./serve/metrics.ts";
import { answerOtherMethods } from "./http/other_methods.ts";
import { answerError, refuseUnknownRoute } from "./http/problems.ts";
import { redriveRoutes } from "./v1/redrive.ts";
import { s0Routes } from "./sources/s0.ts";
import { addWordRoute, s2Routes } from "./sources/s2.ts";
import { s3Routes } from "./sources/s3.ts";
import { scheduleRoutes } from "./v1/schedules.ts";
import { taskRoutes } from "./v1/tasks.ts";
import { tickRoutes } from "./serve/tick.ts";
import { workerRoutes } from "./v1/workers.ts";
import { workflowRoutes } from "./v1/workflows.ts";

export { createMetrics, type Metrics } from "./serve/metrics.ts";
export { type AppLog, createLog, type Log, type LogOptions } from "./serve/log.ts";
export {
  isLoopback,
  isOnDeploy,
  isOpenToAll,
  likelySlips,
  parseSettings,
  SETTINGS,
  type Settings,
  SettingsError,
} from "./serve/settings.ts";
export { createUnreadyApp } from "./serve/unready.ts";
export type { AccessRecord };

/** Options of {@link createApp}. */
export interface AppOptions {
  readonly queue: Queue;
  /** @default {none} */
  readonly log?: AppLog;
  /** The counts behind `/metrics`; {@link createMetrics} makes them. @default {none, and no such route} */
  readonly metrics?: Metrics;
  /**
   * Bearer token of an admin. With it every route asks for a token, this one or that of an API key with the route's
   * scope; but `/health*`, `/docs`, `/openapi.json` are public, and `/internal/tick` has its own.
   *
   * @default {none, everyone may}
   */
  readonly apiToken?: string;
  /**
   * Names by which the server is called, beside its addresses and localhost, without ports: others are refused while
   * there is no `apiToken`.
   *
   * @default {null, any name}
   */
  readonly allowedHosts?: readonly string[] | null;
  /** Origins whose pages may call `/v1` with a bearer token: `["https://shop.example"]`. @default {[]} */
  readonly corsOrigins?: readonly string[];
  /** Bearer token of `POST /internal/tick`, which asks for no other. @default {none, and no such route} */
  readonly tickToken?: string;
  /** Whether the demonstration routes are there: `/`, `/add/{x}/{y}` and the like. @default {true} */
  readonly demo?: boolean;
}

/**
 * Makes the HTTP app of a queue: serve it, or mount it in an app of your own. Mount it last: its token and its log
 * cover whatever is registered after it on the same path.
 *
 * @example
 * ```ts
 * import { createQueue, defineTask, memoryStore } from "@sluice/sluice";
 * import { createApp } from "@sluice/sluice/app";
 * import { Hono } from "hono";
 * import assert from "node:assert/strict";
 * import { z } from "zod";
 *
 * const add = defineTask({ name: "add", args: z.tuple([z.int(), z.int()]) }, (_context, x, y) => x + y);
 * const queue = createQueue({ store: memoryStore(), definitions: [add] });
 *
 * const app = new Hono();
 * app.get("/", (c) => c.text("my shop"));
 * app.route("/", createApp({ queue, demo: false }));
 *
 * const response = await app.request("/v1/tasks", {
 *   method: "POST",
 *   headers: { "content-type": "application/json" },
 *   body: JSON.stringify({ name: "add", args: [1, 2] }),
 * });
 * assert(response.status === 202);
 * ```
 */
export function createApp(options: AppOptions): OpenAPIHono<Env> {
  const { queue, log, metrics, apiToken, tickToken, demo = true } = options;
  const { allowedHosts = null, corsOrigins = [] } = options;
  const { access, failure } = observed(log);
  const app = new OpenAPIHono<Env>();
  app.onError(answerError(failure));
  app.notFound(refuseUnknownRoute);
  app.use(identify(access));
  if (tickToken !== undefined) app.route("/", tickRoutes(queue, tickToken, failure));
  if (corsOrigins.length > 0) app.use("/v1/*", allowOrigins(corsOrigins));
  app.use(apiToken === undefined ? refuseStrangers(allowedHosts) : authorize(queue, apiToken));
  app.route("/", healthRoutes(queue));
  app.route("/", redriveRoutes(queue));
  app.route("/", taskRoutes(queue));
  app.route("/", inspectRoutes(queue));
  app.route("/", definitionRoutes(queue));
  app.route("/", channelRoutes(queue));
  app.route("/", workerRoutes(queue));
  app.route("/", scheduleRoutes(queue));
  app.route("/", auditRoutes(queue));
  app.route("/", apiKeyRoutes(queue));
  app.route("/", workflowRoutes(queue));
  app.route("/", eventRoutes(queue));
  if (metrics) app.route("/", metricsRoutes(queue, metrics));
  if (demo) {
    app.route("/", s0Routes(queue));
    app.route("/", s2Routes(queue));
    app.route("/", s3Routes(queue));
  }
  addDocs(app, queue, apiToken !== undefined);
  answerOtherMethods(app);
  if (demo) addWordRoute(app, queue);
  return app;
}
