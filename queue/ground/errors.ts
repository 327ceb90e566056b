/**
 * Every error the engine throws or stores. `code` is for programs (routes map it to a status). `message` is for people
 * and says what was asked, what was expected and what was found.
 *
 * ```text
 * SluiceError
 *   to the caller      UnknownTaskError  InvalidTaskError  TaskNotFoundError  TaskFinalError  TaskFailedError
 *                      WorkflowNotFoundError  WorkflowFinalError
 *                      RedriveError
 *                      IdempotencyConflictError  DuplicateTaskError  TooLargeError  OverloadedError  StoppedError
 *                      InvalidApiKeyError  ApiKeyExistsError  ApiKeyNotFoundError
 *                      InvalidChannelError  ChannelNotFoundError  OverCapacityError
 *                      InvalidScheduleError  ScheduleNotFoundError  ScheduleChangedError  ScheduleConflictError
 *   from the store     StoreUnavailableError  StoreBrokenError  RefusedCommitError  FencedError
 *   about a backup     BackupError
 *   inside a handler   RetryError  NonRetryableError  SoftTimeLimitExceeded  TimeLimitExceeded
 *                      TaskRevokedError  ShutdownError  CommitConflictError
 *                      LockTimeoutError  LockNotHeldError
 *   about a thread     OutOfMemoryError  ThreadExitError  ThreadModuleError
 *   only in a result   WorkerLostError  ResultTooLarge  ResultNotSerializable  ArgumentsError  Expired
 *                      ChainError  ChordError
 * ```
 *
 * @module
 */

/** A fault at one place of a request. */
export interface Fault {
  /** JSON pointer (RFC 6901) to the place, from the request's root: `/args/0`. */
  readonly pointer: string;
  /** Says what was expected at this place and what was found. */
  readonly detail: string;
}

/** The base class of the engine's errors. */
export abstract class SluiceError extends Error {
  /** Stable name for programs. */
  abstract readonly code: string;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** No definition has this name. */
export class UnknownTaskError extends SluiceError {
  readonly code = "unknown-task";
  /** @param suggestion the nearest known name, if one is near */
  constructor(readonly taskName: string, readonly suggestion: string | null, readonly pointer = "/name") {
    super(
      `No task is named '${taskName}'${suggestion === null ? "" : `; did you mean '${suggestion}'?`}`,
    );
  }
}

/** A submission that its definition, or the engine, does not accept. */
export class InvalidTaskError extends SluiceError {
  readonly code = "invalid-task";
  /** @param faults every fault found, not only the first */
  constructor(readonly faults: readonly Fault[]) {
    super(`Task is not valid: ${faults.map((f) => `${f.pointer}: ${f.detail}`).join("; ")}`);
  }
}

/** Why an id names nothing. */
type NotFound = "malformed" | "unknown" | "expired";

function notFound(kind: "task" | "workflow", id: string, reason: NotFound): string {
  const Kind = kind === "task" ? "Task" : "Workflow";
  if (reason === "malformed") return `${Kind} id must be a UUID: '${id.slice(0, 64)}'`;
  if (reason === "expired") return `${Kind} '${id}' is no longer kept: its retention is over`;
  return `No ${kind} has the id '${id}'`;
}

/** The id names no task: it is malformed, was never given out, or its record's retention is over. */
export class TaskNotFoundError extends SluiceError {
  readonly code: "malformed-id" | "task-unknown" | "task-expired";
  constructor(readonly taskId: string, reason: NotFound) {
    super(notFound("task", taskId, reason));
    this.code = reason === "malformed" ? "malformed-id" : `task-${reason}`;
  }
}

/** The task has already ended; a final state never changes. */
export class TaskFinalError extends SluiceError {
  readonly code = "task-final";
  constructor(readonly taskId: string, readonly state: string) {
    super(`Task '${taskId}' has already ended as ${state}`);
  }
}

/** The id names no workflow: it is malformed, names something else, or its retention is over. */
export class WorkflowNotFoundError extends SluiceError {
  readonly code: "malformed-id" | "workflow-unknown" | "workflow-expired";
  constructor(readonly workflowId: string, reason: NotFound) {
    super(notFound("workflow", workflowId, reason));
    this.code = reason === "malformed" ? "malformed-id" : `workflow-${reason}`;
  }
}

/** The workflow has already ended; a final state never changes. */
export class WorkflowFinalError extends SluiceError {
  readonly code = "workflow-final";
  constructor(readonly workflowId: string, readonly state: string) {
    super(`Workflow '${workflowId}' has already ended as ${state}`);
  }
}

/** The task cannot be redriven: only one that ended in FAILURE or REVOKED can, and only once. */
export class RedriveError extends SluiceError {
  readonly code = "not-redrivable";
  /** @param redrivenAs id of the task that repeats this one already */
  constructor(readonly taskId: string, why: string, readonly redrivenAs: string | null = null) {
    super(`Task '${taskId}' cannot be submitted anew: ${why}`);
  }
}

/** The awaited task ended without a result. */
export class TaskFailedError extends SluiceError {
  readonly code = "task-failed";
  constructor(readonly taskId: string, readonly state: string, readonly type: string, detail: string) {
    super(`Task '${taskId}' ended as ${state}: ${type}: ${detail}`);
  }
}

/** The same idempotency key came with another request. */
export class IdempotencyConflictError extends SluiceError {
  readonly code = "idempotency-key-reused";
  constructor(readonly key: string) {
    super(`Idempotency key '${key}' was used before with another request`);
  }
}

/** A task with the same key of its definition was submitted before, and the definition refuses duplicates. */
export class DuplicateTaskError extends SluiceError {
  readonly code = "duplicate-task";
  /** @param taskId the task that has the key */
  constructor(readonly taskName: string, readonly key: string, readonly taskId: string) {
    super(
      `Task '${taskName}' was submitted before with the idempotency key '${key}': it is task '${taskId}'`,
    );
  }
}

/** A request for an API key that is not valid. */
export class InvalidApiKeyError extends SluiceError {
  readonly code = "invalid-api-key";
  /** @param faults every fault found, not only the first */
  constructor(readonly faults: readonly Fault[]) {
    super(`API key is not valid: ${faults.map((f) => `${f.pointer}: ${f.detail}`).join("; ")}`);
  }
}

/** There is an API key of this name. */
export class ApiKeyExistsError extends SluiceError {
  readonly code = "api-key-exists";
  constructor(name: string) {
    super(`An API key is named '${name}' already: revoke it first, or take another name`);
  }
}

/** No API key has this name. */
export class ApiKeyNotFoundError extends SluiceError {
  readonly code = "api-key-unknown";
  constructor(name: string) {
    super(`No API key is named '${name.slice(0, 50)}'`);
  }
}

/** A change of a channel's settings that is not valid. */
export class InvalidChannelError extends SluiceError {
  readonly code = "invalid-channel";
  /** @param faults every fault found, not only the first */
  constructor(readonly faults: readonly Fault[]) {
    super(`Channel cannot be changed so: ${faults.map((f) => `${f.pointer}: ${f.detail}`).join("; ")}`);
  }
}

/** No definition and no setting names this channel. */
export class ChannelNotFoundError extends SluiceError {
  readonly code = "channel-unknown";
  /** @param suggestion the nearest known name, if one is near */
  constructor(readonly channel: string, suggestion: string | null) {
    super(
      `No channel is named '${channel.slice(0, 200)}'${
        suggestion === null ? "" : `; did you mean '${suggestion}'?`
      }`,
    );
  }
}

/** The channel holds as many ready tasks as its depth cap allows; try again in a second. */
export class OverCapacityError extends SluiceError {
  readonly code = "over-capacity";
  constructor(readonly channel: string, readonly maxDepth: number) {
    super(`Channel '${channel}' has no room: at most ${maxDepth} tasks may wait in it`);
  }
}

/** A schedule whose trigger, times or task are not valid. */
export class InvalidScheduleError extends SluiceError {
  readonly code = "invalid-schedule";
  /** @param faults every fault found, not only the first */
  constructor(readonly faults: readonly Fault[]) {
    super(`Schedule is not valid: ${faults.map((f) => `${f.pointer}: ${f.detail}`).join("; ")}`);
  }
}

/** The id names no schedule. */
export class ScheduleNotFoundError extends SluiceError {
  readonly code = "schedule-unknown";
  constructor(readonly scheduleId: string) {
    super(`No schedule has the id '${scheduleId.slice(0, 200)}'`);
  }
}

/** The schedule was edited after the caller read it. */
export class ScheduleChangedError extends SluiceError {
  readonly code = "schedule-changed";
  constructor(readonly scheduleId: string) {
    super(`Schedule '${scheduleId}' was edited meanwhile: read it again`);
  }
}

/** The state of the schedule does not allow the change that was asked for; `code` names the state. */
export class ScheduleConflictError extends SluiceError {
  constructor(readonly code: "schedule-exists" | "schedule-declared" | "schedule-orphaned", message: string) {
    super(message);
  }
}

/** Arguments, a batch or a commit beyond a limit. */
export class TooLargeError extends SluiceError {
  readonly code = "too-large";
}

/** More submissions wait in memory than the engine takes on; try again in a moment. */
export class OverloadedError extends SluiceError {
  readonly code = "overloaded";
}

/** The queue is stopping or has stopped. */
export class StoppedError extends SluiceError {
  readonly code = "stopped";
}

/** The store did not answer in time. */
export class StoreUnavailableError extends SluiceError {
  readonly code = "store-unavailable";
  /** @param sent whether the store was asked; if not, a commit cannot land any more. @default {true} */
  constructor(message: string, readonly sent = true) {
    super(message);
  }
}

/** The store can serve no more: the process must end and a person must look. `hint` says what to do. */
export class StoreBrokenError extends SluiceError {
  readonly code = "store-broken";
  constructor(message: string, readonly hint: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** A backup that cannot be made, or cannot be restored; the message says why and what to do. */
export class BackupError extends SluiceError {
  readonly code = "backup-refused";
}

/** A commit that can never be accepted. */
export class RefusedCommitError extends SluiceError {
  readonly code = "commit-refused";
}

/** Another process judged this one lost: its lanes are gone and this commit did not land (invariant 3). */
export class FencedError extends SluiceError {
  readonly code = "fenced";
}

/** A handler throws this error (`throw ctx.retry()`) to have its task run again later. */
export class RetryError extends SluiceError {
  readonly code = "retry";
  /**
   * @param delay seconds until the next run; `null` lets the definition's policy decide
   * @param reason what the task's `error` says; `undefined`: only that the task asked to be run again
   */
  constructor(readonly delay: number | null, readonly reason: unknown) {
    super("Task asked to be run again");
  }
}

/** A handler throws this error to have its task fail at once, whatever retries are left. */
export class NonRetryableError extends SluiceError {
  readonly code = "non-retryable";
}

/** The reason of `ctx.signal` when the soft time limit is over. */
export class SoftTimeLimitExceeded extends SluiceError {
  readonly code = "soft-time-limit";
}

/** The run was ended at its hard time limit. */
export class TimeLimitExceeded extends SluiceError {
  readonly code = "time-limit";
}

/** The reason of `ctx.signal` when the task was revoked. */
export class TaskRevokedError extends SluiceError {
  readonly code = "revoked";
}

/** The reason of `ctx.signal` when the process stops or was fenced; the task runs again elsewhere. */
export class ShutdownError extends SluiceError {
  readonly code = "shutdown";
}

/** A check of `ctx.commit` did not hold when the result was to be stored. */
export class CommitConflictError extends SluiceError {
  readonly code = "commit-conflict";
}

/** Another run held the lock for longer than this run was ready to wait. */
export class LockTimeoutError extends SluiceError {
  readonly code = "lock-timeout";
  constructor(readonly lockName: string, readonly wait: number) {
    super(`Lock '${lockName}' is held by another run${wait > 0 ? `; waited ${wait} s` : ""}`);
  }
}

/** The lock was released, its time was over before it was renewed, or its run has ended. */
export class LockNotHeldError extends SluiceError {
  readonly code = "lock-not-held";
  constructor(readonly lockName: string) {
    super(`Lock '${lockName}' is not held by this run any more`);
  }
}

/** The result is not JSON; the message names the place. */
export class ResultNotSerializable extends SluiceError {
  readonly code = "result-not-serializable";
}

/** The result is larger than a record may hold. */
export class ResultTooLarge extends SluiceError {
  readonly code = "result-too-large";
}

/** The run reached the memory limit of its thread. */
export class OutOfMemoryError extends SluiceError {
  readonly code = "out-of-memory";
}

/** The thread of a run ended by itself. */
export class ThreadExitError extends SluiceError {
  readonly code = "thread-exit";
}

/** A thread could not import the module of its task, or found no such function in it. */
export class ThreadModuleError extends SluiceError {
  readonly code = "thread-module";
}

/** The result that a workflow's task takes as its first argument is too large for that, or is gone. */
export class ArgumentsError extends SluiceError {
  readonly code = "arguments-error";
}

/** A task before this one in its chain did not succeed; the message names that task. */
export class ChainError extends SluiceError {
  readonly code = "chain-error";
}

/** A member of a group did not succeed; the message names the member. */
export class ChordError extends SluiceError {
  readonly code = "chord-error";
}
