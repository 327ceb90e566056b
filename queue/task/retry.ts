/**
 * Retries: which failed runs are repeated, and when.
 *
 * @module
 */
import { type Random, TEN_YEARS } from "../ground/clock.ts";
import { CommitConflictError, NonRetryableError, RetryError } from "../ground/errors.ts";

/** How long to wait before each retry, and which errors deserve one. Times in seconds. */
export interface RetryPolicy {
  /** Wait before the first retry. @default {1} */
  readonly delay?: number;
  /** Factor from each wait to the next one; 1 keeps the wait fixed. @default {2} */
  readonly factor?: number;
  /** Longest wait. @default {3600} */
  readonly maxDelay?: number;
  /**
   * Whether a random part of the wait is taken ("full jitter"), so that failures of one cause do not return together.
   *
   * @default {factor > 1}
   */
  readonly jitter?: boolean;
  /** Whether an error is worth a retry. @default {all but NonRetryableError} */
  readonly retryOn?: (error: unknown) => boolean;
}

/** Whether a run that threw this error may be retried at all. */
export function isRetryable(policy: RetryPolicy, error: unknown): boolean {
  if (error instanceof RetryError || error instanceof CommitConflictError) return true;
  if (error instanceof NonRetryableError) return false;
  try {
    return policy.retryOn?.(error) ?? true;
  } catch {
    return false; // The task fails with what its handler threw; an error of `retryOn` must not end the process.
  }
}

/**
 * Seconds until the next run.
 *
 * @param retries retries so far; 0 before the first
 * @param error what the run threw; a delay it asks for (`ctx.retry({ in })`) wins
 */
export function retryDelay(policy: RetryPolicy, retries: number, error: unknown, random: Random): number {
  if (error instanceof RetryError && error.delay !== null) return error.delay;
  const { delay = 1, factor = 2, maxDelay = 3600, jitter = factor > 1 } = policy;
  const wait = Math.min(maxDelay, delay * factor ** retries);
  return jitter ? wait * random() : wait;
}

/**
 * Makes the error by which a handler asks for another run; see `TaskContext.retry`.
 *
 * @param now wall clock, milliseconds
 * @throws {RangeError} when `in` is not from 0 seconds to ten years
 */
export function retryRequest(
  { in: wish = null, error }: { in?: number | string | null; error?: unknown },
  now: number,
): RetryError {
  const seconds = typeof wish === "string" ? parseRetryAfter(wish, now) : wish;
  if (seconds !== null && !(seconds >= 0 && seconds <= TEN_YEARS)) {
    throw new RangeError(
      `Cannot retry as 'in' must be seconds from 0 to ten years: current value is ${seconds}`,
    );
  }
  return new RetryError(seconds, error);
}

/**
 * Reads a `Retry-After` header (RFC 9110 §10.2.3): seconds, or a date.
 *
 * @param now wall clock, milliseconds
 * @returns seconds, or `null` when the text is neither
 */
export function parseRetryAfter(text: string, now: number): number | null {
  if (/^\s*\d+\s*$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, (date - now) / 1000);
}
