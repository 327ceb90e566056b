/**
 * Reasons why a task does not run: a code for programs, a sentence for people.
 *
 * @module
 */

/** What a reason is. */
export type ReasonCode =
  | "ended"
  | "redriven"
  | "running"
  | "claimed"
  | "revoking"
  | "delayed"
  | "retrying"
  | "next"
  | "behind-others"
  | "no-worker"
  | "at-rest"
  | "slots-busy"
  | "lost-workers"
  | "paused"
  | "rate-limited"
  | "concurrency-key"
  | "unknown-name"
  | "waiting-for"
  | "expires";

/** One reason: a code, and a sentence. */
export interface Reason {
  readonly code: ReasonCode;
  readonly message: string;
}

/** A moment in a sentence. */
export function at(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** A time span in a sentence. */
export function span(milliseconds: number): string {
  return `${Math.round(Math.max(0, milliseconds) / 100) / 10} s`;
}
