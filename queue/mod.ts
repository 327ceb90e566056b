/**
 * Sluice's engine: durable background tasks in Deno KV.
 *
 * @module
 */
export * from "./ground/errors.ts";
export { backup } from "./backup/backup.ts";
export { restore, type RestoreOptions } from "./backup/restore.ts";
export { type Clock, type Random, sleep, systemClock } from "./ground/clock.ts";
export {
  type AnyTaskDefinition,
  type ArgsSchema,
  type DefinedTask,
  defineTask,
  type Lock,
  type LockOptions,
  type TaskCommit,
  type TaskContext,
  type TaskDefinition,
  type TaskIdempotency,
  type TaskLog,
  type TaskOptions,
  type ThreadTarget,
} from "./task/define.ts";
export { diagnose, type DiagnoseOptions, type Diagnosis } from "./doctor/diagnose.ts";
export type { LogLevel, OnEvent, QueueEvent, TaskRef } from "./ground/events.ts";
export { complain, harmless, stackOf } from "./ground/observer.ts";
export { type StrayKind, surviveStrayErrors } from "./ground/stray_errors.ts";
export { type ApiKey, type ApiKeyRequest, type ApiKeys, type Scope, SCOPES } from "./ground/access.ts";
export type { Actor, AuditAction, AuditEntry } from "./ground/audit.ts";
export type { AuditFilter } from "./inspect/audit.ts";
export type { Explanation, Place } from "./inspect/explain.ts";
export type { Span } from "./inspect/timeline.ts";
export type { DefinitionView } from "./inspect/views.ts";
export type { Queue, QueueOptions } from "./api.ts";
export { createQueue } from "./queue.ts";
export type { TaskFilter, TaskList } from "./task/list.ts";
export type { Reason, ReasonCode } from "./inspect/reasons.ts";
export type { RedriveFilter, Redriven } from "./operate/redrive.ts";
export type { RetryPolicy } from "./task/retry.ts";
export type { TaskRoutes } from "./request/routing.ts";
export type { ChannelChange } from "./operate/channels.ts";
export type {
  CatchUp,
  CodeSchedule,
  Occurrence,
  OccurrenceOutcome,
  PageOptions,
  Schedule,
  ScheduledTask,
  ScheduleOptions,
  ScheduleRequest,
  Schedules,
  ScheduleSettings,
  Trigger,
} from "./schedules/schedule.ts";
export { kvStore } from "./store/kv_store.ts";
export { memoryStore } from "./store/memory_store.ts";
export { openAssignedStore } from "./store/assigned.ts";
export { openStore } from "./store/open.ts";
export type { Store } from "./store/port.ts";
export { canonicalJson } from "./request/idempotency.ts";
export type { Counts } from "./inspect/tally.ts";
export type { Stats } from "./inspect/stats.ts";
export type { KeyFilter, StoredKey } from "./inspect/stored_keys.ts";
export { nearest } from "./ground/suggest.ts";
export { jsonText, printable, wellFormed } from "./ground/well_formed.ts";
export { defineThreadTask, type ThreadContext, type ThreadTaskOptions } from "./threads/define.ts";
export {
  type Attempt,
  type AttemptOutcome,
  type Channel,
  type FinalState,
  type Health,
  type Idempotency,
  isFinal,
  type Json,
  type RunningTask,
  STATES,
  type SubmitOptions,
  type Task,
  type TaskChange,
  type TaskError,
  type TaskRequest,
  type TaskState,
  type Worker,
} from "./ground/task.ts";
export {
  chain,
  chord,
  group,
  type GroupOptions,
  map,
  Signature,
  type SignatureOptions,
  starmap,
} from "./task/canvas.ts";
export type {
  ChainNode,
  ChordNode,
  GroupNode,
  GroupResults,
  MapNode,
  OnFailure,
  StarmapNode,
  TaskNode,
  WorkflowNode,
} from "./task/node.ts";
export type { GraphGroup, GraphNode, GraphTask, Workflow } from "./workflow/view.ts";
