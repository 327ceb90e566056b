/**
 * `/health`: for load balancers, container managers and people. Open even when a token is set, but
 * causes, which name channels, are told to readers only.
 *
 * @module
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Queue } from "../../queue/mod.ts";
import type { Context, Env } from "../env.ts";
import { may } from "../http/access.ts";
import { get, json } from "../http/openapi.ts";
import { RequestError } from "../http/problems.ts";

const Status = z.object({ status: z.string() }).openapi("Status");

const live = get("/health/live", "The process answers", json("The process is alive.", Status));

const ready = get(
  "/health/ready",
  "The process can do its work; 503 with the reasons when it cannot",
  json("The process is ready.", Status),
);

const health = createRoute({ ...ready, path: "/health" });

/** The routes of health checks. */
export function healthRoutes(queue: Pick<Queue, "health">): OpenAPIHono<Env> {
  async function answer(c: Context) {
    c.header("cache-control", "no-store");
    const { ready, problems } = await queue.health();
    if (ready) return c.json({ status: "ready" }, 200);
    if (!may(c, "read")) throw new RequestError("not-ready", "A caller with the scope read is told why");
    throw new RequestError("not-ready", problems.join(" "), { problems });
  }
  const app = new OpenAPIHono<Env>();
  app.openapi(health, answer);
  app.openapi(ready, answer);
  app.openapi(live, (c) => {
    c.header("cache-control", "no-store");
    return c.json({ status: "alive" }, 200);
  });
  return app;
}
