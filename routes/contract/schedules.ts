/**
 * Schedules and their history.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import {
  id,
  integer,
  moment,
  must,
  nextCursor,
  pageCursor,
  pageLimit,
  seconds,
  strict,
  taskFields,
  text,
  time,
} from "./form.ts";
import { TaskState } from "./tasks.ts";

/** The task of a schedule: a task request without a time of its own. */
export const ScheduledTask = strict(taskFields).openapi("ScheduledTask");

/** When a schedule is due. */
export const Trigger = strict({
  cron: text("cron text", 200).optional().describe(
    "Five fields, or six with seconds first; or `@daily` and its kin.",
  ),
  timezone: text("an IANA time zone", 100).optional().describe("Time zone of the cron text; UTC by default."),
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
    "With skip and all: an occurrence late by more is missed; 60 s unless it is given.",
  ),
  catch_up: z.enum(["skip", "one", "all"], must("skip, one or all")).optional().describe(
    "Tasks for missed occurrences: none; one for all that are due together, within the grace, too (the default); or " +
      "one each.",
  ),
  catch_up_limit: integer(1, 1000).optional().describe("With all: the last so many; 100 unless it is given."),
  max_instances: integer(1, 100).optional().describe(
    "While so many of its tasks have not ended an occurrence is skipped; 1 unless it is given.",
  ),
};

/** Body of `POST /v1/schedules`. */
export const ScheduleBody = strict({
  id: text("a schedule id", 200).optional().describe(
    "Letters, digits, '.', '_', ':' and '-', but not '.' or '..'.",
  ),
  ...scheduleFields,
}).openapi("ScheduleRequest");

/** A schedule after an edit. */
export const ScheduleChanges = strict(scheduleFields);

/** Body of `PATCH /v1/schedules/{id}`. */
export const SchedulePatch = z.record(z.string(), z.any(), must("an object"))
  .openapi("SchedulePatch", {
    description: "Any fields of ScheduleRequest but id; null is the default.",
    properties: Object.fromEntries(Object.keys(scheduleFields).map((field) => [field, {}])),
    additionalProperties: false,
  });

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
  problem: z.string().nullable().openapi({ description: "Why the schedule cannot fire although it should." }),
  next_run_at: moment.nullable(),
  last_run_at: moment.nullable(),
  created_at: moment,
  updated_at: moment,
}).openapi("Schedule");

/** A page of schedules, by id. */
export const SchedulePage = z.object({ schedules: z.array(Schedule), next_cursor: nextCursor })
  .openapi("SchedulePage");

/** An occurrence and its outcome. */
export const Occurrence = z.object({
  planned_at: moment,
  missed_until: moment.nullable().openapi({ description: "The last one of several missed occurrences." }),
  started_at: moment.nullable().openapi({ description: "When its task was submitted." }),
  task_id: id.nullable().openapi({ description: "Its task; of a duplicate the earlier one." }),
  late_by: z.number().openapi({ description: "Seconds from the planned moment until it was handled." }),
  outcome: z.enum(["submitted", "manual", "duplicate", "skipped", "missed", "refused"]),
  detail: z.string().nullable().openapi({ description: "Why the task was refused." }),
  state: z.union([TaskState, z.null()]).openapi({ description: "The task's state now, while it is kept." }),
}).openapi("Occurrence");

/** A page of a schedule's history, newest first. */
export const OccurrencePage = z.object({
  occurrences: z.array(Occurrence),
  next_cursor: nextCursor,
}).openapi("OccurrencePage");

/** Query of a list without filters. */
export const PageQuery = strict({ limit: pageLimit(50), cursor: pageCursor });

/** Query of `GET /v1/schedules/{id}/next`. */
export const NextQuery = strict({
  count: z.string().regex(/^(?:[1-9]\d?|100)$/, must("an integer from 1 to 100")).optional()
    .openapi({ type: "integer", minimum: 1, maximum: 100, default: 10 }),
});

/** Answer of `GET /v1/schedules/{id}/next`. */
export const NextOccurrences = z.object({ next: z.array(moment) });
