/**
 * Answers of the routes that look: definitions, workers, statistics, explanations and stored keys.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { Channel } from "./channels.ts";
import { id, moment, must, nextCursor, pageCursor, pageLimit, strict } from "./form.ts";
import { TaskState } from "./tasks.ts";

/** A task definition. */
export const Definition = z.object({
  name: z.string(),
  description: z.string().nullable(),
  channel: z.string(),
  priority: z.int(),
  max_retries: z.int(),
  soft_time_limit: z.number().nullable(),
  time_limit: z.number(),
  retry_on_timeout: z.boolean(),
  idempotency: z.object({ ttl: z.number(), on_duplicate: z.enum(["skip", "return", "raise"]) }).nullable()
    .openapi({ description: "Given when the definition makes an idempotency key of the arguments." }),
  args: z.any().openapi({ description: "JSON Schema of the argument array." }),
}).openapi("Definition");

/** Answer of `GET /v1/definitions`. */
export const DefinitionList = z.object({ definitions: z.array(Definition) });

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
  })).openapi({ description: "The tasks that the worker runs now." }),
}).openapi("Worker");

/** Answer of `GET /v1/workers`. */
export const WorkerList = z.object({ workers: z.array(Worker) });

/** Statistics of the store and of this process. */
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
    waiting: z.int().openapi({ description: "Tasks of workflows that are not released yet." }),
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
  }).openapi({ description: "Counts of this process." }),
  channels: z.array(Channel),
}).openapi("Stats");

/** The place of a task, and the reasons why it does not run. */
export const Explanation = z.object({
  id,
  state: TaskState,
  place: z.enum(["ready", "delayed", "blocked", "waiting", "run"]).nullable().openapi({
    description: "Where the task stands; null when it has ended.",
  }),
  reasons: z.array(z.object({ code: z.string(), message: z.string() })),
  timeline: z.array(z.object({
    what: z.enum(["waited", "retried", "parked", "ran"]).openapi({
      description:
        "retried: waited for the next run after a failed one; parked: for a rate, a concurrency key " +
        "or a worker that knows the name. Of parks only the present one is shown.",
    }),
    from: moment,
    to: moment.nullable().openapi({ description: "null: the task does this now." }),
    why: z.string().nullable().openapi({ description: "How a run ended; what the task waits for now." }),
  })).openapi({ description: "What the task did since it was submitted, oldest first." }),
}).openapi("Explanation");

/** Query of `GET /v1/keys`. */
export const KeyQuery = strict({
  prefix: z.string(must("one prefix")).optional().openapi({
    description: "First parts of the keys, after the namespace: ready/celery.",
  }),
  limit: pageLimit(100),
  cursor: pageCursor,
});

/** Stored keys. */
export const KeyPage = z.object({
  keys: z.array(z.object({
    key: z.array(z.union([z.string(), z.number()])),
    value: z.string().openapi({ description: "The beginning of the value, as text." }),
    versionstamp: z.string(),
  })),
  next_cursor: nextCursor,
}).openapi("KeyPage");
