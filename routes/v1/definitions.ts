/**
 * `/v1/definitions`: the tasks that can be submitted.
 *
 * @module
 */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import type { Queue } from "../../queue/mod.ts";
import { DefinitionList } from "../contract/mod.ts";
import type { Env } from "../env.ts";
import { json, PROBLEM } from "../http/openapi.ts";
import { wireDefinition } from "./answers.ts";

const list = createRoute({
  method: "get",
  path: "/v1/definitions",
  summary: "Task definitions that this process knows",
  responses: { 200: json("All definitions.", DefinitionList), default: PROBLEM },
});

/** The routes of task definitions. */
export function definitionRoutes(queue: Queue): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>();
  app.openapi(list, (c) => c.json({ definitions: queue.definitions().map(wireDefinition) }, 200));
  return app;
}
