/**
 * Routes that look and change nothing: `/v1/stats`, why a task does not run, and the stored keys.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Queue } from "../../queue/mod.ts";
import { Explanation, KeyPage, KeyQuery, Stats } from "../contract/mod.ts";
import type { Env } from "../env.ts";
import { get, ID_PARAMS, json } from "../http/openapi.ts";
import { refuseInvalid } from "../http/problems.ts";
import { wireExplanation, wireKey, wireStats } from "./answers.ts";
import { given } from "./given.ts";
import { pageOptions } from "./requests.ts";

const stats = get(
  "/v1/stats",
  "Tasks by place, workers, and counts of this process; counted up to 10,000 each",
  json("The statistics.", Stats),
);

const explain = get(
  "/v1/tasks/{id}/explain",
  "Why a task does not run",
  json("Where the task stands, what it waits for, and what it did.", Explanation),
  { params: ID_PARAMS },
);

const taskKeys = get(
  "/v1/tasks/{id}/keys",
  "The stored keys of a task",
  json("All stored keys of the task.", KeyPage),
  { params: ID_PARAMS },
);

const keys = get("/v1/keys", "Stored keys, in the store's order", json("A page.", KeyPage), {
  query: KeyQuery,
});

/** The routes of inspection. */
export function inspectRoutes(queue: Queue): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>({ defaultHook: refuseInvalid });
  app.openapi(stats, async (c) => c.json(wireStats(await queue.stats()), 200));
  app.openapi(
    explain,
    async (c) => c.json(wireExplanation(await queue.explain(c.req.valid("param").id)), 200),
  );
  app.openapi(taskKeys, async (c) => {
    const found = await queue.keysOf(c.req.valid("param").id);
    return c.json({ keys: found.map(wireKey), next_cursor: null }, 200);
  });
  app.openapi(keys, async (c) => {
    const { prefix, ...query } = c.req.valid("query");
    const page = await queue.keys({ ...pageOptions(query), ...given({ prefix: prefix?.split("/") }) });
    return c.json({ keys: page.keys.map(wireKey), next_cursor: page.cursor }, 200);
  });
  return app;
}
