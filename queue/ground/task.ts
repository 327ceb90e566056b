/**
 * The words of the engine as types: what is stored, and what callers see. Imports nothing that could import it back.
 *
 * @module
 */

/** Anything JSON can carry. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Celery's states. STARTED and PROGRESS are read off the `run` entry and never stored in the record. */
export const STATES = ["PENDING", "STARTED", "PROGRESS", "RETRY", "SUCCESS", "FAILURE", "REVOKED"] as const;

/** One of {@link STATES}. */
export type TaskState = typeof STATES[number];

/** The states a task never leaves. */
export type FinalState = "SUCCESS" | "FAILURE" | "REVOKED";

/** Whether a task in this state has ended. */
export function isFinal(state: TaskState): state is FinalState {
  return state === "SUCCESS" || state === "FAILURE" || state === "REVOKED";
}

/** Why a task failed or was revoked. `traceback` is the handler's own, for its author. */
export interface TaskError {
  readonly type: string;
  readonly message: string;
  readonly traceback: string | null;
}

/** A task as callers see it. Times are milliseconds since 1970, durations seconds. */
export interface Task<Result = Json> {
  readonly id: string;
  readonly name: string;
  readonly args: readonly Json[];
  readonly state: TaskState;
  /** The handler's return value; `null` until SUCCESS. */
  readonly result: Result | null;
  /** Set in FAILURE and REVOKED, and in RETRY: why the last run failed. */
  readonly error: TaskError | null;
  /** The latest report of a running handler. */
  readonly progress: Json;
  /** Runs that failed and were retried; 0 at first. */
  readonly retries: number;
  /** At most `maxRetries + 1` runs. */
  readonly maxRetries: number;
  readonly channel: string;
  /** 0 to 9, 9 first. */
  readonly priority: number;
  readonly tags: readonly string[];
  readonly createdAt: number;
  /** When it may run next; equals `createdAt` without a delay. */
  readonly runAt: number;
  readonly startedAt: number | null;
  readonly doneAt: number | null;
  /** When it becomes REVOKED unless it has started. */
  readonly expiresAt: number | null;
  /** The workflow's first task; the task itself outside of workflows. */
  readonly rootId: string;
  readonly parentId: string | null;
  readonly groupId: string | null;
  readonly scheduleId: string | null;
  /** The task that this one repeats; see `Queue.redrive`. */
  readonly redriveOf: string | null;
  /** The worker that runs it or ran it last. */
  readonly worker: string | null;
  /** Only in what a submission returns, when this is the first task of its key: how its definition treats a second. */
  readonly duplicate?: "skip" | "return";
}

/** What `Queue.watch` tells. */
export interface TaskChange {
  readonly task: Task;
  /** Another one whenever state or progress have changed; the same in every process. */
  readonly version: string;
}

/** Options of one submission; each overrides its definition's default. */
export interface SubmitOptions {
  readonly channel?: string;
  /** 0 to 9, 9 first. @default {5} */
  readonly priority?: number;
  /** Seconds until it may run. Not together with `runAt`. */
  readonly delay?: number;
  /** Milliseconds since 1970; a past moment runs at once. */
  readonly runAt?: number;
  /** Seconds after which the task is REVOKED unless it has started. */
  readonly expires?: number;
  readonly maxRetries?: number;
  /** Seconds until `ctx.signal` aborts. */
  readonly softTimeLimit?: number;
  /** Seconds until the run is ended. @default {3600} */
  readonly timeLimit?: number;
  /** Keep the outcome, not the return value. */
  readonly ignoreResult?: boolean;
  /** Up to 20 labels of up to 100 characters. */
  readonly tags?: readonly string[];
}

/** A task request by name, as `submitAll` takes it. */
export interface TaskRequest extends SubmitOptions {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** A caller's promise that two submissions with one key mean the same (invariant 6). */
export interface Idempotency {
  /** Who or what the key belongs to; keys of two scopes never meet. Not `task:…`: those are the definitions'. */
  readonly scope: string;
  /** 1 to 255 visible ASCII characters. */
  readonly key: string;
  /** Tells two requests apart; the same key with another fingerprint is a conflict. */
  readonly fingerprint: string;
}

/** A channel as `GET /v1/channels` shows it. Depths are counted up to 10,000. */
export interface Channel {
  readonly name: string;
  readonly paused: boolean;
  /** Slots that were set, else those of this process; 0 when it does not execute the channel. */
  readonly slots: number;
  readonly rateLimit: string | null;
  readonly maxDepth: number | null;
  readonly ready: number;
  readonly delayed: number;
  readonly blocked: number;
  readonly running: number;
  /** Seconds that the oldest ready task has waited. */
  readonly oldestAge: number | null;
}

/** A process that registered with the store. */
export interface Worker {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Slots per channel. */
  readonly channels: Readonly<Record<string, number>>;
  readonly startedAt: number;
  /** Seconds since this process saw its heartbeat change, by its own clock; 0 for itself. */
  readonly heartbeatAge: number;
  /** It was judged lost and its tasks are being given to others. */
  readonly lost: boolean;
  /** What it runs now, oldest task first; up to 10,000 of all workers. */
  readonly running: readonly RunningTask[];
}

/** A task that a worker has claimed. */
export interface RunningTask {
  readonly id: string;
  readonly name: string;
  readonly channel: string;
  /** When it was claimed. */
  readonly startedAt: number;
  /** Claimed, and waiting for a free thread; `null`: only its own process knows. */
  readonly reserved: boolean | null;
}

/** Whether the engine can do its work now. */
export interface Health {
  readonly ready: boolean;
  /** One sentence for each reason why not. */
  readonly problems: readonly string[];
}
