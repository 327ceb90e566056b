/**
 * `/v1/definitions`: the tasks that can be submitted.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Queue } from "../../queue/mod.ts";
import { DefinitionList } from "../contract/mod.ts";
import type { Env } from "../env.ts";
import { get, json } from "../http/openapi.ts";
import { wireDefinition } from "./answers.ts";

const list = get(
  "/v1/definitions",
  "Task definitions that this process knows",
  json("All definitions.", DefinitionList),
);

/** The routes of task definitions. */
export function definitionRoutes(queue: Queue): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>();
  app.openapi(list, (c) => c.json({ definitions: queue.definitions().map(wireDefinition) }, 200));
  return app;
}
