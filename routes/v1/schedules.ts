/**
 * `/v1/schedules`: create, read, change, pause, run and delete schedules.
 *
 * @module
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { type Fault, type Queue, type Schedule, ScheduleChangedError } from "../../queue/mod.ts";
import { asCaller } from "../http/access.ts";
import { limitBody } from "../http/body.ts";
import {
  NextOccurrences,
  NextQuery,
  OccurrencePage,
  PageQuery,
  Schedule as WireSchedule,
  ScheduleBody,
  ScheduleChanges,
  SchedulePage,
  SchedulePatch,
  Task,
  Trigger,
} from "../contract/mod.ts";
import type { Context, Env } from "../env.ts";
import { matchesStrongly, tagged } from "../http/etag.ts";
import { zodFaults } from "../http/faults.ts";
import { idempotency, submitted } from "../http/idempotency.ts";
import { isObject, type JsonObject, mergePatch } from "../http/merge_patch.ts";
import { get, header, IDEMPOTENCY_KEY, json, jsonBody, patchBody, PROBLEM } from "../http/openapi.ts";
import { linkNext } from "../http/pages.ts";
import { invalidRequest, refuseInvalidWith, RequestError, taskFaults } from "../http/problems.ts";
import { timeText, wireOccurrence, wireSchedule, wireTask } from "./answers.ts";
import { pageOptions, scheduleRequest, trigger } from "./requests.ts";

/** Bytes of a schedule: the engine's limit for its task, and as much again for escapes. */
const SCHEDULE_BYTES = 128 * 1024;

const PATH = "/v1/schedules";
const params = z.object({ id: z.string() });

const create = createRoute({
  method: "post",
  path: PATH,
  summary: "Create a schedule",
  middleware: [limitBody(SCHEDULE_BYTES)],
  parameters: [IDEMPOTENCY_KEY],
  request: { body: jsonBody(ScheduleBody) },
  responses: { 201: json("Stored; `ETag` is what an edit needs.", WireSchedule), default: PROBLEM },
});

const list = get(PATH, "Schedules by id", json("A page; `Link: rel=next` leads to the next.", SchedulePage), {
  query: PageQuery,
});

const read = get(
  `${PATH}/{id}`,
  "A schedule",
  json("The schedule; its `ETag` changes with every edit, not when it fires.", WireSchedule),
  { params },
);

const change = createRoute({
  method: "patch",
  path: `${PATH}/{id}`,
  summary: "Change a schedule",
  description:
    "A merge patch (RFC 7396): what is left out stays, null is the default. A new trigger replaces " +
    "one of another kind.",
  middleware: [limitBody(SCHEDULE_BYTES, { required: true })],
  parameters: [header("If-Match", "The ETag of the schedule as it was read.", {
    required: true,
  })],
  request: {
    params,
    body: patchBody(SchedulePatch),
  },
  responses: { 200: json("The changed schedule.", WireSchedule), default: PROBLEM },
});

const remove = createRoute({
  method: "delete",
  path: `${PATH}/{id}`,
  summary: "Delete a schedule and its history",
  request: { params },
  responses: { 204: { description: "Deleted; the tasks it has submitted stay." }, default: PROBLEM },
});

/** A route that pauses or resumes a schedule. */
function turning<const Verb extends string>(verb: Verb, summary: string, answer: string) {
  return createRoute({
    method: "post",
    path: `${PATH}/{id}/${verb}` as const,
    summary,
    request: { params },
    responses: { 200: json(answer, WireSchedule), default: PROBLEM },
  });
}

const pause = turning("pause", "Pause a schedule", "The paused schedule.");

const resume = turning(
  "resume",
  "Resume a schedule; occurrences during the pause are not made up for",
  "The resumed schedule.",
);

const run = createRoute({
  method: "post",
  path: `${PATH}/{id}/run`,
  summary: "Submit a schedule's task now",
  parameters: [IDEMPOTENCY_KEY],
  request: { params },
  responses: { 202: json("Accepted and stored.", Task), default: PROBLEM },
});

const next = get(
  `${PATH}/{id}/next`,
  "The next occurrences; of a paused schedule those it would have",
  json("Planned moments.", NextOccurrences),
  { params, query: NextQuery },
);

const occurrences = get(
  `${PATH}/{id}/occurrences`,
  "The last 1,000 occurrences with their outcomes, newest first",
  json("A page; `Link: rel=next` leads to the next.", OccurrencePage),
  { params, query: PageQuery },
);

/** The routes of schedules. */
export function scheduleRoutes(queue: Queue): OpenAPIHono<Env> {
  const { schedules } = queue;
  const acting = (c: Context) => asCaller(c, queue).schedules;
  const app = new OpenAPIHono<Env>({ defaultHook: refuseInvalidWith((body) => faultsIn(queue, body)) });
  app.openapi(create, async (c) => {
    const body = c.req.valid("json");
    const request = { ...scheduleRequest(body), id: body.id };
    const { schedule, replayed } = await acting(c).create(
      request,
      await idempotency(c, body),
    );
    return submitted(c, answer(c, schedule, 201), `${PATH}/${schedule.id}`, replayed);
  });
  app.openapi(list, async (c) => {
    const page = await schedules.list(pageOptions(c.req.valid("query")));
    const body = { schedules: page.schedules.map(wireSchedule), next_cursor: page.cursor };
    return linkNext(c, c.json(body, 200), page.cursor);
  });
  app.openapi(read, async (c) => answer(c, await schedules.get(c.req.valid("param").id), 200));
  app.openapi(change, async (c) => {
    const { id } = c.req.valid("param");
    const expected = c.req.header("if-match");
    if (expected === undefined) {
      throw new RequestError(
        "precondition-required",
        "Request must carry 'If-Match' with the ETag of the schedule as it was read",
      );
    }
    const current = await schedules.get(id);
    if (!matchesStrongly(expected, etagOf(current))) throw new ScheduleChangedError(id);
    const patch = c.req.valid("json");
    const merged = ScheduleChanges.safeParse(patched(current, patch));
    if (!merged.success) throw invalidRequest(zodFaults("body", merged.error));
    const { paused, ...changes } = scheduleRequest(merged.data);
    // An orphan is shown as paused; an edit of another field must not make the pause permanent.
    const asked = "paused" in patch ? { ...changes, paused } : changes;
    return answer(c, await acting(c).update(id, asked, current.revision), 200);
  });
  app.openapi(remove, async (c) => {
    await acting(c).delete(c.req.valid("param").id);
    return c.body(null, 204);
  });
  app.openapi(pause, async (c) => answer(c, await acting(c).pause(c.req.valid("param").id), 200));
  app.openapi(resume, async (c) => answer(c, await acting(c).resume(c.req.valid("param").id), 200));
  app.openapi(run, async (c) => {
    const { task, replayed } = await acting(c).run(c.req.valid("param").id, await idempotency(c, null));
    return submitted(c, c.json(wireTask(task), 202), `/v1/tasks/${task.id}`, replayed);
  });
  app.openapi(next, async (c) => {
    const { count } = c.req.valid("query");
    const moments = await schedules.next(c.req.valid("param").id, count === undefined ? 10 : Number(count));
    return c.json({ next: moments.map(timeText) }, 200);
  });
  app.openapi(occurrences, async (c) => {
    const page = await schedules.occurrences(c.req.valid("param").id, pageOptions(c.req.valid("query")));
    const body = { occurrences: page.occurrences.map(wireOccurrence), next_cursor: page.cursor };
    return linkNext(c, c.json(body, 200), page.cursor);
  });
  return app;
}

function etagOf({ revision }: Schedule): string {
  return `"${revision}"`;
}

function answer<Status extends 200 | 201>(c: Context, schedule: Schedule, status: Status) {
  return tagged(c.json(wireSchedule(schedule), status), etagOf(schedule));
}

/** The fields of a schedule that a person may change, as they would be with the patch. */
function patched(schedule: Schedule, patch: JsonObject): JsonObject {
  const { id: _id, origin: _origin, problem: _problem, ...rest } = wireSchedule(schedule);
  const { next_run_at: _next, last_run_at: _last, created_at: _created, updated_at: _updated, ...own } = rest;
  const kindOf = (trigger: unknown) =>
    ["cron", "interval", "date"].find((kind) => isObject(trigger) && (trigger[kind] ?? null) !== null);
  const kind = kindOf(patch.trigger);
  const keeps = kind === undefined || kind === kindOf(own.trigger);
  // A patch takes away what is null, but a field that does not exist is to be refused.
  const unknown = Object.entries(patch).filter(([field]) => !Object.hasOwn(ScheduleChanges.shape, field));
  return { ...mergePatch(keeps ? own : { ...own, trigger: {} }, patch), ...Object.fromEntries(unknown) };
}

/** The faults that the engine finds in the well-formed parts of a body that is not valid as a whole. */
function faultsIn(queue: Queue, body: unknown): Fault[] {
  if (!isObject(body)) return [];
  const task = taskFaults(queue, body.task).map((fault) => ({ ...fault, pointer: `/task${fault.pointer}` }));
  const parsed = Trigger.safeParse(body.trigger);
  return parsed.success ? [...task, ...queue.schedules.faults({ trigger: trigger(parsed.data) })] : task;
}
