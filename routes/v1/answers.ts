/**
 * The product's own API, `/v1`: a file for each resource, `requests.ts` from the wire to the engine, and
 * `answers.ts` from the engine to the wire. The folder imports `routes/contract/`, `routes/http/` and `queue/mod.ts`.
 *
 * This file turns the engine's words into answers: camelCase into snake_case, milliseconds into RFC 3339. Each answer is
 * one literal, because a table of fields that is walked for each task takes 1.4 µs instead of 0.03.
 *
 * @module
 */
import type { z } from "@hono/zod-openapi";
import config from "../../deno.json" with { type: "json" };
import type * as queue from "../../queue/mod.ts";
import type * as contract from "../contract/mod.ts";
import { given } from "./given.ts";

let lastTime = NaN, lastText = "";

/** A moment on the wire. The last text is kept, because under load many tasks share a millisecond. */
export function timeText(milliseconds: number): string {
  if (milliseconds !== lastTime) {
    [lastTime, lastText] = [milliseconds, new Date(milliseconds).toISOString()];
  }
  return lastText;
}

function timeTextOrNull(milliseconds: number | null): string | null {
  return milliseconds === null ? null : timeText(milliseconds);
}

/** A task as `/v1` shows it. */
export function wireTask(task: queue.Task): z.output<typeof contract.Task> {
  return {
    id: task.id,
    name: task.name,
    args: task.args as queue.Json[],
    state: task.state,
    result: task.result,
    error: task.error,
    progress: task.progress,
    retries: task.retries,
    max_retries: task.maxRetries,
    channel: task.channel,
    priority: task.priority,
    tags: task.tags as string[],
    created_at: timeText(task.createdAt),
    run_at: timeText(task.runAt),
    started_at: timeTextOrNull(task.startedAt),
    date_done: timeTextOrNull(task.doneAt),
    expires_at: timeTextOrNull(task.expiresAt),
    root_id: task.rootId,
    parent_id: task.parentId,
    group_id: task.groupId,
    schedule_id: task.scheduleId,
    redrive_of: task.redriveOf,
    worker: task.worker,
    ...task.duplicate !== undefined && { duplicate: true },
  };
}

/** A task with its runs, as `GET /v1/tasks/{id}` shows it. */
export function wireTaskDetail(task: queue.Task): z.output<typeof contract.TaskDetail> {
  const attempts = task.attempts.map(({ startedAt, endedAt, worker, outcome, error }) => ({
    started_at: timeText(startedAt),
    ended_at: timeTextOrNull(endedAt),
    worker,
    outcome,
    error,
  }));
  return { ...wireTask(task), submitted_by: task.submittedBy, attempts };
}

/** Why a task does not run, and its timeline. */
export function wireExplanation(
  { id, state, place, reasons, timeline }: queue.Explanation,
): z.output<typeof contract.Explanation> {
  const spans = timeline.map(({ what, from, to, why }) => ({
    what,
    from: timeText(from),
    to: timeTextOrNull(to),
    why,
  }));
  return { id, state, place, reasons: [...reasons], timeline: spans };
}

function wireScheduledTask(task: queue.ScheduledTask): z.output<typeof contract.ScheduledTask> {
  return given({
    name: task.name,
    args: [...task.args],
    channel: task.channel,
    priority: task.priority,
    expires: task.expires,
    max_retries: task.maxRetries,
    soft_time_limit: task.softTimeLimit,
    time_limit: task.timeLimit,
    retry_on_timeout: task.retryOnTimeout,
    ignore_result: task.ignoreResult,
    tags: task.tags && [...task.tags],
  });
}

/** A schedule as `/v1` shows it. */
export function wireSchedule(schedule: queue.Schedule): z.output<typeof contract.Schedule> {
  const { trigger } = schedule;
  return {
    id: schedule.id,
    task: wireScheduledTask(schedule.task),
    trigger: "date" in trigger ? { date: timeText(trigger.date) } : trigger,
    paused: schedule.paused,
    start_at: timeTextOrNull(schedule.startAt),
    end_at: timeTextOrNull(schedule.endAt),
    jitter: schedule.jitter,
    misfire_grace: schedule.misfireGrace,
    catch_up: schedule.catchUp,
    catch_up_limit: schedule.catchUpLimit,
    max_instances: schedule.maxInstances,
    origin: schedule.origin,
    problem: schedule.problem,
    next_run_at: timeTextOrNull(schedule.nextRunAt),
    last_run_at: timeTextOrNull(schedule.lastRunAt),
    created_at: timeText(schedule.createdAt),
    updated_at: timeText(schedule.updatedAt),
  };
}

/** An occurrence as a schedule's history shows it. */
export function wireOccurrence(occurrence: queue.Occurrence): z.output<typeof contract.Occurrence> {
  return {
    planned_at: timeText(occurrence.plannedAt),
    missed_until: timeTextOrNull(occurrence.missedUntil),
    started_at: timeTextOrNull(occurrence.startedAt),
    task_id: occurrence.taskId,
    late_by: occurrence.lateBy,
    outcome: occurrence.outcome,
    detail: occurrence.detail,
    state: occurrence.state,
  };
}

/** A workflow as `/v1/workflows` shows it. */
export function wireWorkflow(workflow: queue.Workflow): z.output<typeof contract.Workflow> {
  return {
    id: workflow.id,
    state: workflow.state,
    total: workflow.total,
    finished: workflow.finished,
    failed: workflow.failed,
    result_id: workflow.resultId,
    result: workflow.result,
    error: workflow.error,
    created_at: timeText(workflow.createdAt),
    date_done: timeTextOrNull(workflow.doneAt),
    graph: wireGraph(workflow.graph),
  };
}

function wireGraph(node: queue.GraphNode): queue.Json {
  if ("chain" in node) return { chain: node.chain.map(wireGraph) };
  if ("group" in node) {
    const { id, size, finished, members } = node.group;
    return { group: { id, size, finished, ...members && { members: members.map(wireGraph) } } };
  }
  const { id, name, state, linkErrorId } = node;
  return given({ id, name, state, link_error_id: linkErrorId });
}

/** A definition as `GET /v1/definitions` shows it. */
export function wireDefinition(definition: queue.DefinitionView): z.output<typeof contract.Definition> {
  return {
    name: definition.name,
    description: definition.description,
    channel: definition.channel,
    priority: definition.priority,
    max_retries: definition.maxRetries,
    soft_time_limit: definition.softTimeLimit,
    time_limit: definition.timeLimit,
    retry_on_timeout: definition.retryOnTimeout,
    idempotency: definition.idempotency &&
      { ttl: definition.idempotency.ttl, on_duplicate: definition.idempotency.onDuplicate },
    args: definition.args,
  };
}

/** A channel as `GET /v1/channels` shows it. */
export function wireChannel(channel: queue.Channel): z.output<typeof contract.Channel> {
  return {
    name: channel.name,
    paused: channel.paused,
    slots: channel.slots,
    rate_limit: channel.rateLimit,
    burst: channel.burst,
    max_depth: channel.maxDepth,
    ready: channel.ready,
    delayed: channel.delayed,
    blocked: channel.blocked,
    running: channel.running,
    oldest_age: channel.oldestAge,
  };
}

/** A worker as `GET /v1/workers` shows it. */
export function wireWorker(worker: queue.Worker): z.output<typeof contract.Worker> {
  return {
    id: worker.id,
    host: worker.host,
    pid: worker.pid,
    channels: { ...worker.channels },
    started_at: timeText(worker.startedAt),
    heartbeat_age: worker.heartbeatAge,
    lost: worker.lost,
    running: worker.running.map(({ id, name, channel, startedAt, reserved }) => ({
      id,
      name,
      channel,
      started_at: timeText(startedAt),
      reserved,
    })),
  };
}

/** The statistics as `GET /v1/stats` shows them. */
export function wireStats(stats: queue.Stats): z.output<typeof contract.Stats> {
  return {
    version: config.version,
    worker: stats.worker,
    started_at: timeText(stats.startedAt),
    uptime: stats.uptime,
    rate: stats.rate,
    tasks: { ...stats.tasks },
    workers: { ...stats.workers },
    since_start: { ...stats.sinceStart },
    channels: stats.channels.map(wireChannel),
  };
}

/** A stored key as `/v1` shows it. */
export function wireKey({ key, value, versionstamp }: queue.StoredKey) {
  return { key: [...key], value, versionstamp };
}

/** An API key as `/v1/api-keys` shows it. */
export function wireApiKey(key: queue.ApiKey): z.output<typeof contract.ApiKey> {
  return {
    name: key.name,
    prefix: key.prefix,
    scopes: [...key.scopes],
    created_at: timeText(key.createdAt),
    expires_at: timeTextOrNull(key.expiresAt),
    last_used_at: timeTextOrNull(key.lastUsedAt),
  };
}

/** An entry of the audit as `/v1` shows it. */
export function wireAuditEntry(
  { id, at, by, requestId, action, target, count, before, after }: queue.AuditEntry,
): z.output<typeof contract.AuditPage>["entries"][number] {
  return {
    id,
    at: timeText(at),
    by: { ...by },
    request_id: requestId,
    action,
    target,
    count,
    before: wireFields(before),
    after: wireFields(after),
  };
}

/** Fields of the engine's rows by the names and the forms of the wire; arguments stay as they are. */
function wireFields(value: queue.Json): queue.Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]) => [
      field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      typeof inner === "number" && /^date$|At$/.test(field) ? timeText(inner) : wireFields(inner),
    ]),
  );
}
