/**
 * The wire: what requests and answers look like, as zod schemas. They validate, they make the OpenAPI document, and
 * the client shares them; so this file imports zod and nothing else. Names are snake_case, times RFC 3339 in UTC
 * with milliseconds, durations seconds.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";

/** Tasks in one `POST /v1/tasks/batch`. */
export const BATCH_LIMIT = 250;

/** Nodes within nodes of a workflow: what is deeper is not read. */
export const DEPTH_LIMIT = 20;

/** Ten years: the longest delay, expiry or time limit, in seconds. */
export const LONGEST = 315_360_000;

/** What a zod error says: what is asked for, and what was found. */
function must(be: string): { error: (issue: { input?: unknown }) => string } {
  return { error: ({ input }) => `must be ${be}: got ${shown(input)}` };
}

function shown(input: unknown): string {
  if (input === undefined) return "nothing";
  if (Array.isArray(input)) return "an array";
  if (typeof input === "object" && input !== null) return "an object";
  const text = JSON.stringify(input) ?? String(input);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** An object that refuses unknown fields; their message lists the known ones, for `faults.ts` to find the nearest. */
function strict<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? Object.keys(shape).join(" ")
        : `must be an object: got ${shown(issue.input)}`,
  });
}

function integer(from: number, to: number) {
  const wrong = must(`an integer from ${from} to ${to}`);
  return z.int(wrong).min(from, wrong).max(to, wrong);
}

/** Seconds, fractions allowed. */
function seconds(positive: boolean) {
  const wrong = must(`${positive ? "a positive number" : "a number"} of seconds up to ${LONGEST}`);
  return positive
    ? z.number(wrong).positive(wrong).max(LONGEST, wrong)
    : z.number(wrong).min(0, wrong).max(LONGEST, wrong);
}

function text(what: string, longest: number) {
  const wrong = must(`${what} of 1 to ${longest} characters`);
  return z.string(wrong).min(1, wrong).max(longest, wrong);
}

const time = z.iso.datetime({ offset: true, ...must("a time like 2026-01-31T08:00:00Z (RFC 3339)") });

/** What a task request says beside its time. */
const taskFields = {
  name: text("a task name", 200).describe("Full name of a task definition."),
  args: z.array(z.any(), must("an array of positional arguments")).default([]).describe(
    "Positional arguments.",
  ),
  channel: text("a channel name", 200).optional().describe("Overrides the definition's channel."),
  priority: integer(0, 9).optional().describe("9 runs first; 5 unless the definition says otherwise."),
  expires: seconds(true).optional().describe(
    "Seconds after which the task is REVOKED unless it has started.",
  ),
  max_retries: integer(0, 1000).optional(),
  soft_time_limit: seconds(true).optional().describe("Seconds until the handler's signal aborts."),
  time_limit: seconds(true).optional().describe("Seconds until the run is ended."),
  ignore_result: z.boolean(must("true or false")).optional().describe(
    "Keep the outcome, not the return value.",
  ),
  tags: z.array(text("a tag", 100), must("an array of tags")).max(20, must("at most 20 tags")).optional(),
};

/** What a task request may say. */
const taskRequest = {
  ...taskFields,
  delay: seconds(false).optional().describe("Seconds until it may run; not together with run_at."),
  run_at: time.optional().describe("Moment from which it may run; a past one runs at once."),
};

/** Refuses two moments for one task. */
function oneMoment(request: { delay?: unknown; run_at?: unknown }, context: z.RefinementCtx): void {
  if (request.delay === undefined || request.run_at === undefined) return;
  context.addIssue({ code: "custom", path: ["run_at"], message: "must not be given together with delay" });
}

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

/** A workflow's task. */
export const TaskNodeBody = strict({
  ...taskRequest,
  immutable: z.boolean(must("true or false")).optional(),
  link_error: TaskRequestBody.optional(),
}).superRefine(oneMoment);

const nodes = z.array(z.unknown(), must("an array of nodes"));
const onFailure = { on_failure: z.enum(["revoke", "continue"], must("revoke or continue")).optional() };
const items = <Item extends z.ZodType>(item: Item) =>
  strict({
    name: text("a task name", 200),
    items: z.array(item, must("an array of items")).min(1, "must hold at least one item: got none"),
  });

/** The other nodes of a workflow; what is in them is read node by node. */
export const ChainBody = strict({ chain: nodes.min(1, "must hold at least one node: got none") });
export const GroupBody = strict({
  group: nodes.min(1, "must hold at least one node: got none"),
  ...onFailure,
});
export const ChordBody = strict({
  chord: strict({ header: nodes, body: z.unknown().optional() }),
  ...onFailure,
});
export const MapBody = strict({ map: items(z.any()) });
export const StarmapBody = strict({ starmap: items(z.array(z.any(), must("an array of arguments"))) });

const nodeRef = { $ref: "#/components/schemas/WorkflowNode" };
const nodeRefs = { type: "array" as const, items: nodeRef };
const onFailureSchema = { type: "string" as const, enum: ["revoke", "continue"], default: "revoke" };
const itemsSchema = {
  type: "object" as const,
  required: ["name", "items"],
  properties: { name: { type: "string" as const }, items: { type: "array" as const, items: {} } },
};

/** Body of `POST /v1/workflows`: a tree, which no single schema checks with all its places. */
export const WorkflowNode = z.any().openapi("WorkflowNode", {
  description: `A task, or a node that holds others; at most 10,000 tasks, ${DEPTH_LIMIT} levels deep.`,
  anyOf: [
    {
      allOf: [{ $ref: "#/components/schemas/TaskRequest" }, {
        type: "object",
        properties: {
          immutable: {
            type: "boolean",
            description: "Its own arguments alone, not the result before it first.",
          },
          link_error: {
            allOf: [{ $ref: "#/components/schemas/TaskRequest" }],
            description: "Submitted when it fails; the failed task's id and error come before its arguments.",
          },
        },
      }],
    },
    { type: "object", required: ["chain"], properties: { chain: nodeRefs } },
    { type: "object", required: ["group"], properties: { group: nodeRefs, on_failure: onFailureSchema } },
    {
      type: "object",
      required: ["chord"],
      properties: {
        chord: {
          type: "object",
          required: ["header", "body"],
          properties: { header: nodeRefs, body: nodeRef },
        },
        on_failure: onFailureSchema,
      },
    },
    { type: "object", required: ["map"], properties: { map: itemsSchema } },
    { type: "object", required: ["starmap"], properties: { starmap: itemsSchema } },
  ],
});

const id = z.string().openapi({ format: "uuid" });
const moment = z.iso.datetime();

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
  error: z.object({ type: z.string(), message: z.string(), traceback: z.string().nullable() }).nullable(),
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

/** Answer of a batch: the tasks in the request's order. */
export const TaskBatch = z.object({ tasks: z.array(Task) }).openapi("TaskBatch");

/** A workflow. */
export const Workflow = z.object({
  id: id.openapi({ description: "Its first task's id, which is the root_id of all of them." }),
  state: z.enum(["PENDING", "STARTED", "SUCCESS", "FAILURE", "REVOKED"]),
  total: z.int().openapi({ description: "Its tasks." }),
  finished: z.int().openapi({ description: "Tasks that have ended." }),
  failed: z.int().openapi({ description: "Tasks that have ended in FAILURE." }),
  result_id: id.openapi({ description: "The task or group whose result is the workflow's." }),
  result: z.any().openapi({ description: "null until SUCCESS, and when a group's is above 512 KiB." }),
  error: z.object({ type: z.string(), message: z.string(), traceback: z.string().nullable() }).nullable(),
  created_at: moment,
  date_done: moment.nullable(),
  graph: z.any().openapi("WorkflowGraph", {
    description: "The tree with every id and state. A group of more than 100 leaves its members out; " +
      "GET /v1/tasks?group_id= lists them.",
    anyOf: [
      {
        type: "object",
        properties: {
          id: { type: "string" },
          name: { type: "string" },
          state: { $ref: "#/components/schemas/TaskState" },
          link_error_id: { type: "string" },
        },
      },
      {
        type: "object",
        properties: { chain: { type: "array", items: { $ref: "#/components/schemas/WorkflowGraph" } } },
      },
      {
        type: "object",
        properties: {
          group: {
            type: "object",
            properties: {
              id: { type: "string" },
              size: { type: "integer" },
              finished: { type: "integer" },
              members: { type: "array", items: { $ref: "#/components/schemas/WorkflowGraph" } },
            },
          },
        },
      },
    ],
  }),
}).openapi("Workflow");

/** A page of tasks, newest first. */
export const TaskPage = z.object({ tasks: z.array(Task), next_cursor: z.string().nullable() }).openapi(
  "TaskPage",
);

/** Query of `GET /v1/tasks`. */
export const TaskQuery = strict({
  state: TaskState.optional(),
  name: z.string(must("one task name")).optional(),
  channel: z.string(must("one channel name")).optional(),
  tag: z.string(must("one tag")).optional(),
  schedule_id: z.string(must("one schedule id")).optional(),
  root_id: z.string(must("one task id")).optional().openapi({ description: "Of one workflow." }),
  group_id: z.string(must("one group id")).optional().openapi({ description: "A workflow's group." }),
  created_after: time.optional().openapi({ description: "Made then or later." }),
  created_before: time.optional().openapi({ description: "Made before." }),
  redriven: z.enum(["true", "false"], must("true or false")).optional().openapi({
    description: "Whether it was submitted anew; with state=FAILURE or state=REVOKED only.",
  }),
  limit: z.string().regex(/^(?:[1-9]\d?|[1-4]\d\d|500)$/, must("an integer from 1 to 500")).optional()
    .openapi({ type: "integer", minimum: 1, maximum: 500, default: 50 }),
  cursor: z.string(must("one cursor")).optional().openapi({ description: "next_cursor of the page before." }),
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
    skipped: z.string().nullable().openapi({ description: "Why it was not submitted anew." }),
  })),
  next_cursor: z.string().nullable().openapi({
    description: "There may be more: send it as cursor, with the same filter.",
  }),
}).openapi("RedrivePage");

/** The task of a schedule: a task request without a time of its own. */
export const ScheduledTask = strict(taskFields).openapi("ScheduledTask");

/** When a schedule is due. */
export const Trigger = strict({
  cron: text("cron text", 200).optional().describe("Five fields, or six with seconds first."),
  timezone: text("an IANA time zone", 100).optional().describe("Of the cron text; UTC by default."),
  interval: z.number(must("a number of seconds")).optional().describe("Seconds, from 0.01."),
  date: time.optional().describe("Once, at this moment."),
}).openapi("Trigger", { description: "One of cron, interval and date." });

const scheduleFields = {
  task: ScheduledTask,
  trigger: Trigger,
  paused: z.boolean(must("true or false")).optional(),
  start_at: time.nullable().optional().describe("No occurrence before; intervals are counted from it."),
  end_at: time.nullable().optional().describe("No occurrence after."),
  jitter: seconds(false).optional().describe("Up to so many seconds, at random, are added to a task's time."),
  misfire_grace: seconds(true).optional().describe(
    "An occurrence late by more is missed; 60 s unless it is given.",
  ),
  catch_up: z.enum(["skip", "one", "all"], must("skip, one or all")).optional().describe(
    "What becomes of missed occurrences: nothing, one task for all of them (the default), or one each.",
  ),
  catch_up_limit: integer(1, 1000).optional().describe("With all: the last so many; 100 unless it is given."),
  max_instances: integer(1, 100).optional().describe(
    "While so many of its tasks have not ended an occurrence is skipped; 1 unless it is given.",
  ),
};

/** Body of `POST /v1/schedules`. */
export const ScheduleBody = strict({
  id: text("a schedule id", 200).optional().describe("Letters, digits, '.', '_', ':' and '-'."),
  ...scheduleFields,
}).openapi("ScheduleRequest");

/** What a schedule is after an edit. */
export const ScheduleChanges = strict(scheduleFields);

/** Body of `PATCH /v1/schedules/{id}`. */
export const SchedulePatch = z.record(z.string(), z.any(), must("an object"))
  .openapi("SchedulePatch", { description: "Any fields of ScheduleRequest but id; null is the default." });

/** A schedule. */
export const Schedule = z.object({
  id: z.string(),
  task: ScheduledTask,
  trigger: Trigger,
  paused: z.boolean(),
  start_at: moment.nullable(),
  end_at: moment.nullable(),
  jitter: z.number(),
  misfire_grace: z.number(),
  catch_up: z.enum(["skip", "one", "all"]),
  catch_up_limit: z.int(),
  max_instances: z.int(),
  origin: z.enum(["api", "code"]),
  problem: z.string().nullable().openapi({ description: "Why it cannot fire although it should." }),
  next_run_at: moment.nullable(),
  last_run_at: moment.nullable(),
  created_at: moment,
  updated_at: moment,
}).openapi("Schedule");

/** A page of schedules, by id. */
export const SchedulePage = z.object({ schedules: z.array(Schedule), next_cursor: z.string().nullable() })
  .openapi("SchedulePage");

/** What became of an occurrence. */
export const Occurrence = z.object({
  planned_at: moment,
  missed_until: moment.nullable().openapi({ description: "Of several missed ones: the last." }),
  started_at: moment.nullable().openapi({ description: "When its task was submitted." }),
  task_id: id.nullable(),
  late_by: z.number().openapi({ description: "Seconds from the planned moment until it was handled." }),
  outcome: z.enum(["submitted", "manual", "skipped", "missed", "refused"]),
  detail: z.string().nullable().openapi({ description: "Why the task was refused." }),
  state: TaskState.nullable().openapi({ description: "The task's state now, while it is kept." }),
}).openapi("Occurrence");

/** A page of a schedule's history, newest first. */
export const OccurrencePage = z.object({
  occurrences: z.array(Occurrence),
  next_cursor: z.string().nullable(),
}).openapi("OccurrencePage");

/** Query of a list without filters. */
export const PageQuery = TaskQuery.pick({ limit: true, cursor: true });

/** Query of `GET /v1/schedules/{id}/next`. */
export const NextQuery = strict({
  count: z.string().regex(/^(?:[1-9]\d?|100)$/, must("an integer from 1 to 100")).optional()
    .openapi({ type: "integer", minimum: 1, maximum: 100, default: 10 }),
});

/** What a task definition declares. */
export const Definition = z.object({
  name: z.string(),
  description: z.string().nullable(),
  channel: z.string(),
  priority: z.int(),
  max_retries: z.int(),
  soft_time_limit: z.number().nullable(),
  time_limit: z.number(),
  idempotency: z.object({ ttl: z.number(), on_duplicate: z.enum(["skip", "return", "raise"]) }).nullable()
    .openapi({ description: "Of a definition that makes an idempotency key of the arguments." }),
  args: z.any().openapi({ description: "JSON Schema of the argument array." }),
}).openapi("Definition");

/** A channel: how much waits there, and what this process executes of it. */
export const Channel = z.object({
  name: z.string(),
  paused: z.boolean(),
  slots: z.int(),
  rate_limit: z.string().nullable(),
  max_depth: z.int().nullable(),
  ready: z.int(),
  delayed: z.int(),
  blocked: z.int(),
  running: z.int(),
  oldest_age: z.number().nullable().openapi({
    description: "Seconds that the oldest ready task has waited.",
  }),
}).openapi("Channel");

/** Body of `PATCH /v1/channels/{name}`, a merge patch. */
export const ChannelPatch = strict({
  paused: z.boolean(must("true, false or null")).nullable().optional(),
  slots: integer(1, 9999).nullable().optional().describe("Of each process that executes the channel."),
  rate_limit: z.string(must("a rate like '10/m', or null")).nullable().optional().describe(
    "How often its tasks start, in all processes together: 10/s, 10/m, 10/h or 10/d.",
  ),
  max_depth: integer(1, 100_000).nullable().optional().describe(
    "Ready tasks from which on submissions are refused (429).",
  ),
}).openapi("ChannelPatch");

/** Body of `POST /v1/channels/{name}/purge`. */
export const PurgeBody = strict({
  confirm: text("the channel's name", 200).describe("The channel's name once more."),
}).openapi("PurgeRequest");

/** Answer of a purge. */
export const Purged = z.object({ purged: z.int().openapi({ description: "Tasks that were ended." }) })
  .openapi("Purged");

/** A process that executes tasks. */
export const Worker = z.object({
  id: z.string(),
  host: z.string(),
  pid: z.int(),
  channels: z.record(z.string(), z.int()).openapi({ description: "Slots per channel." }),
  started_at: moment,
  heartbeat_age: z.number(),
  lost: z.boolean(),
  running: z.array(z.object({
    id,
    name: z.string(),
    channel: z.string(),
    started_at: moment,
    reserved: z.boolean().nullable().openapi({
      description: "Claimed, and waiting for a free thread; null: only its own process knows.",
    }),
  })).openapi({ description: "What it runs now." }),
}).openapi("Worker");

/** The whole at a glance. */
export const Stats = z.object({
  version: z.string(),
  worker: z.string().nullable().openapi({ description: "This process among the workers." }),
  started_at: moment,
  uptime: z.number(),
  rate: z.number().openapi({
    description: "Tasks that ended in this process per second, over the last minute or since its start.",
  }),
  tasks: z.object({
    ready: z.int(),
    delayed: z.int(),
    blocked: z.int(),
    waiting: z.int().openapi({ description: "Of workflows: not released yet." }),
    running: z.int(),
    failure: z.int(),
    revoked: z.int(),
  }).openapi({
    description: "By place, and those that ended badly and are kept; counted up to 10,000 each.",
  }),
  workers: z.object({ alive: z.int(), lost: z.int() }),
  since_start: z.object({
    submitted: z.int(),
    started: z.int(),
    retried: z.int(),
    succeeded: z.int(),
    failed: z.int(),
    revoked: z.int(),
  }).openapi({ description: "What this process has done." }),
  channels: z.array(Channel),
}).openapi("Stats");

/** Why a task does not run. */
export const Explanation = z.object({
  id,
  state: TaskState,
  place: z.enum(["ready", "delayed", "blocked", "waiting", "run"]).nullable().openapi({
    description: "Where it stands; null when it has ended.",
  }),
  reasons: z.array(z.object({ code: z.string(), message: z.string() })),
}).openapi("Explanation");

/** Query of `GET /v1/keys`. */
export const KeyQuery = strict({
  prefix: z.string(must("one prefix")).optional().openapi({
    description: "First parts of the keys, after the namespace: ready/celery.",
  }),
  limit: z.string().regex(/^(?:[1-9]\d?|[1-4]\d\d|500)$/, must("an integer from 1 to 500")).optional()
    .openapi({ type: "integer", minimum: 1, maximum: 500, default: 100 }),
  cursor: z.string(must("one cursor")).optional().openapi({ description: "next_cursor of the page before." }),
});

/** Stored keys. */
export const KeyPage = z.object({
  keys: z.array(z.object({
    key: z.array(z.union([z.string(), z.number()])),
    value: z.string().openapi({ description: "Its beginning, as text." }),
    versionstamp: z.string(),
  })),
  next_cursor: z.string().nullable(),
}).openapi("KeyPage");

/** Body of S3's `POST /producer/api/sum`. */
export const SumBody = strict({ number: z.int(must("an integer of at most 53 bits")) }).openapi(
  "Sum",
);

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
