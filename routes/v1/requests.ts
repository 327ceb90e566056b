/**
 * Turns requests into the engine's words: snake_case into camelCase, RFC 3339 into milliseconds.
 *
 * @module
 */
import type { z } from "@hono/zod-openapi";
import type * as queue from "../../queue/mod.ts";
import type * as contract from "../contract/mod.ts";
import { given } from "./given.ts";

/** A task request, or a schedule's task, as the engine takes it. */
export function taskRequest(body: z.output<typeof contract.TaskRequestBody>): queue.TaskRequest {
  return given({
    name: body.name,
    args: body.args,
    channel: body.channel,
    priority: body.priority,
    expires: body.expires,
    maxRetries: body.max_retries,
    softTimeLimit: body.soft_time_limit,
    timeLimit: body.time_limit,
    retryOnTimeout: body.retry_on_timeout,
    ignoreResult: body.ignore_result,
    tags: body.tags,
    delay: body.delay,
    runAt: timeOf(body.run_at),
  });
}

/** A schedule as the engine takes it, with all that a person decides; a field that is left out has its default. */
export function scheduleRequest(body: z.output<typeof contract.ScheduleChanges>) {
  return {
    task: taskRequest(body.task),
    trigger: trigger(body.trigger),
    paused: body.paused,
    startAt: timeOrNull(body.start_at),
    endAt: timeOrNull(body.end_at),
    jitter: body.jitter,
    misfireGrace: body.misfire_grace,
    catchUp: body.catch_up,
    catchUpLimit: body.catch_up_limit,
    maxInstances: body.max_instances,
  };
}

/** A trigger as it was sent; the engine says what is wrong with a trigger of two kinds, or of none. */
export function trigger({ date, ...rest }: z.output<typeof contract.Trigger>): queue.Trigger {
  return given({ ...rest, date: timeOf(date) }) as queue.Trigger;
}

/** A query of `GET /v1/tasks` as the engine takes it. */
export function taskFilter(query: z.output<typeof contract.TaskQuery>): queue.TaskFilter {
  return given({
    state: query.state,
    name: query.name,
    channel: query.channel,
    tag: query.tag,
    scheduleId: query.schedule_id,
    rootId: query.root_id,
    groupId: query.group_id,
    createdAfter: timeOf(query.created_after),
    createdBefore: timeOf(query.created_before),
    redriven: query.redriven && query.redriven === "true",
    limit: integerOf(query.limit),
    cursor: query.cursor,
  });
}

/** A body of `POST /v1/tasks/retry` as the engine takes it. */
export function redriveFilter(body: z.output<typeof contract.RedriveBody>): queue.RedriveFilter {
  return given({
    state: body.state,
    limit: body.limit,
    dryRun: body.dry_run,
    name: body.name,
    channel: body.channel,
    tag: body.tag,
    createdAfter: timeOf(body.created_after),
    createdBefore: timeOf(body.created_before),
    cursor: body.cursor,
  });
}

/** A query of `GET /v1/audit` as the engine takes it. */
export function auditFilter(query: z.output<typeof contract.AuditQuery>): queue.AuditFilter {
  const { from, to, limit, ...rest } = query;
  return given({ ...rest, from: timeOf(from), to: timeOf(to), limit: integerOf(limit) });
}

/** The page that a query asks for. */
export function pageOptions({ limit, cursor }: z.output<typeof contract.PageQuery>) {
  return given({ limit: integerOf(limit), cursor });
}

/** A channel's patch as the engine takes it. */
export function channelChange(patch: z.output<typeof contract.ChannelPatch>): queue.ChannelChange {
  return given({
    paused: patch.paused,
    slots: patch.slots,
    rateLimit: patch.rate_limit,
    burst: patch.burst,
    maxDepth: patch.max_depth,
  });
}

/** A moment of a request, in milliseconds. */
function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}

/** An integer of a query. */
function integerOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function timeOrNull(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Date.parse(text);
}
