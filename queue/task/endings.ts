/**
 * How the engine itself ends a task: every end without a result that no handler caused, each with the error that the
 * task then shows. Types and texts are on the wire.
 *
 * Other errors of the engine arise while a run is under way and reach the task as if its handler had thrown them
 * (`run/outcome.ts`): `ResultTooLarge` and `ResultNotSerializable` (`rows/payload.ts`), `ArgumentsError`
 * (`workflow/value.ts`), `RefusedCommitError` and `CommitConflictError` (a commit of `ctx.commit`), `OutOfMemoryError`
 * and `ThreadExitError` (`threads/`).
 *
 * @module
 */
import {
  ChainError,
  ChordError,
  type Fault,
  InvalidTaskError,
  TaskRevokedError,
  TimeLimitExceeded,
} from "../ground/errors.ts";
import type { TaskError } from "../ground/task.ts";
import type { TaskRecord } from "../rows/record.ts";
import { brief, oneLine } from "./failure.ts";

/** The end of a task without a result. */
export interface Ending {
  readonly state: "FAILURE" | "REVOKED";
  readonly error: TaskError;
}

/** Its expiry came before it was started: found by the promoter while it waits, by the run just before its handler. */
export const EXPIRED = revoked("Expired", "Task expired before it was started");

/** `Queue.revoke` met it where it waits. */
export const REVOKED_WAITING = revoked(TaskRevokedError.name, "Task was revoked before it ran");

/**
 * `Queue.revoke` met its run; or the run was to put the task back, for a retry or because its process stops, and another
 * process had revoked it by then.
 */
export const REVOKED_RUNNING = revoked(TaskRevokedError.name, "Task was revoked while it ran");

/** Its run was revoked, and the worker was lost before it obeyed: written by the rescuer. */
export const REVOKED_LOST = revoked(TaskRevokedError.name, "Task was revoked, and its worker was lost");

/** `Queue.revokeWorkflow` met it where it waits; the groups that it closes have this error too. */
export const WORKFLOW_REVOKED = revoked(TaskRevokedError.name, "Workflow was revoked");

/** `Queue.purge` met it in its channel. */
export const PURGED = revoked(TaskRevokedError.name, "Task was purged with its channel before it ran");

/** Its process stops, its run has not ended within the grace, and `acks: "early"` forbids another run. */
export const STOPPED = failed(
  "WorkerLostError",
  "Worker stopped while the task ran, and the task is given to one worker only",
);

/** Its worker was lost, and `acks: "early"` forbids another run: written by the rescuer. */
export const LOST = failed(
  "WorkerLostError",
  "Worker was lost while the task ran, and the task is given to one worker only",
);

/** Its worker was lost, as were those before it, `MAX_DELIVERIES` in all: written by the rescuer. */
export function lostTooOften(deliveries: number): Ending {
  return failed(
    "WorkerLostError",
    `Task was given to ${deliveries} workers and each was lost while it ran`,
  );
}

/** Its run has reached the hard time limit. @param limit seconds */
export function outOfTime(limit: number): Ending {
  return failed(TimeLimitExceeded.name, `Task ran longer than its time limit of ${limit} s`);
}

/** Its definition, which was changed since it was submitted, refuses its arguments: another run would meet the same. */
export function argumentsRefused(faults: readonly Fault[]): Ending {
  return { state: "FAILURE", error: brief(new InvalidTaskError(faults)) };
}

/** What is before it in its chain has not succeeded, and so it never runs. */
export function chainBroken(before: TaskRecord): Ending {
  return { state: "REVOKED", error: consequence(ChainError, before) };
}

/** A member of a group has not succeeded: what the group is closed with, and what its tasks that wait end with. */
export function chordBroken(member: TaskRecord): TaskError {
  return consequence(ChordError, member);
}

/**
 * What was to run with the result of a group that was closed with this error. It fails with the group; unless the group
 * was closed because of what is before it, so that it never came to that.
 */
export function closedWith(error: TaskError): Ending {
  return { state: error.type === ChordError.name ? "FAILURE" : "REVOKED", error };
}

/** What a failure means for those behind it. What it is a consequence of itself is handed on: they all name that. */
function consequence(kind: typeof ChainError | typeof ChordError, before: TaskRecord): TaskError {
  const { id, name, state, startedAt } = before;
  const error = before.error!;
  if (startedAt === undefined && (error.type === ChainError.name || error.type === kind.name)) return error;
  return brief(new kind(`Task '${name}' (${id}) ended as ${state}: ${oneLine(error)}`));
}

function revoked(type: string, message: string): Ending {
  return { state: "REVOKED", error: { type, message, traceback: null } };
}

function failed(type: string, message: string): Ending {
  return { state: "FAILURE", error: { type, message, traceback: null } };
}
