/**
 * The one place that maps the engine's words to the wire's and back: camelCase to snake_case, milliseconds to
 * RFC 3339.
 *
 * @module
 */
import type { z } from "@hono/zod-openapi";
import config from "../../deno.json" with { type: "json" };
import type * as queue from "../../queue/mod.ts";
import type * as contract from "../contract/mod.ts";

let lastTime = NaN, lastText = "";

/** A moment on the wire. Under load many tasks share a millisecond, and its text. */
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

/** A request's body as the engine takes it. */
export function taskRequest(body: z.output<typeof contract.TaskRequestBody>): queue.TaskRequest {
  return {
    ...scheduledTask(body),
    ...body.delay !== undefined && { delay: body.delay },
    ...body.run_at !== undefined && { runAt: Date.parse(body.run_at) },
  };
}

function scheduledTask(body: z.output<typeof contract.ScheduledTask>): queue.ScheduledTask {
  return {
    name: body.name,
    args: body.args,
    ...body.channel !== undefined && { channel: body.channel },
    ...body.priority !== undefined && { priority: body.priority },
    ...body.expires !== undefined && { expires: body.expires },
    ...body.max_retries !== undefined && { maxRetries: body.max_retries },
    ...body.soft_time_limit !== undefined && { softTimeLimit: body.soft_time_limit },
    ...body.time_limit !== undefined && { timeLimit: body.time_limit },
    ...body.ignore_result !== undefined && { ignoreResult: body.ignore_result },
    ...body.tags !== undefined && { tags: body.tags },
  };
}

function wireScheduledTask(task: queue.ScheduledTask): z.output<typeof contract.ScheduledTask> {
  return {
    name: task.name,
    args: [...task.args],
    ...task.channel !== undefined && { channel: task.channel },
    ...task.priority !== undefined && { priority: task.priority },
    ...task.expires !== undefined && { expires: task.expires },
    ...task.maxRetries !== undefined && { max_retries: task.maxRetries },
    ...task.softTimeLimit !== undefined && { soft_time_limit: task.softTimeLimit },
    ...task.timeLimit !== undefined && { time_limit: task.timeLimit },
    ...task.ignoreResult !== undefined && { ignore_result: task.ignoreResult },
    ...task.tags !== undefined && { tags: [...task.tags] },
  };
}

/** A schedule as the engine takes it, with all that a person decides; what is left out is the default. */
export function scheduleRequest(body: z.output<typeof contract.ScheduleChanges>) {
  return {
    task: scheduledTask(body.task),
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

/** A trigger as it was sent: the engine says what is wrong with two kinds at once, or none. */
export function trigger({ date, ...rest }: z.output<typeof contract.Trigger>): queue.Trigger {
  return { ...rest, ...date !== undefined && { date: Date.parse(date) } } as queue.Trigger;
}

function timeOrNull(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Date.parse(text);
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
  return { id, name, state, ...linkErrorId !== undefined && { link_error_id: linkErrorId } };
}

/** A query of `GET /v1/tasks` as the engine takes it. */
export function taskFilter(query: z.output<typeof contract.TaskQuery>): queue.TaskFilter {
  return {
    ...query.state !== undefined && { state: query.state },
    ...query.name !== undefined && { name: query.name },
    ...query.channel !== undefined && { channel: query.channel },
    ...query.tag !== undefined && { tag: query.tag },
    ...query.schedule_id !== undefined && { scheduleId: query.schedule_id },
    ...query.root_id !== undefined && { rootId: query.root_id },
    ...query.group_id !== undefined && { groupId: query.group_id },
    ...query.created_after !== undefined && { createdAfter: Date.parse(query.created_after) },
    ...query.created_before !== undefined && { createdBefore: Date.parse(query.created_before) },
    ...query.redriven !== undefined && { redriven: query.redriven === "true" },
    ...query.limit !== undefined && { limit: Number(query.limit) },
    ...query.cursor !== undefined && { cursor: query.cursor },
  };
}

/** A body of `POST /v1/tasks/retry` as the engine takes it. */
export function redriveFilter(body: z.output<typeof contract.RedriveBody>): queue.RedriveFilter {
  return {
    state: body.state,
    limit: body.limit,
    dryRun: body.dry_run,
    ...body.name !== undefined && { name: body.name },
    ...body.channel !== undefined && { channel: body.channel },
    ...body.tag !== undefined && { tag: body.tag },
    ...body.created_after !== undefined && { createdAfter: Date.parse(body.created_after) },
    ...body.created_before !== undefined && { createdBefore: Date.parse(body.created_before) },
    ...body.cursor !== undefined && { cursor: body.cursor },
  };
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
    max_depth: channel.maxDepth,
    ready: channel.ready,
    delayed: channel.delayed,
    blocked: channel.blocked,
    running: channel.running,
    oldest_age: channel.oldestAge,
  };
}

/** A channel's patch as the engine takes it. */
export function channelChange(patch: z.output<typeof contract.ChannelPatch>): queue.ChannelChange {
  return {
    ...patch.paused !== undefined && { paused: patch.paused },
    ...patch.slots !== undefined && { slots: patch.slots },
    ...patch.rate_limit !== undefined && { rateLimit: patch.rate_limit },
    ...patch.max_depth !== undefined && { maxDepth: patch.max_depth },
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

/** The whole as `GET /v1/stats` shows it. */
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
