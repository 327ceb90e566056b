/**
 * The rows the engine stores, one type per key family (see `keys.ts`).
 *
 * @module
 */
import type { RateState } from "../ground/rate.ts";
import type { Json, TaskError } from "../ground/task.ts";

/** States of a record: what is running is told by its `run` row. */
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
  /** When it may run; equals the time in its `delayed` key while it has one. */
  readonly runAt: number;
  /** Inline, unless `argsChunks` says that they are kept in that many `blob` rows. */
  readonly args?: readonly Json[];
  readonly argsChunks?: number;
  readonly result?: Json;
  readonly resultChunks?: number;
  readonly error?: TaskError;
  readonly startedAt?: number;
  readonly doneAt?: number;
  readonly worker?: string;
  readonly expiresAt?: number;
  readonly softTimeLimit?: number;
  readonly timeLimit?: number;
  readonly ignoreResult?: boolean;
  /** Handed to one worker only, whatever becomes of it; without it the task goes to the next one. */
  readonly acks?: "early";
  readonly tags?: readonly string[];
  readonly idempotency?: { readonly scope: string; readonly key: string; readonly expiresAt: number };
  /** The task that it repeats. */
  readonly redriveOf?: string;
  /** Its definition's key; see `TaskIdempotency`. */
  readonly definitionKey?: { readonly key: string; readonly expiresAt: number };
  readonly scheduleId?: string;
  /** What its definition made of its arguments: at most so many tasks of one key run at a time. */
  readonly concurrencyKey?: string;
  /** All that makes it part of a workflow: a copy without it is a task of its own. */
  readonly workflow?: WorkflowPart;
}

/** A task's part in its workflow, frozen at submit: its end is computed from it (`task/moves.ts`). */
export interface WorkflowPart {
  readonly root: string;
  /** The task before it; after a group the group's last task; of an error callback the task that failed. */
  readonly parent?: string;
  /** The innermost group it is in. */
  readonly group?: string;
  /** That group goes on when it fails. */
  readonly tolerated?: true;
  /** The task or group whose success releases it, or the submission's own trigger. */
  readonly waitsFor?: string;
  /** Whose result comes first among its arguments: that of what `waitsFor` names, or the empty list. */
  readonly takes?: "task" | "group" | "empty";
  /** Milliseconds from its release to the moment it may run. */
  readonly delay?: number;
  /** Something waits for it. */
  readonly followed?: true;
  /** Submitted by its failing end. */
  readonly linkError?: TaskRecord;
  /** It was submitted so, and is no part of the graph. */
  readonly isCallback?: true;
}

/** `workflow`: its tasks and groups are those of this root between two ids. */
export interface WorkflowRow {
  readonly first: string;
  readonly last: string;
  /** Tasks, without error callbacks. */
  readonly total: number;
  /** Whose result is the workflow's. */
  readonly end: WorkflowEnd;
}

/** What a part of a workflow ends with: the task or group whose result is its own. */
export interface WorkflowEnd {
  readonly kind: "task" | "group";
  readonly id: string;
}

/** `group`: fired when all of it has ended, closed when one of it failed; one commit decides which. */
export interface GroupRow {
  readonly root: string;
  /** The group it is in. */
  readonly group?: string;
  /** That group goes on when this one fails. */
  readonly tolerated?: true;
  readonly waitsFor?: string;
  readonly followed?: true;
  /** Members; a chain is one. */
  readonly size: number;
  /** The last id in it. */
  readonly last: string;
  readonly state: "open" | "fired" | "closed";
  /** Why it was closed. */
  readonly error?: TaskError;
  readonly doneAt?: number;
}

/** `open`: something in a group that has not ended. */
export interface OpenRow {
  /** It is a group itself. */
  readonly group?: true;
}

/** `cascade` of a submission: who writes what. */
export interface UndoRow {
  readonly root: string;
  /** The worker that submits. Once it is not registered any more, what it wrote is deleted. */
  readonly owner: string;
  readonly first: string;
  readonly last: string;
}

/** `ready`, `delayed`, `blocked`: where a waiting task stands. */
export interface Pointer {
  readonly name: string;
  /** Times it was handed to a worker that was lost. */
  readonly deliveries: number;
  /** Its concurrency key, so that a claim decides without its record. */
  readonly key?: string;
}

/** `delayed` and `blocked` also say where the task goes. */
export interface ParkedPointer extends Pointer {
  readonly channel: string;
  readonly priority: number;
}

/** `waiting`: a workflow's task that is not released yet. */
export interface WaitingPointer extends ParkedPointer {
  /** Its record says that it may not run as soon as it is released. */
  readonly timed?: true;
}

/** `run`: who runs a task. */
export interface RunRow {
  readonly worker: string;
  /** This hand-over included. */
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
  /** The opening of an unshared store it registered in; see `Store.incarnation`. */
  readonly incarnation: string | null;
  /** Ids of the schedules that its code declares. */
  readonly schedules?: readonly string[];
  /** Judged lost: its lanes are deleted, its runs are being given back. */
  readonly lost?: boolean;
}

/** `ended`: a task that ended in FAILURE or REVOKED. */
export interface EndedRow {
  /** The task that repeats it. */
  readonly redrivenAs?: string;
}

/** `idem`: what an idempotency key stands for. */
export interface IdempotencyRow {
  readonly ids: readonly string[];
  readonly fingerprint: string;
  readonly expiresAt: number;
}

/** A task in a row of a limit: its id, channel and priority, which tell where it stands when it is ready. */
export type Standing = readonly [id: string, channel: string, priority: number];

/**
 * `slots`: the tasks that may run under a concurrency key, or stand ready after a release. Whoever starts one checks
 * and rewrites the row, so a task that is not in it does not run; one that is counts while it has a `run` row.
 */
export interface SlotsRow {
  readonly tasks: readonly Standing[];
}

/** `rate`: what has passed, and the tasks that were released and may stand ready. */
export interface RateRow extends RateState {
  readonly tasks: readonly Standing[];
}

/** `channel`: what people have set, instead of the defaults. */
export interface ChannelRow {
  readonly paused?: true;
  readonly slots?: number;
  readonly rateLimit?: string;
  readonly maxDepth?: number;
  /** The worker that purges it: paused for as long as that takes. */
  readonly purging?: string;
}

/** `lock`: who holds it, and until when by the wall clock. */
export interface LockRow {
  /** The task whose run holds it. */
  readonly owner: string;
  /** Seconds that it was taken or renewed for. */
  readonly ttl: number;
  readonly expiresAt: number;
}

/** `meta`: what the stored data is. */
export interface MetaRow {
  /** Of the layout; while it is upgraded, the version that is being made. */
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
