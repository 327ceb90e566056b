/**
 * The ends that the engine itself gives a task: every end without a result that no handler caused, with the error that
 * the task then shows. The types and texts of these errors are on the wire.
 *
 * The engine's other errors arise during a run and are treated as if the handler had thrown them (`run/outcome.ts`):
 * `ResultTooLarge` and `ResultNotSerializable` (`rows/payload.ts`), `ArgumentsError` (`workflow/value.ts`),
 * `RefusedCommitError` and `CommitConflictError` (at the commit of `ctx.commit`), `RetryError` (`ctx.retry`),
 * `OutOfMemoryError` and `ThreadExitError` (`threads/`).
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
import { PAYLOAD_BYTES } from "../rows/payload.ts";
import type { TaskRecord } from "../rows/record.ts";
import { brief, oneLine } from "./failure.ts";

/** The end of a task without a result. */
export interface Ending {
  readonly state: "FAILURE" | "REVOKED";
  readonly error: TaskError;
}

/** The task expired before it started: written by the promoter where it waits, or by its run before the handler. */
export const EXPIRED = revoked("Expired", "Task expired before it was started");

/** The task was revoked while it waited: written by `Queue.revoke`. */
export const REVOKED_WAITING = revoked(TaskRevokedError.name, "Task was revoked before it ran");

/**
 * The task was revoked while it ran. Written by the run when it is told so, or when it is to put the task back (for a
 * retry, or because its process stops) and finds that another process has revoked the task.
 */
export const REVOKED_RUNNING = revoked(TaskRevokedError.name, "Task was revoked while it ran");

/** The task was revoked while it ran, and its worker was lost before it obeyed: written by the rescuer. */
export const REVOKED_LOST = revoked(TaskRevokedError.name, "Task was revoked, and its worker was lost");

/** The task's workflow was revoked while the task waited. The groups that `Queue.revokeWorkflow` closes show it too. */
export const WORKFLOW_REVOKED = revoked(TaskRevokedError.name, "Workflow was revoked");

/** The task waited in a channel that was purged: written by `Queue.purge`. */
export const PURGED = revoked(TaskRevokedError.name, "Task was purged with its channel before it ran");

/** The process stops, the run has not ended within the grace, and `acks: "early"` forbids another run. */
export const STOPPED = failed(
  "WorkerLostError",
  "Worker stopped while the task ran, and the task is given to one worker only",
);

/** The task's worker was lost, and `acks: "early"` forbids another run: written by the rescuer. */
export const LOST = failed(
  "WorkerLostError",
  "Worker was lost while the task ran, and the task is given to one worker only",
);

/** Every worker that the task was delivered to was lost, `MAX_DELIVERIES` in all: written by the rescuer. */
export function lostTooOften(deliveries: number): Ending {
  return failed(
    "WorkerLostError",
    `Task was given to ${deliveries} workers and each was lost while it ran`,
  );
}

/** The run has reached its hard time limit, and is not repeated. @param limit seconds */
export function ranOutOfTime(limit: number): Ending {
  return failed(TimeLimitExceeded.name, `Task ran longer than its time limit of ${limit} s`);
}

/**
 * The definition refuses the arguments, or makes no concurrency key of them: a result that came before them does not
 * suit, or the definition was changed after the submission. Another run would meet the same arguments.
 */
export function argumentsRefused(faults: readonly Fault[]): Ending {
  return { state: "FAILURE", error: brief(new InvalidTaskError(faults)) };
}

/** The results of the members that have ended are too large for the arguments of what takes them. */
export const CHORD_TOO_LARGE = failed(
  ChordError.name,
  `The results of the group's members have more than ${PAYLOAD_BYTES} bytes of JSON, the most that arguments may ` +
    'have: a group with results: "ids" gives the ids of its tasks instead',
);

/** The task before this one in a chain has not succeeded, so this one never runs. */
export function chainBroken(before: TaskRecord): Ending {
  return { state: "REVOKED", error: consequence(ChainError, before) };
}

/** A member of a group has not succeeded: the group is closed with this error, and its members that do not run end with it. */
export function chordBroken(member: TaskRecord): TaskError {
  return consequence(ChordError, member);
}

/**
 * The end of a task that was to run with the result of a group closed with this error. The task fails with its group. If
 * the group itself was ended by a failure before it in a chain, the task is revoked like the group's members.
 */
export function closedWith(error: TaskError): Ending {
  return { state: error.type === ChordError.name ? "FAILURE" : "REVOKED", error };
}

/**
 * The error of tasks that wait for `before`, which has not succeeded: the error names `before`. If `before` never ran,
 * because it waited for a failed task itself, its own error is handed on, so that all of them name the first cause.
 */
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
