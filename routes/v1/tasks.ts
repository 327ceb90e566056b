/**
 * `/v1/tasks`: submit, read, list and revoke tasks.
 *
 * @module
 */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import { isFinal, type Queue } from "../../queue/mod.ts";
import { asCaller, asSubmitter } from "../http/access.ts";
import { limitBody } from "../http/body.ts";
import {
  BATCH_LIMIT,
  BatchBody,
  Task,
  TaskBatch,
  TaskDetail,
  TaskPage,
  TaskQuery,
  TaskRequestBody,
} from "../contract/mod.ts";
import type { Env } from "../env.ts";
import { answerTagged } from "../http/etag.ts";
import { idempotency, submitted } from "../http/idempotency.ts";
import {
  doneOrAccepted,
  get,
  getTagged,
  ID_PARAMS,
  IDEMPOTENCY_KEY,
  json,
  jsonBody,
  PREFER,
} from "../http/openapi.ts";
import { otherMethods } from "../http/other_methods.ts";
import { linkNext } from "../http/pages.ts";
import { preferredWait } from "../http/prefer.ts";
import { refuseInvalidTasks } from "../http/problems.ts";
import { wireTask, wireTaskDetail } from "./answers.ts";
import { taskFilter, taskRequest } from "./requests.ts";

/** Bytes of one task request: the engine's 512 KiB of arguments, and as much again for their escapes. */
const TASK_BYTES = 1024 * 1024;

/** Bytes of a batch: more than one commit of the store takes, so that the engine's own limit decides. */
const BATCH_BYTES = 4 * 1024 * 1024;

const submit = createRoute({
  method: "post",
  path: "/v1/tasks",
  summary: "Submit a task",
  middleware: [limitBody(TASK_BYTES)],
  parameters: [IDEMPOTENCY_KEY, PREFER],
  request: { body: jsonBody(TaskRequestBody) },
  responses: doneOrAccepted(
    "The task has ended within the preferred wait, or is a duplicate by its definition's key.",
    "Accepted and stored.",
    Task,
  ),
});

const submitBatch = createRoute({
  method: "post",
  path: "/v1/tasks/batch",
  summary: `Submit up to ${BATCH_LIMIT} tasks: all or none`,
  middleware: [limitBody(BATCH_BYTES)],
  parameters: [IDEMPOTENCY_KEY],
  request: { body: jsonBody(BatchBody) },
  responses: doneOrAccepted(
    "Each is a duplicate by its definition's key.",
    "Accepted and stored, in the request's order.",
    TaskBatch,
  ),
});

const read = getTagged(
  "/v1/tasks/{id}",
  "A task with its state and result",
  json("The task with its last ten runs.", TaskDetail),
);

const list = get(
  "/v1/tasks",
  "Tasks, newest first",
  json("A page; `Link: rel=next` leads to the next.", TaskPage),
  { query: TaskQuery },
);

const revoke = createRoute({
  method: "post",
  path: "/v1/tasks/{id}/revoke",
  summary: "End a task as REVOKED",
  request: { params: ID_PARAMS },
  responses: doneOrAccepted("The task has ended.", "The task's run is being aborted.", Task),
});

/** The routes of tasks. */
export function taskRoutes(queue: Queue): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>({ defaultHook: refuseInvalidTasks(queue) });
  app.openapi(submit, async (c) => {
    const body = c.req.valid("json");
    const { tasks, replayed } = await asSubmitter(c, queue).submitAll(
      [taskRequest(body)],
      await idempotency(c, body),
    );
    const [first] = tasks;
    const duplicate = first!.duplicate;
    // The task is stored: an error while waiting for it must not sound as if it were not.
    const waited = duplicate === "skip" ? null : await preferredWait(c, queue, first!.id).catch(() => null);
    const task = { ...waited ?? first!, ...duplicate && { duplicate } };
    const ended = waited !== null && isFinal(waited.state);
    const response = c.json(wireTask(task), ended || duplicate ? 200 : 202);
    return submitted(c, response, `/v1/tasks/${first!.id}`, replayed);
  });
  app.openapi(submitBatch, async (c) => {
    const body = c.req.valid("json");
    c.set("bodyPrefix", body.tasks.length === 1 ? "/tasks/0" : "/tasks");
    const requests = body.tasks.map(taskRequest);
    const { tasks, replayed } = await asSubmitter(c, queue).submitAll(requests, await idempotency(c, body));
    const response = c.json(
      { tasks: tasks.map(wireTask) },
      tasks.every(({ duplicate }) => duplicate) ? 200 : 202,
    );
    return submitted(c, response, null, replayed);
  });
  // Before the routes of a task, whose id `batch` would be.
  app.all("/v1/tasks/batch", otherMethods("POST, OPTIONS"));
  app.openapi(read, async (c) => {
    const { id } = c.req.valid("param");
    return answerTagged(c, wireTaskDetail(await preferredWait(c, queue, id) ?? await queue.get(id)));
  });
  app.openapi(list, async (c) => {
    const { tasks, cursor, lookedAt } = await queue.list(taskFilter(c.req.valid("query")));
    const page = { tasks: tasks.map(wireTask), next_cursor: cursor, looked_at: lookedAt };
    return linkNext(c, c.json(page, 200), cursor);
  });
  app.openapi(revoke, async (c) => {
    const task = await asCaller(c, queue).revoke(c.req.valid("param").id);
    return c.json(wireTask(task), isFinal(task.state) ? 200 : 202);
  });
  return app;
}
