/**
 * The rows the engine stores, one type per key family (see `keys.ts`).
 *
 * @module
 */
import type { Scope } from "../ground/access.ts";
import type { Actor, Deed } from "../ground/audit.ts";
import type { RateState } from "../ground/rate.ts";
import type { Attempt, Json, TaskError } from "../ground/task.ts";

/** The states that a record can have: the `run` row tells whether its task is running. */
type StoredState = "PENDING" | "RETRY" | "SUCCESS" | "FAILURE" | "REVOKED";

/** `task`: written at submit, retry and end only. Times in milliseconds since 1970, limits in seconds. */
export interface TaskRecord {
  readonly id: string;
  readonly name: string;
  readonly state: StoredState;
  readonly channel: string;
  readonly priority: number;
  readonly retries: number;
  readonly maxRetries: number;
  readonly createdAt: number;
  /** When the task may run; equals the time in its `delayed` key while it has one. */
  readonly runAt: number;
  /** The arguments, unless `argsChunks` says that they are kept in that many `blob` rows. */
  readonly args?: readonly Json[];
  readonly argsChunks?: number;
  readonly result?: Json;
  readonly resultChunks?: number;
  readonly error?: TaskError;
  readonly startedAt?: number;
  readonly doneAt?: number;
  readonly worker?: string;
  /** The runs of a task that has had more than one, without the one that goes on; see `task/attempts.ts`. */
  readonly attempts?: readonly Attempt[];
  readonly expiresAt?: number;
  readonly softTimeLimit?: number;
  readonly timeLimit?: number;
  readonly retryOnTimeout?: boolean;
  readonly ignoreResult?: boolean;
  /** A run that is lost with its worker, or that its stopping worker ends, is not repeated; without this it is. */
  readonly acks?: "early";
  readonly tags?: readonly string[];
  readonly idempotency?: { readonly scope: string; readonly key: string; readonly expiresAt: number };
  /** The task that this one repeats. */
  readonly redriveOf?: string;
  /** The idempotency key that the definition made; see `TaskIdempotency`. */
  readonly definitionKey?: { readonly key: string; readonly expiresAt: number };
  readonly scheduleId?: string;
  /** The name of the API key that has submitted the task. */
  readonly submittedBy?: string;
  /** The key that the definition made of the arguments: only so many tasks of one key run at a time. */
  readonly concurrencyKey?: string;
  /** Arguments are put before the task's own ones, so its concurrency key is made when they are known, by a claim. */
  readonly unkeyed?: true;
  /** All that makes the task part of a workflow: a copy of the record without this is a task of its own. */
  readonly workflow?: WorkflowPart;
}

/** A task's part in its workflow, fixed at submit: `task/moves.ts` reads from it what the task's end leaves to do. */
export interface WorkflowPart {
  readonly root: string;
  /** The task before this one; after a group, the group's last task; for an error callback, the task that failed. */
  readonly parent?: string;
  /** The innermost group that the task is in. */
  readonly group?: string;
  /** The group goes on when the task fails. */
  readonly tolerated?: true;
  /** The task or group whose success releases this task, or the trigger of a submission in several commits. */
  readonly waitsFor?: string;
  /** The result that comes first among the arguments: that of the task or group in `waitsFor`, or the empty list. */
  readonly takes?: "task" | "group" | "empty";
  /** Milliseconds from the release of the task to the moment it may run. */
  readonly delay?: number;
  /** Something waits for the task. */
  readonly followed?: true;
  /** The error callback: the commit that ends this task in FAILURE submits it. */
  readonly linkError?: TaskRecord;
  /** The task is an error callback, and no part of the graph. */
  readonly isCallback?: true;
}

/** `workflow`: the tasks and groups of a workflow are those with its root between two ids. */
export interface WorkflowRow {
  readonly first: string;
  readonly last: string;
  /** Tasks, without error callbacks. */
  readonly total: number;
  /** The task or group whose result is the workflow's. */
  readonly end: WorkflowEnd;
}

/** The end of a workflow, or of a part of one: the task or group whose result is that of the whole. */
export interface WorkflowEnd {
  readonly kind: "task" | "group";
  readonly id: string;
}

/** `group`: fired when all its members have ended, closed when one has failed; one commit decides which. */
export interface GroupRow {
  readonly root: string;
  /** The group around this one. */
  readonly group?: string;
  /** The group around this one goes on when this one fails. */
  readonly tolerated?: true;
  readonly waitsFor?: string;
  readonly followed?: true;
  /** Number of members; a chain is one member. */
  readonly size: number;
  /** The group's result lists the ids of the members' tasks. */
  readonly results?: "ids";
  /** The last id of the tasks and groups in this one. */
  readonly last: string;
  readonly state: "open" | "fired" | "closed";
  /** Why the group was closed. */
  readonly error?: TaskError;
  readonly doneAt?: number;
}

/** `open`: a task or group in a group that has not ended. */
export interface OpenRow {
  /** The row stands for a group. */
  readonly group?: true;
}

/** `cascade` of kind `undo`: a workflow that is being submitted in several commits, by which worker. */
export interface UndoRow {
  readonly root: string;
  /** The worker that submits. If it is lost before the submission is complete, the tasks that it wrote are deleted. */
  readonly owner: string;
  readonly first: string;
  readonly last: string;
}

/** `ready`, `delayed`, `blocked`: the pointer of a task that waits. */
export interface Pointer {
  readonly name: string;
  /** Deliveries to workers that were lost, since the last retry. */
  readonly deliveries: number;
  /** The task's concurrency key, so that a claim decides without reading the record. */
  readonly key?: string;
  /** The key has to be made before the task may be claimed; see {@link TaskRecord.unkeyed}. */
  readonly unkeyed?: true;
}

/** `delayed`, `blocked`: a pointer that also says where in `ready` the task goes. */
export interface ParkedPointer extends Pointer {
  readonly channel: string;
  readonly priority: number;
}

/** `waiting`: the pointer of a workflow's task that is not released yet. */
export interface WaitingPointer extends ParkedPointer {
  /** The task has a `runAt` or a delay, so a release reads its record to learn when it may run. */
  readonly timed?: true;
}

/** `run`: the worker that runs a task. */
export interface RunRow {
  readonly worker: string;
  /** Deliveries to workers that were lost, and this one. */
  readonly deliveries: number;
  readonly startedAt: number;
  readonly progress?: Json;
}

/** `worker`: a process's registration. */
export interface WorkerRow {
  readonly host: string;
  readonly pid: number;
  readonly channels: Readonly<Record<string, number>>;
  readonly startedAt: number;
  readonly beat: number;
  /** The opening of an unshared store in which the process registered; see `Store.incarnation`. */
  readonly incarnation: string | null;
  /** Ids of the schedules that the process's code declares. */
  readonly schedules?: readonly string[];
  /** The worker was judged lost: its lanes are deleted, and its runs are being given back. */
  readonly lost?: boolean;
}

/** `ended`: a task that ended in FAILURE or REVOKED. */
export interface EndedRow {
  /** The task that repeats this one. */
  readonly redrivenAs?: string;
}

/** `idem`: the tasks that an idempotency key stands for. */
export interface IdempotencyRow {
  readonly ids: readonly string[];
  /** Tells two requests with one request's key apart. A definition's key has none: equal keys are the same work. */
  readonly fingerprint?: string;
  readonly expiresAt: number;
}

/** A task in a row of a limit: its id, channel and priority, which tell where it stands when it is ready. */
export type Standing = readonly [id: string, channel: string, priority: number];

/**
 * `slots`: the tasks under a concurrency key that run, or that were released and may stand ready. The claim of a task
 * checks and rewrites this row, so no task runs that is not in it. A task in it counts while it has a `run` row.
 */
export interface SlotsRow {
  readonly tasks: readonly Standing[];
}

/** `rate`: the state of a rate, and the tasks that were released under it and may stand ready. */
export interface RateRow extends RateState {
  readonly tasks: readonly Standing[];
}

/** `channel`: settings that people have made, which replace the defaults. */
export interface ChannelRow {
  readonly paused?: true;
  readonly slots?: number;
  readonly rateLimit?: string;
  /** How many tasks the rate lets start at once. */
  readonly burst?: number;
  readonly maxDepth?: number;
  /** The worker that purges the channel, which is paused for as long as that takes. */
  readonly purging?: string;
}

/** `lock`: the holder of a lock, and until when by the wall clock. */
export interface LockRow {
  /** The task whose run holds the lock. */
  readonly owner: string;
  /** Seconds for which the lock was taken or renewed. */
  readonly ttl: number;
  readonly expiresAt: number;
}

/** `apikey`: an API key. */
export interface ApiKeyRow {
  readonly prefix: string;
  /** SHA-256 of the token's secret, as Base64. */
  readonly hash: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  readonly expiresAt?: number;
  readonly lastUsedAt?: number;
}

/** `audit`: what an operator did. */
export interface AuditRow extends Deed {
  readonly at: number;
  readonly by: Actor;
}

/** `meta`: the state of the stored data as a whole. */
export interface MetaRow {
  /** The version of the layout; during an upgrade, the version that is being made. */
  readonly version: number;
  /** How far the upgrade has come; see `membership/upgrades.ts`. */
  readonly upgrade?: { readonly fenced: boolean; readonly cursor: Json };
  /** A backup is being copied into the store. */
  readonly restoring?: true;
}

/** `sweep`: the last task id that retention has looked at. */
export interface SweepRow {
  readonly after: string;
  /** When this round began; a new one begins a day later. */
  readonly startedAt: number;
}
