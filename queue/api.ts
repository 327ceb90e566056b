/**
 * The queue as its users see it.
 *
 * @module
 */
import type { z } from "zod";
import type { ApiKeys } from "./ground/access.ts";
import type { Actor, AuditEntry } from "./ground/audit.ts";
import type { Clock, Random } from "./ground/clock.ts";
import type { AnyTaskDefinition, ArgsSchema, TaskDefinition } from "./task/define.ts";
import type { Fault } from "./ground/errors.ts";
import type { OnEvent } from "./ground/events.ts";
import type { AuditFilter } from "./inspect/audit.ts";
import type { Explanation } from "./inspect/explain.ts";
import type { ChannelChange } from "./operate/channels.ts";
import type { DefinitionView } from "./inspect/views.ts";
import type { TaskFilter, TaskList } from "./task/list.ts";
import type { RedriveFilter, Redriven } from "./operate/redrive.ts";
import type { TaskRoutes } from "./request/routing.ts";
import type { CodeSchedule, Schedules } from "./schedules/schedule.ts";
import type { Stats } from "./inspect/stats.ts";
import type { Counts } from "./inspect/tally.ts";
import type { Store } from "./store/port.ts";
import type { WorkflowNode } from "./task/node.ts";
import type { Workflow } from "./workflow/view.ts";
import type { KeyFilter, StoredKey } from "./inspect/stored_keys.ts";
import type {
  Channel,
  Health,
  Idempotency,
  SubmitOptions,
  Task,
  TaskChange,
  TaskRequest,
  Worker,
} from "./ground/task.ts";

/** The store, the definitions and the settings of a queue. */
export interface QueueOptions {
  readonly store: Store;
  readonly definitions: readonly AnyTaskDefinition[];
  /** Slots per channel that this process executes; `{}` executes nothing. @default {4 for each channel of the definitions} */
  readonly channels?: Readonly<Record<string, number>>;
  /** Channels of tasks whose definition names none, by a pattern of the whole name: `{ "urgent_*": "urgent" }`. @default {{}} */
  readonly taskRoutes?: TaskRoutes;
  /** One task at a time in the whole process, whatever its channel: for debugging. @default {false} */
  readonly solo?: boolean;
  /**
   * For processes that come and go with their requests, as on Deno Deploy: a started queue works only while there is a
   * reason, and neither reads nor writes otherwise. There are three reasons: a call of this queue, until it has answered
   * (`wait` and `watch`: until they are over); a task that became ready through this process, or that `get` was asked
   * for before it has started, for 3 s; and `tick`.
   *
   * @default {false}
   */
  readonly onDemand?: boolean;
  /** Threads at most, for tasks made by `defineThreadTask`; 0 runs them on the event loop, as tests like it. @default {one per core} */
  readonly threads?: number;
  /** Tasks after which a thread is replaced. @default {1000} */
  readonly tasksPerThread?: number;
  /** Stored at start; people may edit and pause them. */
  readonly schedules?: readonly CodeSchedule[];
  /** First part of every key. @default {"sluice"} */
  readonly namespace?: string;
  /** Seconds that a final task is kept. @default {86400} */
  readonly resultTtl?: number;
  /** Seconds that an idempotency key is kept. @default {3600} */
  readonly idempotencyTtl?: number;
  /** Seconds without a heartbeat after which a worker is lost. @default {15} */
  readonly workerLostAfter?: number;
  /** Name of the host, shown in the list of workers. */
  readonly host?: string;
  readonly pid?: number;
  readonly onEvent?: OnEvent;
  /** Called once when the store can serve no more; the program should end. An error that it throws is told on standard error. */
  readonly onBroken?: (error: Error) => void;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** The options of {@link Queue.tick}. */
export interface TickOptions {
  /** Seconds at most. @default {0, and only schedules are fired} */
  readonly seconds?: number;
  /** Ends the tick early: its caller has gone. */
  readonly signal?: AbortSignal;
}

/** A queue over a store. Made by {@link createQueue}. */
export interface Queue {
  readonly schedules: Schedules;
  readonly apiKeys: ApiKeys;
  /**
   * The same queue for somebody: what is done through it stands under that name in the audit. Without it, the program
   * has done it.
   */
  by(actor: Actor): Queue;
  /** Starts to execute, to promote, to fire schedules and to sweep. Resolves when the process is registered. */
  start(): Promise<void>;
  /**
   * Stops claiming, waits for running handlers, gives unfinished runs back uncounted and leaves the store, which it
   * does not close. Idempotent.
   *
   * @param grace seconds to wait. @default {30}
   */
  stop(grace?: number): Promise<void>;
  /** Submits one task by its definition; resolves when it is durable (invariant 1). */
  submit<Schema extends ArgsSchema, Result>(
    definition: TaskDefinition<Schema, Result>,
    args: z.input<Schema>,
    options?: SubmitOptions,
  ): Promise<Task<Awaited<Result>>>;
  /**
   * Submits tasks by name. Up to 250 are stored in one commit: all or none. More are stored in commits of 250, in their
   * order: a request that is refused for what it says stores nothing of any, but when a later commit fails (the store,
   * a channel's cap, the size of its tasks) those before it have landed. With `idempotency` the same call may then be
   * repeated: what has landed is found again, and the rest is submitted.
   *
   * `replayed` says whether all of it was there before.
   *
   * @throws {UnknownTaskError} / {InvalidTaskError}: their pointers start with `/<index>` when there are several requests
   * @throws {TooLargeError} / {OverloadedError} / {OverCapacityError} / {IdempotencyConflictError}
   */
  submitAll(
    requests: readonly TaskRequest[],
    idempotency?: Idempotency,
  ): Promise<{ tasks: Task[]; replayed: boolean }>;
  /**
   * The faults for which `submitAll` would refuse a request's name, channel and arguments; nothing is stored.
   *
   * @param before how many arguments a workflow will put before these. @default {0}
   * @throws {TooLargeError}
   */
  faults(request: Pick<TaskRequest, "name" | "args" | "channel">, before?: number): Fault[];
  /** @throws {TaskNotFoundError} */
  get(id: string): Promise<Task>;
  /** Newest first. @throws {InvalidTaskError} for a limit or cursor that is not one */
  list(filter?: TaskFilter): Promise<TaskList>;
  /** The task once it is final, or as it is when `timeout` seconds are over. @throws {TaskNotFoundError} */
  wait(id: string, options?: { timeout?: number; signal?: AbortSignal }): Promise<Task>;
  /**
   * Yields the task as it is, and again whenever its state or its progress has changed, until it has ended. A slow
   * reader is given the latest change only.
   *
   * @param options.repeat seconds without a change after which the latest is given again. @default {never}
   * @throws {TaskNotFoundError} / {StoppedError}, or the signal's reason
   */
  watch(id: string, options?: { repeat?: number; signal?: AbortSignal }): AsyncGenerator<TaskChange, void>;
  /** Awaits the task's return value. @throws {TaskFailedError} when it ends otherwise */
  result<Result>(task: Task<Result>, options?: { signal?: AbortSignal }): Promise<Result>;
  /**
   * Ends a waiting task as REVOKED, or has a running one aborted.
   *
   * @returns the task; not final yet when another process is aborting its run
   * @throws {TaskNotFoundError} / {TaskFinalError}
   */
  revoke(id: string): Promise<Task>;
  /**
   * Submits a workflow of up to 10,000 tasks: all or none. Every id is final from then on.
   *
   * @throws {UnknownTaskError} / {InvalidTaskError} with every fault, as JSON pointers into the tree
   * @throws {OverloadedError} / {OverCapacityError} / {IdempotencyConflictError}
   */
  submitWorkflow(
    node: WorkflowNode,
    idempotency?: Idempotency,
  ): Promise<{ workflow: Workflow; replayed: boolean }>;
  /** @param id the workflow's first task @throws {WorkflowNotFoundError} */
  workflow(id: string): Promise<Workflow>;
  /** The workflow once it is final, or as it is when `timeout` seconds are over. @throws {WorkflowNotFoundError} */
  waitWorkflow(id: string, options?: { timeout?: number; signal?: AbortSignal }): Promise<Workflow>;
  /**
   * Ends the waiting tasks of a workflow as REVOKED, and has its running ones aborted.
   *
   * @returns the workflow; not final yet when other processes are aborting runs
   * @throws {WorkflowNotFoundError} / {WorkflowFinalError}
   */
  revokeWorkflow(id: string): Promise<Workflow>;
  /**
   * Submits a task that ended in FAILURE or REVOKED anew: a new task with the same definition, arguments and options,
   * without its delay, outside of its workflow. The former task stays as it is: final is final. Each task is redriven once.
   *
   * @throws {TaskNotFoundError} / {RedriveError} / {DuplicateTaskError} while its definition's key is another task's
   * @throws {UnknownTaskError} / {InvalidTaskError} when its definition is gone, or refuses its arguments by now
   */
  redrive(id: string, idempotency?: Idempotency): Promise<{ task: Task; replayed: boolean }>;
  /** Redrives a page of tasks that were not redriven yet, newest first, each on its own. @throws {InvalidTaskError} */
  redriveAll(filter?: RedriveFilter): Promise<{ tasks: Redriven[]; cursor: string | null; lookedAt: number }>;
  definitions(): readonly DefinitionView[];
  channels(): Promise<Channel[]>;
  /**
   * Sets how a channel is worked off, in all processes, from now on; after a pause nothing more of it starts.
   *
   * @throws {ChannelNotFoundError} / {InvalidChannelError}
   */
  changeChannel(name: string, change: ChannelChange): Promise<Channel>;
  /**
   * Ends the waiting tasks of a channel as REVOKED; its running ones go on. No task of it starts meanwhile.
   *
   * @returns how many tasks were ended
   * @throws {ChannelNotFoundError}
   */
  purge(channel: string): Promise<number>;
  workers(): Promise<Worker[]>;
  /** How many tasks stand in each place, which workers live, and what this process has done. */
  stats(): Promise<Stats>;
  /** Why a task does not run. @throws {TaskNotFoundError} */
  explain(id: string): Promise<Explanation>;
  /** Stored keys and short values as they are, for people; programs should not rely on them. @throws {InvalidTaskError} */
  keys(filter?: KeyFilter): Promise<{ keys: StoredKey[]; cursor: string | null }>;
  /** The stored keys of one task. @throws {TaskNotFoundError} */
  keysOf(id: string): Promise<StoredKey[]>;
  /** What operators did in the last 90 days, newest first. @throws {InvalidTaskError} for a limit or cursor that is not one */
  audit(filter?: AuditFilter): Promise<{ entries: AuditEntry[]; cursor: string | null; lookedAt: number }>;
  health(): Promise<Health>;
  /**
   * Fires the schedules that are due, for a clock from outside; a started queue does so by itself. With `seconds` the
   * tick then works, and resolves when nothing runs here or is due within the next 10 s, and each other worker was seen
   * to live or its tasks were given back. Any number of processes may call it (invariant 7).
   *
   * @returns counts of what this process did meanwhile
   * @throws the error that kept a schedule from firing, once all the rest is done
   */
  tick(options?: TickOptions): Promise<Counts>;
}
