/**
 * Reasons why a task does not run: a code for programs, a sentence for people.
 *
 * @module
 */

/** The kind of a reason, for programs. */
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

/** One reason: a code for programs, and a sentence for people. */
export interface Reason {
  readonly code: ReasonCode;
  readonly message: string;
}

/** A moment as it is written in a sentence. */
export function at(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** A span of time as it is written in a sentence. */
export function span(milliseconds: number): string {
  return `${Math.round(Math.max(0, milliseconds) / 100) / 10} s`;
}
