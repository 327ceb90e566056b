/**
 * The context of one run, a handler's first argument.
 *
 * @module
 */
import { sleep } from "../ground/clock.ts";
import type { Lock, LockOptions, TaskCommit, TaskContext, TaskLog } from "../task/define.ts";
import { RefusedCommitError, type RetryError } from "../ground/errors.ts";
import type { LogLevel } from "../ground/events.ts";
import { textOf } from "../ground/observer.ts";
import type { ThisRun } from "./this_run.ts";
import { retryRequest } from "../task/retry.ts";
import { namespaceOf } from "../rows/keys.ts";
import { copyKey, copyValue } from "../store/copy.ts";
import type { Check, Key, Mutation } from "../store/port.ts";
import { del, putRaw } from "../rows/unit.ts";
import type { Json } from "../ground/task.ts";

/** Mutations and checks that `ctx.commit` takes. */
const COMMIT_LIMITS = { mutations: 100, checks: 8 } as const;

/** The context of one run; its parts are made when they are used. */
export class RunContext implements TaskContext {
  #commit: RunCommit | null = null;

  constructor(readonly run: ThisRun) {}

  get id(): string {
    return this.run.record.id;
  }
  get name(): string {
    return this.run.record.name;
  }
  get retries(): number {
    return this.run.record.retries;
  }
  get maxRetries(): number {
    return this.run.record.maxRetries;
  }
  get idempotencyKey(): string {
    return this.run.record.id;
  }
  get signal(): AbortSignal {
    return this.run.signal;
  }

  get log(): TaskLog {
    const write = (level: LogLevel) => (message: string) =>
      this.run.engine.emit({ type: "log", task: this.run.record, level, message: textOf(message) });
    return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  }

  get commit(): RunCommit {
    return this.#commit ??= new RunCommit(this.run.engine.settings.namespace);
  }

  /** The writes that the handler wants to be stored with its result; `null` if there are none. */
  get writes(): RunCommit | null {
    return this.#commit;
  }

  progress(report: Json): void {
    this.run.report(report);
  }

  lock(name: string, options: LockOptions): Promise<Lock> {
    return this.run.lock(name, options);
  }

  sleep(seconds: number): Promise<void> {
    return sleep(this.run.engine.clock, seconds * 1000, this.signal);
  }

  retry(options: { in?: number | string | null; error?: unknown } = {}): RetryError {
    return retryRequest(options, this.run.engine.clock.now());
  }
}

/** Collects the writes that land with the result. Keys and values are copied: the handler may share and change its own. */
export class RunCommit implements TaskCommit {
  readonly checks: Check[] = [];
  readonly mutations: Mutation[] = [];

  constructor(readonly namespace: string) {}

  set(key: Key, value: unknown): this {
    this.#add(this.mutations, COMMIT_LIMITS.mutations, "mutations", putRaw(this.#own(key), copied(value)));
    return this;
  }

  delete(key: Key): this {
    this.#add(this.mutations, COMMIT_LIMITS.mutations, "mutations", del(this.#own(key)));
    return this;
  }

  check(key: Key, versionstamp: string | null): this {
    this.#add(this.checks, COMMIT_LIMITS.checks, "checks", { key: this.#own(key), versionstamp });
    return this;
  }

  /** A handler that returns its writes, as a one-line function does, has no result. */
  toJSON(): null {
    return null;
  }

  #own(key: Key): Key {
    if (key.length === 0) throw new TypeError("Cannot write to an empty key");
    if (namespaceOf(key) === this.namespace) {
      throw new TypeError(
        `Cannot write under '${this.namespace}': that is Sluice's own part of the database`,
      );
    }
    return copyKey(key);
  }

  #add<T>(list: T[], limit: number, what: string, item: T): void {
    if (list.length === limit) throw new RangeError(`A task's commit takes at most ${limit} ${what}`);
    list.push(item);
  }
}

function copied(value: unknown): unknown {
  try {
    return copyValue(value);
  } catch (cause) {
    throw new RefusedCommitError(`Commit cannot be stored: ${(cause as Error).message}`, { cause });
  }
}
