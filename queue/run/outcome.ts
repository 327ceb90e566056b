/**
 * Decides the outcome of a run by the way in which its handler ended: the task has succeeded, has failed for good, or
 * runs again.
 *
 * @module
 */
import {
  ArgumentsError,
  OutOfMemoryError,
  RefusedCommitError,
  ResultNotSerializable,
  ResultTooLarge,
  RetryError,
  ThreadExitError,
} from "../ground/errors.ts";
import type { TaskError } from "../ground/task.ts";
import { chunkCount, toResult } from "../rows/payload.ts";
import type { TaskRecord } from "../rows/record.ts";
import { type Ending, ranOutOfTime } from "../task/endings.ts";
import { brief, describe } from "../task/failure.ts";
import { isRetryable, retryDelay } from "../task/retry.ts";
import type { Outcome } from "../task/state.ts";
import type { ThisRun } from "./this_run.ts";

/** The run failed, and another one is due in `delay` seconds. */
export interface Retry {
  readonly state: "RETRY";
  readonly error: TaskError;
  readonly delay: number;
}

/** The outcome when the handler returned. @throws {ResultNotSerializable} / {ResultTooLarge}: the run has failed */
export function succeeded(record: TaskRecord, value: unknown): Outcome {
  if (record.ignoreResult) return { state: "SUCCESS", result: null };
  const { result, bytes } = toResult(value);
  return { state: "SUCCESS", result, resultChunks: chunkCount(bytes) };
}

/** The outcome when the handler threw, or its return value cannot be stored. */
export function failed({ engine, record, definition }: ThisRun, thrown: unknown): Outcome | Retry {
  const policy = definition.retry ?? {};
  const final = record.retries >= record.maxRetries || !isRetryable(policy, thrown) || isOurs(thrown);
  const error = reasonOf(thrown, final);
  if (final) return { state: "FAILURE", error };
  return { state: "RETRY", error, delay: retryDelay(policy, record.retries, thrown, engine.random) };
}

/**
 * The outcome when the hard time limit of `limit` seconds was over. `retryOn` is not asked, because whoever set
 * `retryOnTimeout` has answered.
 */
export function outOfTime({ engine, record, definition }: ThisRun, limit: number): Ending | Retry {
  const ending = ranOutOfTime(limit);
  const again = record.retryOnTimeout ?? definition.retryOnTimeout ?? false;
  if (!again || record.retries >= record.maxRetries) return ending;
  const delay = retryDelay(definition.retry ?? {}, record.retries, null, engine.random);
  return { state: "RETRY", error: ending.error, delay };
}

/** The error of a failed run, as the record will hold it. */
function reasonOf(thrown: unknown, final: boolean): TaskError {
  if (isOurs(thrown) || thrown instanceof OutOfMemoryError || thrown instanceof ThreadExitError) {
    return brief(thrown);
  }
  if (!(thrown instanceof RetryError)) return describe(thrown);
  if (thrown.reason !== undefined) return describe(thrown.reason);
  const { name: type, message } = thrown;
  return { type, message: final ? `${message}, and no retry is left` : message, traceback: null };
}

/** Whether an error comes from the engine's own limits: another run would meet it again. */
function isOurs(error: unknown): error is Error {
  return error instanceof ResultTooLarge || error instanceof ArgumentsError ||
    error instanceof RefusedCommitError || error instanceof ResultNotSerializable;
}
