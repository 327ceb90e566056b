/**
 * The rows the engine stores, one type per key family (see `store/keys.ts`).
 *
 * @module
 */
import type { Occurrence, ScheduledTask, ScheduleSettings } from "./schedules/schedule.ts";
import type { Json, TaskError } from "./task.ts";

/** States of a record: what is running is told by its `run` row. */
export type StoredState = "PENDING" | "RETRY" | "SUCCESS" | "FAILURE" | "REVOKED";

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
  readonly tags?: readonly string[];
  readonly idempotency?: { readonly scope: string; readonly key: string; readonly expiresAt: number };
  /** Its definition's key; see `TaskIdempotency`. */
  readonly definitionKey?: { readonly key: string; readonly expiresAt: number };
  readonly scheduleId?: string;
}

/** `ready`, `delayed`, `blocked`: where a waiting task stands. */
export interface Pointer {
  readonly name: string;
  /** Times it was handed to a worker that was lost. */
  readonly deliveries: number;
}

/** `delayed` and `blocked` also say where the task goes. */
export interface ParkedPointer extends Pointer {
  readonly channel: string;
  readonly priority: number;
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

/** `idem`: what an idempotency key stands for. */
export interface IdempotencyRow {
  readonly ids: readonly string[];
  readonly fingerprint: string;
  readonly expiresAt: number;
}

/** `schedule`: what a person or code decided, and how far it has come. */
export interface ScheduleRow extends ScheduleSettings {
  readonly task: ScheduledTask;
  readonly paused: boolean;
  readonly origin: "api" | "code";
  /** Of a schedule from code: the definition it was last set to. A person's edits since then are kept. */
  readonly declared?: string;
  /** No registered process declares it any more. */
  readonly orphaned?: boolean;
  /** Changes with every edit. */
  readonly revision: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The first occurrence that has not been handled. */
  readonly nextRunAt: number | null;
  /** The time in its `due` key; `null` while it has none. */
  readonly dueAt: number | null;
  /** While it catches up with all: the last missed occurrence that has its task. */
  readonly backfillTo?: number;
  readonly lastRunAt: number | null;
  /** Occurrences handled so far: the number of the next `occurrence` row. */
  readonly handled: number;
  /** Its tasks that may not have ended. */
  readonly running: readonly string[];
  /** The key it was created with. */
  readonly idempotency?: { readonly scope: string; readonly key: string; readonly expiresAt: number };
}

/** `lock`: who holds it, and until when by the wall clock. */
export interface LockRow {
  /** The task whose run holds it. */
  readonly owner: string;
  /** Seconds that it was taken or renewed for. */
  readonly ttl: number;
  readonly expiresAt: number;
}

/** `occurrence`: what became of an occurrence. */
export type OccurrenceRow = Omit<Occurrence, "state">;

/** `meta`. */
export interface MetaRow {
  readonly version: number;
}

/** `sweep`: the last task id that retention has looked at. */
export interface SweepRow {
  readonly after: string;
  /** When this round began; a new one begins a day later. */
  readonly startedAt: number;
}
