/**
 * The queue: what a program, the HTTP routes and the tests talk to.
 *
 * @module
 */
import type { z } from "zod";
import type { Clock, Random } from "./clock.ts";
import type { AnyTaskDefinition, ArgsSchema, TaskDefinition } from "./define.ts";
import type { OnEvent } from "./events.ts";
import type { Store } from "./store/port.ts";
import type {
  Channel,
  FinalState,
  Health,
  Idempotency,
  Json,
  SubmitOptions,
  Task,
  TaskRequest,
  TaskState,
  Worker,
} from "./task.ts";

/** A task that is submitted whenever its minute comes; see DESIGN: schedules. */
export interface CodeSchedule {
  readonly id: string;
  readonly task: AnyTaskDefinition;
  readonly args: readonly unknown[];
  /** Seconds between occurrences, counted from 1970: 60 is every full minute. */
  readonly every: number;
}

/** What a queue is made of. */
export interface QueueOptions {
  readonly store: Store;
  readonly definitions: readonly AnyTaskDefinition[];
  /** Slots per channel that this process executes; `{}` executes nothing. @default {4 for each channel of the definitions} */
  readonly channels?: Readonly<Record<string, number>>;
  readonly schedules?: readonly CodeSchedule[];
  /** First part of every key. @default {"sluice"} */
  readonly namespace?: string;
  /** Seconds that a final task is kept. @default {86400} */
  readonly resultTtl?: number;
  /** Seconds that an idempotency key is kept. @default {3600} */
  readonly idempotencyTtl?: number;
  /** Seconds without a heartbeat after which a worker is lost. @default {15} */
  readonly workerLostAfter?: number;
  readonly onEvent?: OnEvent;
  /** Called once when the store can serve no more; the program should end. */
  readonly onBroken?: (error: Error) => void;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** One definition as `GET /v1/definitions` shows it. */
export interface DefinitionView {
  readonly name: string;
  readonly description: string | null;
  readonly channel: string;
  readonly priority: number;
  readonly maxRetries: number;
  readonly softTimeLimit: number | null;
  readonly timeLimit: number;
  /** JSON Schema of the argument array. */
  readonly args: Json;
}

/** What `queue.list` narrows down. */
export interface TaskFilter {
  readonly state?: TaskState;
  readonly name?: string;
  readonly channel?: string;
  /** 1 to 500. @default {50} */
  readonly limit?: number;
  /** Opaque; from the page before. */
  readonly cursor?: string;
}

const notYet = (): never => {
  throw new Error("not yet");
};

/** A queue over a store. Made by {@link createQueue}. */
export interface Queue {
  /** Starts to execute, to promote, to sweep and to heartbeat. Resolves when the process is registered. */
  start(): Promise<void>;
  /** Stops claiming, waits up to `grace` seconds for running handlers, gives unfinished runs back uncounted. Idempotent. */
  stop(grace?: number): Promise<void>;
  /** Submits one task by its definition; resolves when it is durable (invariant 1). */
  submit<Schema extends ArgsSchema, Result>(
    definition: TaskDefinition<Schema, Result>,
    args: z.input<Schema>,
    options?: SubmitOptions,
  ): Promise<Task<Awaited<Result>>>;
  /**
   * Submits several tasks by name in one commit: all or none.
   *
   * @throws {UnknownTaskError} / {InvalidTaskError}: pointers start with `/<index>` when `requests` has several, else with the field
   */
  submitAll(
    requests: readonly TaskRequest[],
    idempotency?: Idempotency,
  ): Promise<{ tasks: Task[]; replayed: boolean }>;
  /** @throws {TaskNotFoundError} */
  get(id: string): Promise<Task>;
  /** Newest first. @throws {InvalidTaskError} for a cursor that is not one */
  list(filter?: TaskFilter): Promise<{ tasks: Task[]; cursor: string | null }>;
  /** The task once it is final, or as it is when `timeout` seconds are over. @throws {TaskNotFoundError} */
  wait(id: string, options?: { timeout?: number; signal?: AbortSignal }): Promise<Task>;
  /** Awaits the task's return value. @throws {TaskFailedError} when it ends otherwise */
  result<Result>(task: Task<Result>, options?: { signal?: AbortSignal }): Promise<Result>;
  /**
   * Ends a waiting task as REVOKED, or has a running one aborted.
   *
   * @returns the task; not final yet when its run is being aborted
   * @throws {TaskNotFoundError} / {TaskFinalError}
   */
  revoke(id: string): Promise<Task>;
  definitions(): readonly DefinitionView[];
  channels(): Promise<Channel[]>;
  workers(): Promise<Worker[]>;
  health(): Promise<Health>;
  /** Submits what schedules owe by now; any number of processes may call it (invariant 7). */
  tick(): Promise<void>;
}

/** Makes a queue. It accepts tasks at once, and executes them after `start()`. */
export function createQueue(_options: QueueOptions): Queue {
  return notYet();
}

export type { FinalState };
