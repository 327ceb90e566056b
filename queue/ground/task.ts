/**
 * The words of the engine as types that callers see. This file imports nothing, so that every other file may import it.
 *
 * @module
 */

/** Anything JSON can carry. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Celery's states. STARTED and PROGRESS are read off the `run` row and never stored in the record. */
export const STATES = ["PENDING", "STARTED", "PROGRESS", "RETRY", "SUCCESS", "FAILURE", "REVOKED"] as const;

/** One of {@link STATES}. */
export type TaskState = typeof STATES[number];

/** The states a task never leaves. */
export type FinalState = "SUCCESS" | "FAILURE" | "REVOKED";

/** Whether a task in this state has ended. */
export function isFinal(state: TaskState): state is FinalState {
  return state === "SUCCESS" || state === "FAILURE" || state === "REVOKED";
}

/** Why a task failed or was revoked. `traceback` is that of the handler's own error, for the handler's author. */
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
  /** How many failed runs are retried at most; with 3, the fourth failure is final. */
  readonly maxRetries: number;
  readonly channel: string;
  /** 0 to 9; 9 goes first. */
  readonly priority: number;
  readonly tags: readonly string[];
  readonly createdAt: number;
  /** When the task may run next; equals `createdAt` without a delay. */
  readonly runAt: number;
  readonly startedAt: number | null;
  readonly doneAt: number | null;
  /** When the task becomes REVOKED unless it has started. */
  readonly expiresAt: number | null;
  /** The workflow's first task; the task itself outside of workflows. */
  readonly rootId: string;
  readonly parentId: string | null;
  readonly groupId: string | null;
  readonly scheduleId: string | null;
  /** The API key that has submitted the task. */
  readonly submittedBy: string | null;
  /** The task that this one repeats; see `Queue.redrive`. */
  readonly redriveOf: string | null;
  /** The worker that runs the task or ran it last. */
  readonly worker: string | null;
  /** The last ten runs, oldest first. */
  readonly attempts: readonly Attempt[];
  /**
   * How the definition treats a second task of one key. Set only in what such a second submission returns, which is the
   * first task of the key.
   */
  readonly duplicate?: "skip" | "return";
}

/**
 * How a run ended: `retried`, it failed and another one follows; `returned`, its worker stopped and gave the task back;
 * `lost`, its worker died. After `returned` and `lost` the task runs again, unless it was given to workers too often.
 */
export type AttemptOutcome = "succeeded" | "failed" | "retried" | "revoked" | "returned" | "lost";

/** One run of a task. */
export interface Attempt {
  readonly startedAt: number;
  /** `null` while the task runs; of a lost run, when that was found out. */
  readonly endedAt: number | null;
  readonly worker: string;
  /** `null` while the task runs. */
  readonly outcome: AttemptOutcome | null;
  /** The message is cut to 200 characters. */
  readonly error: { readonly type: string; readonly message: string } | null;
}

/** A change of a task, as `Queue.watch` reports it. */
export interface TaskChange {
  readonly task: Task;
  /** Another version whenever state or progress have changed; the same in every process. */
  readonly version: string;
}

/** Options of one submission; each overrides its definition's default. */
export interface SubmitOptions {
  readonly channel?: string;
  /** 0 to 9; 9 goes first. @default {5} */
  readonly priority?: number;
  /** Seconds until the task may run. Not together with `runAt`. */
  readonly delay?: number;
  /** When the task may run, in milliseconds since 1970; with a past moment it may run at once. */
  readonly runAt?: number;
  /**
   * Seconds from the submission after which the task is REVOKED unless it has started. Refused when that is not later
   * than the moment from which the task may run, by `delay` or `runAt`.
   */
  readonly expires?: number;
  readonly maxRetries?: number;
  /** Seconds until `ctx.signal` aborts. */
  readonly softTimeLimit?: number;
  /** Seconds until the run is ended. @default {3600} */
  readonly timeLimit?: number;
  /** Whether a run that reached {@link timeLimit} is repeated as long as {@link maxRetries} allows. @default {false} */
  readonly retryOnTimeout?: boolean;
  /** Whether the state of the task is kept, but not its return value. */
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
  /** The owner of the key, such as a client; equal keys of two scopes are two keys. Not `task:…`: reserved. */
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
  /** Slots that people have set, else those of this process; 0 when this process does not execute the channel. */
  readonly slots: number;
  readonly rateLimit: string | null;
  /** How many tasks the rate lets start at once, where people have set that. */
  readonly burst: number | null;
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
  /** Seconds since this process saw the heartbeat change, by the clock of this process; 0 for itself. */
  readonly heartbeatAge: number;
  /** Whether the worker was judged lost; its tasks are then being given to others. */
  readonly lost: boolean;
  /** The tasks that the worker runs now, oldest first; up to 10,000 of all workers. */
  readonly running: readonly RunningTask[];
}

/** A task that a worker has claimed. */
export interface RunningTask {
  readonly id: string;
  readonly name: string;
  readonly channel: string;
  /** When the task was claimed. */
  readonly startedAt: number;
  /** Whether the task waits for a free thread; `null` when another process runs it, which alone knows. */
  readonly reserved: boolean | null;
}

/** Whether the engine can do its work now. */
export interface Health {
  readonly ready: boolean;
  /** One sentence for each reason why the engine is not ready. */
  readonly problems: readonly string[];
}
