/**
 * Task definitions: name, argument schema, defaults and handler in one value. {@link defineTask} returns its input
 * with types inferred; nothing is registered globally.
 *
 * @module
 */
import type { z } from "zod";
import type { RetryError } from "../ground/errors.ts";
import type { RetryPolicy } from "./retry.ts";
import type { Json } from "../ground/task.ts";
import { Signature } from "./canvas.ts";

/** The arguments' schema: one zod type per position. */
export type ArgsSchema = z.ZodType<readonly unknown[], readonly unknown[]>;

/** Writes a line about a task to the log, with its id, name and channel. */
export interface TaskLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/**
 * Database writes of a handler. They land in the same commit as the task's result, so exactly once, and not at all when
 * the handler throws. At most 100 mutations and 8 checks, in the same database, outside of Sluice's own namespace.
 */
export interface TaskCommit {
  set(key: readonly (Uint8Array | string | number | bigint | boolean)[], value: unknown): TaskCommit;
  delete(key: readonly (Uint8Array | string | number | bigint | boolean)[]): TaskCommit;
  /** Demands that the key has this versionstamp (`null`: is absent) when the result is stored; else the run fails. */
  check(
    key: readonly (Uint8Array | string | number | bigint | boolean)[],
    versionstamp: string | null,
  ): TaskCommit;
}

/** How a lock is taken; times in seconds. */
export interface LockOptions {
  /** Time after which the lock is free again although its owner has not released it. `renew` starts it anew. */
  readonly ttl: number;
  /** How long to wait for a lock that another run holds. @default {0} */
  readonly wait?: number;
}

/** A lock that a run holds. */
export interface Lock extends AsyncDisposable {
  readonly name: string;
  /**
   * The fencing token, 20 hex digits. Compared as text, it is greater than the token of each earlier owner of the lock.
   * An outside service that refuses a smaller token than it has seen is safe from an owner that has lost the lock.
   */
  readonly token: string;
  /**
   * Starts the lock's time to live anew.
   *
   * @param ttl seconds; without it as long as before
   * @throws {LockNotHeldError} when its time was over and another run took the lock, or the lock was released
   */
  renew(ttl?: number): Promise<void>;
  /** Releases the lock, so that another run can take it. Does nothing when the lock is not held any more. */
  release(): Promise<void>;
}

/** The context of a run, which its handler gets before the arguments. */
export interface TaskContext {
  readonly id: string;
  readonly name: string;
  /** Retries before this run; 0 in the first. */
  readonly retries: number;
  readonly maxRetries: number;
  /** The same for every run of the task. Pass it on to outside services: their effects happen at least once. */
  readonly idempotencyKey: string;
  /** Aborts at the soft time limit, on revoke and when the process stops; the reason says which. */
  readonly signal: AbortSignal;
  readonly log: TaskLog;
  readonly commit: TaskCommit;
  /** Reports how far the run is. Readers see the latest report; at most four a second are stored. */
  progress(report: Json): void;
  /**
   * Takes a lock that only one run holds at a time, in all processes together. The lock is released when the run ends,
   * at the latest; when this process dies, it is free at the end of its time to live. The lock does not renew itself: a
   * run that may take longer calls `renew`. A run cannot hold the same lock twice.
   *
   * @param name 1 to 200 characters
   * @throws {LockTimeoutError} when the lock stays held for longer than `wait`
   * @throws {RangeError} when `ttl` is not above 0
   *
   * @example
   * ```ts
   * import { defineTask } from "@sluice/sluice";
   * import { z } from "zod";
   *
   * const book = defineTask({ name: "book", args: z.tuple([z.string()]) }, async (ctx, account) => {
   *   await using lock = await ctx.lock(`account ${account}`, { ttl: 30, wait: 10 });
   *   return `booked under ${lock.token}`;
   * });
   * ```
   */
  lock(name: string, options: LockOptions): Promise<Lock>;
  /** Resolves after so many seconds; rejects with the signal's reason when the signal aborts. */
  sleep(seconds: number): Promise<void>;
  /**
   * Makes the error that ends this run and has the task run again: `throw ctx.retry({ in: 30 })`.
   *
   * @param options.in seconds, or a `Retry-After` header's text; without it the definition's policy decides
   * @param options.error the cause; shown in RETRY, and in FAILURE when no retry is left
   */
  retry(options?: { in?: number | string | null; error?: unknown }): RetryError;
}

/** A definition's idempotency: two submissions with one key are the same piece of work, whatever else they ask for. */
export interface TaskIdempotency<Schema extends ArgsSchema = ArgsSchema> {
  /** The key, made from all arguments or a part of them: a text of 1 to 255 characters. */
  readonly key: (...args: z.output<Schema>) => string;
  /**
   * Seconds from the submission for which the key of a task that succeeds is kept. A key is always kept until its task
   * has ended, and is free at once after FAILURE or REVOKED. @default {3600}
   */
  readonly ttl?: number;
  /**
   * The answer to a second submission with the key: the first task at once (`"skip"`), the first task and, if the
   * caller asks to wait, its result (`"return"`), or a `DuplicateTaskError` (`"raise"`). @default {"return"}
   */
  readonly onDuplicate?: "skip" | "return" | "raise";
}

/** The part of a definition that is data. */
export interface TaskOptions<Schema extends ArgsSchema = ArgsSchema> {
  /** Full name, unique among the definitions: `app.tasks.add`. */
  readonly name: string;
  /** `z.tuple([...])`: one type per argument. */
  readonly args: Schema;
  /** One sentence for people who look at the definition. */
  readonly description?: string;
  /** @default {"default"} */
  readonly channel?: string;
  /** 0 to 9, 9 first. @default {5} */
  readonly priority?: number;
  /** Most times that a failed run is repeated. @default {0} */
  readonly maxRetries?: number;
  /** The waits, and the errors worth a retry. @default {exponential from 1 s to 1 h with full jitter, any error} */
  readonly retry?: RetryPolicy;
  /** Seconds until `ctx.signal` aborts. @default {none} */
  readonly softTimeLimit?: number;
  /** Seconds until the run is ended. @default {3600} */
  readonly timeLimit?: number;
  /**
   * Whether a run that reached {@link timeLimit} is repeated like one that failed: as often as {@link maxRetries} says,
   * after the waits of {@link retry}, whose `retryOn` is not asked. A handler on the event loop that ignores its signal
   * may then still be at work when the next run begins; one in a thread is ended with its thread.
   *
   * @default {false: the task fails at once, however many retries are left}
   */
  readonly retryOnTimeout?: boolean;
  /**
   * When a delivery to a worker counts. `"late"`: when the run has ended, so a task whose worker is lost runs again (at
   * least once). `"early"`: when the run begins, so such a task ends as FAILURE, WorkerLostError (at most once).
   *
   * @default {"late"}
   */
  readonly acks?: "late" | "early";
  /** Whether only the outcome is kept, and the return value dropped. @default {false} */
  readonly ignoreResult?: boolean;
  /**
   * Gives each task a key made from its arguments; a second submission with the key gets the first task (invariant 6).
   * Tasks of a workflow have no such key.
   *
   * @default {every submission is a task of its own}
   */
  readonly idempotency?: TaskIdempotency<Schema>;
  /**
   * Most starts of tasks of this name in a unit of time, in all processes together: `"10/s"`, `"10/m"`, `"10/h"` or
   * `"10/d"`. No second (minute, hour, day), wherever it begins, holds more starts than that, by the clocks of the
   * processes that decide. Tasks start evenly: those of 50 ms, at least one, may start at once.
   *
   * @default {as often as there are slots}
   */
  readonly rateLimit?: string;
  /**
   * How many tasks may start at once, 1 to the number of {@link rateLimit}, for an outside service that allows it. A
   * span as long as the rate's unit may then hold `burst - 1` more starts than the rate says.
   *
   * @default {what the rate allows in 50 ms, at least 1, so that no span holds more than the rate says}
   */
  readonly burst?: number;
  /**
   * Makes a key from the arguments, 1 to 200 characters, or `null` for none. At most {@link concurrencyLimit} tasks
   * with one key, whatever their names, run at a time in all processes; the others wait without holding up tasks with
   * other keys. When a result comes before the arguments of a workflow's task, the key is made once that is there.
   */
  concurrencyKey?(...args: z.output<Schema>): string | null;
  /** Most tasks with one key that run at a time, 1 to 250. @default {1} */
  readonly concurrencyLimit?: number;
}

/** The function that a thread calls, and the memory that it may use. */
export interface ThreadTarget {
  /** The module's URL. */
  readonly module: string;
  /** The function's name among the module's exports. */
  readonly export: string;
  /** Megabytes of JavaScript heap. */
  readonly memory: number;
}

/** A task definition: options and handler. */
export interface TaskDefinition<Schema extends ArgsSchema = ArgsSchema, Result = unknown>
  extends TaskOptions<Schema> {
  readonly handler: (context: TaskContext, ...args: z.output<Schema>) => Result | Promise<Result>;
  /** Set when the handler runs in a thread; see `defineThreadTask`. @default {on the event loop} */
  readonly thread?: ThreadTarget;
}

/** The arguments after the first. */
type Tail<Args> = Args extends readonly [unknown?, ...infer Rest] ? Rest : Args;

/** A definition whose task can be called in workflows. */
export interface DefinedTask<Schema extends ArgsSchema = ArgsSchema, Result = unknown>
  extends TaskDefinition<Schema, Result> {
  /**
   * Makes a call of the task for a workflow. When a node comes before the call, that node's result is the first
   * argument, and these are the others.
   */
  s(...args: z.input<Schema> | Tail<z.input<Schema>>): Signature;
  /** Makes a call of the task for a workflow that takes these arguments alone, whatever comes before the call. */
  si(...args: z.input<Schema>): Signature;
}

/** Any definition, whatever its arguments and result. */
// deno-lint-ignore no-explicit-any -- handlers are contravariant in their arguments
export type AnyTaskDefinition = TaskDefinition<any, any>;

/**
 * Defines a task.
 *
 * @param options its name, arguments and defaults
 * @param handler the function that a run calls; its return value (JSON) is the task's result, its error the failure
 * @returns the definition, to be given to `createQueue` and to `queue.submit`; its `s` and `si` make workflows
 *
 * @example
 * ```ts
 * import { defineTask } from "@sluice/sluice";
 * import { z } from "zod";
 *
 * const add = defineTask({ name: "add", args: z.tuple([z.int(), z.int()]) }, (_ctx, x, y) => x + y);
 * ```
 */
export function defineTask<const Schema extends ArgsSchema, Result>(
  options: TaskOptions<Schema>,
  handler: (context: TaskContext, ...args: z.output<Schema>) => Result | Promise<Result>,
): DefinedTask<Schema, Result> {
  const { name } = options;
  return {
    ...options,
    handler,
    s: (...args) => new Signature({ name, args }),
    si: (...args) => new Signature({ name, args, immutable: true }),
  };
}
