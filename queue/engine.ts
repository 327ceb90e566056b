/**
 * What the parts of the engine share: one value made by `createQueue`, passed to each of them.
 *
 * @module
 */
import type { Clock, Random } from "./ground/clock.ts";
import type { Committer } from "./commit/committer.ts";
import type { Deadlines } from "./run/deadlines.ts";
import type { AnyTaskDefinition } from "./task/define.ts";
import type { Intake } from "./request/intake.ts";
import type { Depths } from "./request/depth.ts";
import type { Limits } from "./limits/limits.ts";
import type { LockWaits } from "./run/locks.ts";
import type { Overrides } from "./limits/overrides.ts";
import type { OnEvent } from "./ground/events.ts";
import type { RecordCache } from "./claim/record_cache.ts";
import type { RunRow, TaskRecord } from "./rows/record.ts";
import type { CascadeKind, Keys } from "./rows/keys.ts";
import type { Entry, Store } from "./store/port.ts";
import type { Followers } from "./workflow/followers.ts";
import type { Results } from "./workflow/results.ts";
import type { ThreadPool } from "./threads/pool.ts";

/** Settings of a queue with their defaults filled in. Times in seconds. */
export interface EngineSettings {
  readonly namespace: string;
  readonly resultTtl: number;
  readonly idempotencyTtl: number;
  readonly workerLostAfter: number;
}

/** A channel's slots, as those see them who have a task for one; `Consumer` says more. */
export interface Slots {
  readonly free: number;
  reserve(mayWait?: boolean): RunRow | null;
  beginReserved(run: RunRow, record: TaskRecord): void;
  withdraw(): void;
  /** Resolves when nothing that was taken before is on its way to run. */
  quiet(): Promise<void>;
}

/** One task at a time in the whole process. */
export interface Solo {
  /** 1 while a task runs, is being claimed or is being handed off. */
  taken: number;
  /** Tells all channels that the slot is free. */
  freed(): void;
}

/** See the module's text. */
export interface Engine {
  readonly store: Store;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: EngineSettings;
  readonly definitions: ReadonlyMap<string, AnyTaskDefinition>;
  /** Channel of each definition, by task name. */
  readonly channels: ReadonlyMap<string, string>;
  /** Slots per channel that this process executes. */
  readonly slots: ReadonlyMap<string, number>;
  readonly committer: Committer;
  readonly intake: Intake;
  readonly deadlines: Deadlines;
  readonly records: RecordCache;
  readonly followers: Followers;
  readonly results: Results;
  readonly limits: Limits;
  readonly overrides: Overrides;
  readonly depths: Depths;
  readonly locks: LockWaits;
  /** Runs what is to run in threads; `null`: it runs on the event loop. */
  readonly threads: ThreadPool | null;
  /** Suspects that run in this process: at most one at a time. */
  readonly suspects: { count: number };
  /** The one slot that all channels share; `null`: each has its own only. */
  readonly solo: Solo | null;
  readonly nextId: () => string;
  readonly emit: OnEvent;
  /** Tells whoever executes a channel that a task became ready; see `ReadyWindow.arrived` for the entry. */
  wake(channel: string, entry?: Entry): void;
  /** Who executes a channel in this process. */
  consumer(channel: string): Slots | undefined;
  /** Tells the scheduler that a schedule is due at this time. */
  scheduleDueAt(time: number): void;
  /** Tells the promoter that something is due at this time. */
  dueAt(time: number): void;
  /**
   * Tells those who wait for a task that it has ended, and has worked off what its end owes its workflow.
   *
   * @param done what is owed no more: all of it, as with `endWaitingUnit`, or the release of those who wait for it
   */
  ended(record: TaskRecord, done?: "all" | "release" | null): void;
  /** Tells those who wait for a workflow that one of its groups has ended. */
  groupEnded(id: string): void;
  /** Has what a workflow owes worked off now, by its `cascade` row. Never rejects. */
  owe(kind: CascadeKind, id: string): Promise<void>;
  /** Triggers of large workflows that this process is writing. */
  readonly submitting: Set<string>;
  /** The worker id of the current registration. */
  worker(): string;
  /** Whether this process works on demand, and there is no reason to. */
  isResting(): boolean;
  /** The workers that execute a channel and are known to live, this one among them, in an order that all agree on. */
  peers(channel: string): readonly string[];
  /** A run has left its concurrency key, or a task that was released under one has ended. */
  freed(record: TaskRecord): void;
  /** Tasks were parked; at this time, at once without one, some of them may go. */
  parked(by: string, dueAt?: number): void;
}
