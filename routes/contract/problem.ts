/**
 * The answer to every request that is refused.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";

/** RFC 9457 problem details; `errors` lists every fault of the request. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  request_id: z.string(),
  errors: z.array(z.object({
    in: z.enum(["body", "query", "path", "header"]),
    pointer: z.string().openapi({ description: "JSON pointer to the place: /args/0, /limit." }),
    detail: z.string(),
  })).optional(),
  problems: z.array(z.string()).optional().openapi({ description: "Why the server is not ready." }),
  task_id: z.string().optional().openapi({ description: "The task that stands in the way." }),
}).openapi("Problem");
