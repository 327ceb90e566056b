/**
 * `/v1/workers`: the processes that execute tasks, and the tasks that each runs.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Queue } from "../../queue/mod.ts";
import { WorkerList } from "../contract/mod.ts";
import type { Env } from "../env.ts";
import { get, json } from "../http/openapi.ts";
import { wireWorker } from "./answers.ts";

const list = get("/v1/workers", "Registered workers and what they run", json("All workers.", WorkerList));

/** The routes of workers. */
export function workerRoutes(queue: Queue): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>();
  app.openapi(list, async (c) => c.json({ workers: (await queue.workers()).map(wireWorker) }, 200));
  return app;
}
