/**
 * `/v1/tasks/{id}/retry` and `/v1/tasks/retry`: submit tasks that failed anew (redrive).
 *
 * @module
 */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import type { Queue } from "../../queue/mod.ts";
import { asCaller } from "../http/access.ts";
import { limitBody } from "../http/body.ts";
import { RedriveBody, RedrivePage, Task } from "../contract/mod.ts";
import type { Env } from "../env.ts";
import { idempotency, submitted } from "../http/idempotency.ts";
import { doneOrAccepted, ID_PARAMS, IDEMPOTENCY_KEY, json, jsonBody, PROBLEM } from "../http/openapi.ts";
import { otherMethods } from "../http/other_methods.ts";
import { refuseInvalid } from "../http/problems.ts";
import { wireTask } from "./answers.ts";
import { redriveFilter } from "./requests.ts";

const one = createRoute({
  method: "post",
  path: "/v1/tasks/{id}/retry",
  summary: "Submit a task that ended in FAILURE or REVOKED anew",
  description: "A new task with the same definition, arguments and options, and `redrive_of`. Each once.",
  parameters: [IDEMPOTENCY_KEY],
  request: { params: ID_PARAMS },
  responses: { 202: json("The new task, accepted and stored.", Task), default: PROBLEM },
});

const many = createRoute({
  method: "post",
  path: "/v1/tasks/retry",
  summary: "Submit failed tasks anew, newest first, a page at a time",
  description: "Each task is submitted anew once, however often the call is repeated.",
  middleware: [limitBody(64 * 1024, { required: true })],
  request: { body: jsonBody(RedriveBody) },
  responses: doneOrAccepted(
    "Nothing was submitted: a dry run, or nothing fits.",
    "The outcome for each task.",
    RedrivePage,
  ),
});

/** The routes of redrive. */
export function redriveRoutes(queue: Queue): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>({ defaultHook: refuseInvalid });
  app.openapi(one, async (c) => {
    const { task, replayed } = await asCaller(c, queue).redrive(
      c.req.valid("param").id,
      await idempotency(c, null),
    );
    return submitted(c, c.json(wireTask(task), 202), `/v1/tasks/${task.id}`, replayed);
  });
  app.openapi(many, async (c) => {
    const body = c.req.valid("json");
    const { tasks, cursor, lookedAt } = await asCaller(c, queue).redriveAll(redriveFilter(body));
    const page = {
      dry_run: body.dry_run,
      tasks: tasks.map(({ id, name, taskId, skipped }) => ({ id, name, task_id: taskId, skipped })),
      next_cursor: cursor,
      looked_at: lookedAt,
    };
    return c.json(page, tasks.some(({ taskId }) => taskId !== null) ? 202 : 200);
  });
  // Before the routes of a task, whose id `retry` would be.
  app.all("/v1/tasks/retry", otherMethods("POST, OPTIONS"));
  return app;
}
