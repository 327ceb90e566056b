/**
 * `GET /v1/audit`: what operators did.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Queue } from "../../queue/mod.ts";
import { AuditPage, AuditQuery } from "../contract/mod.ts";
import type { Env } from "../env.ts";
import { get, json } from "../http/openapi.ts";
import { linkNext } from "../http/pages.ts";
import { refuseInvalid } from "../http/problems.ts";
import { wireAuditEntry } from "./answers.ts";
import { auditFilter } from "./requests.ts";

const list = get(
  "/v1/audit",
  "What operators did in the last 90 days, newest first",
  json("A page; `Link: rel=next` leads to the next.", AuditPage),
  { query: AuditQuery },
);

/** The routes of the audit. */
export function auditRoutes(queue: Queue): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>({ defaultHook: refuseInvalid });
  app.openapi(list, async (c) => {
    const { entries, cursor, lookedAt } = await queue.audit(auditFilter(c.req.valid("query")));
    const page = { entries: entries.map(wireAuditEntry), next_cursor: cursor, looked_at: lookedAt };
    return linkNext(c, c.json(page, 200), cursor);
  });
  return app;
}
