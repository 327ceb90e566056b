/**
 * Tasks: requests, answers, lists and redrive.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import {
  filteredEnd,
  id,
  integer,
  moment,
  must,
  oneMoment,
  pageCursor,
  pageLimit,
  strict,
  taskError,
  taskRequest,
  text,
  time,
} from "./form.ts";

/** Tasks in one `POST /v1/tasks/batch`. */
export const BATCH_LIMIT = 250;

/** Body of `POST /v1/tasks`, and each task of a batch. */
export const TaskRequestBody = strict(taskRequest).superRefine(oneMoment).openapi("TaskRequest");

/** Body of `POST /v1/tasks/batch`. */
export const BatchBody = strict({
  tasks: z.array(TaskRequestBody, must("an array of task requests"))
    .min(1, "must hold at least one task: got none")
    .max(BATCH_LIMIT, {
      error: ({ input }) => `must hold at most ${BATCH_LIMIT} tasks: got ${(input as unknown[]).length}`,
    }),
}).openapi("TaskBatchRequest");

/** Celery's states, which the source systems show. */
export const TaskState = z.enum(
  ["PENDING", "STARTED", "PROGRESS", "RETRY", "SUCCESS", "FAILURE", "REVOKED"],
  must("PENDING, STARTED, PROGRESS, RETRY, SUCCESS, FAILURE or REVOKED"),
).openapi("TaskState");

/** A task. */
export const Task = z.object({
  id,
  name: z.string(),
  args: z.array(z.any()),
  state: TaskState,
  result: z.any().openapi({ description: "The return value; null until SUCCESS." }),
  error: taskError,
  progress: z.any().openapi({ description: "The running handler's latest report." }),
  retries: z.int().openapi({ description: "Runs that failed and were retried." }),
  max_retries: z.int(),
  channel: z.string(),
  priority: z.int(),
  tags: z.array(z.string()),
  created_at: moment,
  run_at: moment,
  started_at: moment.nullable(),
  date_done: moment.nullable(),
  expires_at: moment.nullable(),
  root_id: id,
  parent_id: id.nullable(),
  group_id: id.nullable(),
  schedule_id: z.string().nullable(),
  redrive_of: id.nullable(),
  worker: z.string().nullable(),
  duplicate: z.literal(true).optional().openapi({
    description: "In a submission's answer: the first task of this idempotency key of its definition.",
  }),
}).openapi("Task");

/** `GET /v1/tasks/{id}`: a task with its runs. */
export const TaskDetail = Task.extend({
  submitted_by: z.string().nullable().openapi({ description: "The API key that has submitted it." }),
  attempts: z.array(z.object({
    started_at: moment,
    ended_at: moment.nullable().openapi({ description: "null: the task runs now." }),
    worker: z.string(),
    outcome: z.enum(["succeeded", "failed", "retried", "revoked", "returned", "lost"]).nullable().openapi({
      description: "retried: another run followed; returned: the worker stopped and gave the task back; " +
        "lost: the worker died.",
    }),
    error: z.object({ type: z.string(), message: z.string() }).nullable(),
  })).openapi({ description: "The last ten runs, oldest first." }),
}).openapi("TaskDetail");

/** Answer of a batch: the tasks in the request's order. */
export const TaskBatch = z.object({ tasks: z.array(Task) }).openapi("TaskBatch");

/** A page of tasks, newest first. */
export const TaskPage = z.object({ tasks: z.array(Task), ...filteredEnd }).openapi("TaskPage");

/** Query of `GET /v1/tasks`. */
export const TaskQuery = strict({
  state: TaskState.optional(),
  name: z.string(must("one task name")).optional(),
  channel: z.string(must("one channel name")).optional(),
  tag: z.string(must("one tag")).optional(),
  schedule_id: z.string(must("one schedule id")).optional(),
  root_id: z.string(must("one task id")).toLowerCase().optional().openapi({
    description: "The tasks of one workflow, by its id.",
  }),
  group_id: z.string(must("one group id")).toLowerCase().optional().openapi({
    description: "A workflow's group.",
  }),
  created_after: time.optional().openapi({ description: "Made then or later." }),
  created_before: time.optional().openapi({ description: "Made before." }),
  redriven: z.enum(["true", "false"], must("true or false")).optional().openapi({
    description: "Whether the task was submitted anew; with state=FAILURE or state=REVOKED only.",
  }),
  limit: pageLimit(50),
  cursor: pageCursor,
});

/** Body of `POST /v1/tasks/retry`. */
export const RedriveBody = strict({
  state: z.enum(["FAILURE", "REVOKED"], must("FAILURE or REVOKED")).default("FAILURE"),
  name: text("a task name", 200).optional(),
  channel: text("a channel name", 200).optional(),
  tag: text("a tag", 100).optional(),
  created_after: time.optional().describe("Made then or later."),
  created_before: time.optional().describe("Made before."),
  limit: integer(1, 500).default(100).describe("So many tasks at most in one call, newest first."),
  cursor: z.string(must("a cursor")).optional().describe("next_cursor of the call before."),
  dry_run: z.boolean(must("true or false")).default(false).describe("Say which, and submit nothing."),
}).openapi("RedriveRequest");

/** Answer of `POST /v1/tasks/retry`. */
export const RedrivePage = z.object({
  dry_run: z.boolean(),
  tasks: z.array(z.object({
    id,
    name: z.string(),
    task_id: id.nullable().openapi({ description: "The new task; null when skipped, and in a dry run." }),
    skipped: z.string().nullable().openapi({ description: "Why the task was not submitted anew." }),
  })),
  ...filteredEnd,
}).openapi("RedrivePage");
