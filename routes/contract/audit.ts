/**
 * The audit: what operators did.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { filteredEnd, id, moment, must, pageCursor, pageLimit, strict, time } from "./form.ts";

const ACTIONS = [
  "task.revoke",
  "task.redrive",
  "workflow.revoke",
  "channel.change",
  "channel.purge",
  "schedule.create",
  "schedule.update",
  "schedule.pause",
  "schedule.resume",
  "schedule.run",
  "schedule.delete",
  "api_key.create",
  "api_key.revoke",
  "store.repair",
  "store.restore",
] as const;

const action = z.enum(ACTIONS, must(`one of ${ACTIONS.join(", ")}`));

/** Query of `GET /v1/audit`. */
export const AuditQuery = strict({
  action: action.optional(),
  target: z.string(must("one target")).optional().openapi({
    description: "The task, workflow, channel or schedule that something was done to.",
  }),
  by: z.string(must("one name")).optional().openapi({ description: "The key, the user or the command." }),
  from: time.optional().openapi({ description: "Done then or later." }),
  to: time.optional().openapi({ description: "Done before." }),
  limit: pageLimit(50),
  cursor: pageCursor,
});

/** A page of the audit, newest first. */
export const AuditPage = z.object({
  entries: z.array(z.object({
    id,
    at: moment,
    by: z.object({
      kind: z.enum(["program", "command", "anyone", "token", "key", "user"]).openapi({
        description: "program: the code that has the queue; anyone: a client, where no token is set.",
      }),
      name: z.string(),
    }),
    request_id: z.string().nullable(),
    action,
    target: z.string(),
    count: z.int().nullable().openapi({ description: "How many tasks, where that is known at the action." }),
    before: z.any().openapi({ description: "The changed fields as they were." }),
    after: z.any().openapi({ description: "The same fields as they are since." }),
  })),
  ...filteredEnd,
}).openapi("AuditPage");
