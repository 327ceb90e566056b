/**
 * The ports through which the parts of the engine see each other: the store and the means to write to it, what the
 * parts tell each other, and what is known of this process. `assemble.ts` makes one object that is all of them; each
 * function names in its parameter the ports that it uses, and beside them the caches that only a few use.
 *
 * @module
 */
import type { Random } from "./ground/clock.ts";
import type { Committer } from "./commit/committer.ts";
import type { OnEvent } from "./ground/events.ts";
import type { RunRow, TaskRecord } from "./rows/record.ts";
import type { CascadeKind } from "./rows/keys.ts";
import type { Entry } from "./store/port.ts";
import type { AnyTaskDefinition } from "./task/define.ts";
import type { Reading } from "./task/read.ts";

/** The store and the means to write to it: every part may use them. */
export interface Base extends Reading {
  readonly random: Random;
  readonly definitions: ReadonlyMap<string, AnyTaskDefinition>;
  /** Channel of each definition, by task name. */
  readonly channels: ReadonlyMap<string, string>;
  /** Slots per channel that this process executes. */
  readonly slots: ReadonlyMap<string, number>;
  readonly committer: Committer;
  readonly nextId: () => string;
  readonly emit: OnEvent;
}

/** Calls by which one part tells the others that something has happened. */
export interface Signals {
  /** Tells the consumer of a channel that a task became ready; see `ReadyWindow.arrived` for the entry. */
  wake(channel: string, entry?: Entry): void;
  /** Tells the promoter that something is due at this time. */
  dueAt(time: number): void;
  /** Tells the scheduler that a schedule is due at this time. */
  scheduleDueAt(time: number): void;
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
  /** A run has left its concurrency key, or a task that was released under one has ended. */
  freed(record: TaskRecord): void;
  /** Tasks were parked; at this time, at once without one, some of them may go. */
  parked(by: string, dueAt?: number): void;
}

/** The slots, runs and standing of this process. */
export interface Here {
  /** The slots of a channel that this process executes. */
  consumer(channel: string): Slots | undefined;
  /** The open run of a task in this process. */
  runOf(id: string): OpenRun | undefined;
  /** The worker id of the current registration. */
  worker(): string;
  /** The workers that execute a channel and are known to live, this one among them, in an order that all agree on. */
  peers(channel: string): readonly string[];
  /** Whether this process works on demand, and there is no reason to. */
  isResting(): boolean;
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

/** A run of this process, as others see it; `Run` says more. */
export interface OpenRun {
  /** It waits for a slot. */
  readonly isNext: boolean;
  /** It waits for a thread. */
  readonly reserved: boolean;
  /** Ends it as REVOKED. Resolves when that is stored. */
  revoke(): Promise<void>;
}
