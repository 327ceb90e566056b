/**
 * The ports through which the parts of the engine see each other: the store and the means to write to it, what the
 * parts tell each other, and what is known of this process. `assemble.ts` makes one object that is all of them; each
 * function names in its parameter the ports that it uses, and beside them the caches that only a few use.
 *
 * @module
 */
import type { Actor } from "./ground/audit.ts";
import type { Random } from "./ground/clock.ts";
import type { Committer } from "./commit/committer.ts";
import type { OnEvent } from "./ground/events.ts";
import type { RunRow, TaskRecord } from "./rows/record.ts";
import type { CascadeKind } from "./rows/keys.ts";
import type { Entry, Mutation } from "./store/port.ts";
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
  /** Who acts: the program, unless the caller came through `Queue.by`. */
  readonly actor: Actor;
  readonly emit: OnEvent;
}

/** What `Signals.wake` names, in the place of a channel, when runs were revoked. No channel has this name. */
export const REVOKES = "";

/** Calls by which one part tells the others that something has happened. */
export interface Signals {
  /** Tells the consumer of a channel that a task became ready; see `ReadyWindow.arrived` for the entry. */
  wake(channel: string, entry?: Entry): void;
  /** Tells the promoter that something is due at this time. */
  dueAt(time: number): void;
  /** Tells the scheduler that a schedule is due at this time. */
  scheduleDueAt(time: number): void;
  /**
   * Tells all who wait for a task that it has ended, and has the cascades worked off that its end owes to its workflow.
   *
   * @param done the cascades that are owed no more: all, as with `endWaitingUnit` for tasks that end along with it, or the release of waiting tasks
   */
  ended(record: TaskRecord, done?: "all" | "release" | null): void;
  /** Tells all who wait for a workflow that one of its groups has ended. */
  groupEnded(id: string): void;
  /** Has the cascade of a `cascade` row worked off now. Never rejects. */
  workOff(kind: CascadeKind, id: string): Promise<void>;
  /** Tells the releaser that a run has left its concurrency key, or that a task released under one has ended. */
  freed(record: TaskRecord): void;
  /** Tells the releaser that tasks were parked, and when some of them may go: at once, if no time is given. */
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
  /** Whether this process works on demand, and has no reason to work now. */
  isResting(): boolean;
}

/** A channel's slots, as other parts that have a task for one see them; `Consumer` says more. */
export interface Slots {
  readonly free: number;
  reserve(mayWait?: boolean): RunRow | null;
  beginReserved(run: RunRow, record: TaskRecord): void;
  withdraw(): void;
  /** Resolves when no task that was taken before is about to start. */
  quiet(): Promise<void>;
}

/** A run of this process, as others see it; `Run` says more. */
export interface OpenRun {
  /** Whether the run waits for a slot. */
  readonly isNext: boolean;
  /** Whether the run waits for a thread. */
  readonly reserved: boolean;
  /** Ends the run as REVOKED, with more to be written by the same commit. Resolves when that is stored. */
  revoke(also?: readonly Mutation[]): Promise<void>;
}
