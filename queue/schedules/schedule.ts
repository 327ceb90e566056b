/**
 * Schedules as users write and read them: the public types.
 *
 * @module
 */
import type { AnyTaskDefinition } from "../task/define.ts";
import type { Fault } from "../ground/errors.ts";
import type { Idempotency, Task, TaskRequest, TaskState } from "../ground/task.ts";

/** When a schedule is due. */
export type Trigger =
  /** Cron text of five fields, or six with seconds first, or `@daily` and its kin. @default {timezone "UTC"} */
  | { readonly cron: string; readonly timezone?: string }
  /** Seconds between two occurrences, from 0.01, counted from `startAt` or else from the schedule's creation. */
  | { readonly interval: number }
  /** One occurrence at this moment, milliseconds since 1970. */
  | { readonly date: number };

/** How a schedule makes up for occurrences that were not handled in time; see `ScheduleOptions.misfireGrace`. */
export type CatchUp =
  /** No task for those that are missed. */
  | "skip"
  /** One task for all that are due together, within `misfireGrace` or not: that of the last one. */
  | "one"
  /** A task for each of the last `catchUpLimit`. No occurrence is skipped for `maxInstances`: it waits. */
  | "all";

/** When and how a schedule fires. Moments are milliseconds since 1970, durations seconds. */
export interface ScheduleOptions {
  readonly trigger: Trigger;
  /** No occurrence before this moment. Intervals are counted from it. @default {null} */
  readonly startAt?: number | null | undefined;
  /** No occurrence after this moment. @default {null} */
  readonly endAt?: number | null | undefined;
  /** Most seconds that are added, at random, to the time of a task; occurrences stay where they are. @default {0} */
  readonly jitter?: number | undefined;
  /**
   * Seconds that an occurrence may be late with `catchUp` `"skip"` or `"all"`. After that it is missed. `"one"` is the
   * same on either side of it.
   *
   * @default {60}
   */
  readonly misfireGrace?: number | undefined;
  /** @default {"one"} */
  readonly catchUp?: CatchUp | undefined;
  /** Most missed occurrences that `"all"` makes up for. 1 to 1000. @default {100} */
  readonly catchUpLimit?: number | undefined;
  /**
   * While so many of its tasks have not ended, an occurrence is skipped; with `catchUp: "all"` it waits. 1 to 100.
   *
   * @default {1}
   */
  readonly maxInstances?: number | undefined;
}

/** Options with their defaults filled in. */
export type ScheduleSettings = {
  readonly [Option in keyof ScheduleOptions]-?: Exclude<ScheduleOptions[Option], undefined>;
};

/** The task of a schedule: a task request without a time of its own. */
export type ScheduledTask = Omit<TaskRequest, "delay" | "runAt">;

/** A new schedule. */
export interface ScheduleRequest extends ScheduleOptions {
  /** 1 to 200 letters, digits, `.`, `_`, `:` and `-`, but not `.` or `..`. @default {a new UUID} */
  readonly id?: string | undefined;
  readonly task: ScheduledTask;
  /** @default {false} */
  readonly paused?: boolean | undefined;
}

/** A schedule declared in code, for `createQueue`. */
export interface CodeSchedule extends ScheduleOptions {
  /** An id that no other schedule has; see {@link ScheduleRequest}. */
  readonly id: string;
  readonly task: AnyTaskDefinition;
  readonly args: readonly unknown[];
}

/** A schedule. */
export interface Schedule extends ScheduleSettings {
  readonly id: string;
  readonly task: ScheduledTask;
  /** Whether it is paused: there is no next occurrence until it is resumed. */
  readonly paused: boolean;
  /** Whether the API or code created it. */
  readonly origin: "api" | "code";
  /** Changes with every edit, not when it fires. */
  readonly revision: string;
  /** The reason why it cannot fire although it should; `null` when all is well. */
  readonly problem: string | null;
  /** The first occurrence that has not been handled. */
  readonly nextRunAt: number | null;
  /** When a task was last submitted. */
  readonly lastRunAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/**
 * The outcome of an occurrence. `duplicate`: an earlier task holds the key that the definition makes of the arguments,
 * and no task was submitted. `refused`: the definition does not accept the task any more.
 */
export type OccurrenceOutcome = "submitted" | "manual" | "duplicate" | "skipped" | "missed" | "refused";

/** An occurrence in a schedule's history. */
export interface Occurrence {
  readonly plannedAt: number;
  /** The last of the missed occurrences that this entry stands for; `null` unless the outcome is `missed`. */
  readonly missedUntil: number | null;
  /** When its task was submitted; `null` for a duplicate, which submitted none. */
  readonly startedAt: number | null;
  /** Its task; of a duplicate the earlier one. */
  readonly taskId: string | null;
  /** Seconds from the planned moment until it was handled. */
  readonly lateBy: number;
  readonly outcome: OccurrenceOutcome;
  /** The reason why the task was refused. */
  readonly detail: string | null;
  /** The task's state now; `null` without a task, and when it is no longer kept. */
  readonly state: TaskState | null;
}

/** The beginning and the length of a page of a list. */
export interface PageOptions {
  /** 1 to 500. @default {50} */
  readonly limit?: number;
  /** Opaque; from the previous page. */
  readonly cursor?: string;
}

/**
 * The schedules of a queue: `queue.schedules`.
 *
 * @example
 * ```ts
 * import { createQueue, defineTask, memoryStore } from "@sluice/sluice";
 * import assert from "node:assert/strict";
 * import { z } from "zod";
 *
 * const report = defineTask({ name: "report", args: z.tuple([z.string()]) }, (_context, kind) => `${kind} sent`);
 * const queue = createQueue({ store: memoryStore(), definitions: [report] });
 * const { schedule } = await queue.schedules.create({
 *   task: { name: "report", args: ["daily"] },
 *   trigger: { cron: "0 3 * * *", timezone: "Europe/Rome" },
 * });
 * assert((await queue.schedules.next(schedule.id)).length === 10);
 * await queue.stop();
 * ```
 */
export interface Schedules {
  /**
   * Stores a schedule.
   *
   * @returns the schedule, and whether it is that of an earlier request with the same idempotency key
   * @throws {InvalidScheduleError} with every fault / {ScheduleConflictError} when the id is taken
   * @throws {TooLargeError} / {IdempotencyConflictError}
   */
  create(
    request: ScheduleRequest,
    idempotency?: Idempotency,
  ): Promise<{ schedule: Schedule; replayed: boolean }>;
  /** Finds every fault that `create` would refuse in the given parts; stores nothing. @throws {TooLargeError} */
  faults(request: Partial<ScheduleRequest>): Fault[];
  /** Lists schedules in the order of their ids. @throws {InvalidScheduleError} for a limit or cursor that is not one */
  list(options?: PageOptions): Promise<{ schedules: Schedule[]; cursor: string | null }>;
  /** Reads a schedule. @throws {ScheduleNotFoundError} */
  get(id: string): Promise<Schedule>;
  /**
   * Changes the fields that are given; a field given as `undefined` goes back to its default. A new trigger, start or
   * end counts from now.
   *
   * @param revision the revision that the schedule must still have
   * @throws {ScheduleNotFoundError} / {ScheduleChangedError} / {InvalidScheduleError} / {TooLargeError}
   * @throws {ScheduleConflictError} when an orphan is to be resumed
   */
  update(id: string, changes: Partial<Omit<ScheduleRequest, "id">>, revision?: string): Promise<Schedule>;
  /**
   * Deletes a schedule and its history; the tasks it has submitted stay.
   *
   * @throws {ScheduleNotFoundError} / {ScheduleConflictError} when code declares it: it would be back at the next start
   */
  delete(id: string): Promise<void>;
  /** Pauses a schedule. Occurrences of the time in pause are not made up for. @throws {ScheduleNotFoundError} */
  pause(id: string): Promise<Schedule>;
  /** Resumes a schedule. @throws {ScheduleNotFoundError} / {ScheduleConflictError} when no code declares it any more */
  resume(id: string): Promise<Schedule>;
  /**
   * Submits a schedule's task now, also when the schedule is paused or `maxInstances` of its tasks have not ended.
   *
   * @returns the task, and whether it is that of an earlier request with the same idempotency key
   * @throws {ScheduleNotFoundError} / {IdempotencyConflictError}
   */
  run(id: string, idempotency?: Idempotency): Promise<{ task: Task; replayed: boolean }>;
  /**
   * Computes the next occurrences; for a paused schedule, those that it would have.
   *
   * @param count 1 to 100. @default {10}
   * @throws {ScheduleNotFoundError} / {InvalidScheduleError}
   */
  next(id: string, count?: number): Promise<number[]>;
  /** Reads the last 1,000 occurrences, newest first. @throws {ScheduleNotFoundError} / {InvalidScheduleError} */
  occurrences(
    id: string,
    options?: PageOptions,
  ): Promise<{ occurrences: Occurrence[]; cursor: string | null }>;
}
