/**
 * One run of a task, from the claim to its settlement. It ends once: the first of result, error, time limit, revoke
 * and give-back wins, and whatever the handler does after that changes nothing (invariant 5).
 *
 * @module
 */
import { faultsOf } from "../task/args.ts";
import { type RunCommit, RunContext } from "./context.ts";
import type { AnyTaskDefinition, ThreadTarget } from "../task/define.ts";
import type { Deadlines, Limited } from "./deadlines.ts";
import { DEFAULT_TIME_LIMIT } from "../task/options.ts";
import {
  ArgumentsError,
  CommitConflictError,
  isOver,
  OutOfMemoryError,
  RefusedCommitError,
  ResultNotSerializable,
  ResultTooLarge,
  RetryError,
  ShutdownError,
  SoftTimeLimitExceeded,
  TaskRevokedError,
  ThreadExitError,
  TimeLimitExceeded,
} from "../ground/errors.ts";
import { brief, describe, oneLine } from "../task/failure.ts";
import { patient } from "../commit/lane.ts";
import { type LockWaits, RunLocks } from "./locks.ts";
import { chunkCount, PROGRESS_INTERVAL, toReport, toResult } from "../rows/payload.ts";
import { endRunUnit, requeueUnit } from "../task/moves.ts";
import type { RunRow, TaskRecord } from "../rows/record.ts";
import { isRetryable, retryDelay } from "../task/retry.ts";
import { argumentsRefused, EXPIRED, outOfTime, REVOKED_RUNNING, STOPPED } from "../task/endings.ts";
import { ended, type Outcome, retried, returned } from "../task/state.ts";
import { decode } from "../rows/codec.ts";
import { put, together, type Unit } from "../rows/unit.ts";
import type { Json, TaskError } from "../ground/task.ts";
import type { ThreadJob, ThreadPool } from "../threads/pool.ts";
import { endAndRelease, type Releasing } from "../workflow/release.ts";
import { resolveArgs, type Resolving } from "../workflow/value.ts";

/** What a run takes: the end of a workflow's task lets others go on, and its arguments may be results. */
export interface Running extends Releasing, Resolving {
  readonly deadlines: Deadlines;
  readonly locks: LockWaits;
  /** Runs what is to run in threads; `null`: it runs on the event loop. */
  readonly threads: ThreadPool | null;
}

/** One run. `closed` is called when it ends, `left` when its handler has returned as well. */
export class Run implements Limited {
  deadline = Infinity;
  /** Wall-clock time at which it got its slot. */
  begunAt = Infinity;
  #hardDeadline = Infinity;
  #closed = false;
  #controller: AbortController | null = null;
  #aborted: Error | null = null;
  #progress: Json | undefined;
  #reportedAt = -Infinity;
  #reportTimer: (() => void) | null = null;
  /** The latest report is not on its way yet. */
  #isNews = false;
  #isReporting = false;
  #locks: RunLocks | null = null;
  /** What a thread does, or will do, for this run. */
  #job: ThreadJob | null = null;

  constructor(
    readonly engine: Running,
    readonly record: TaskRecord,
    readonly definition: AnyTaskDefinition,
    readonly row: RunRow,
    readonly closed: (run: Run) => void,
    readonly left: (run: Run) => void,
  ) {}

  /** It waits for a slot. */
  get isNext(): boolean {
    return this.begunAt === Infinity;
  }

  /** It waits for a thread. */
  get reserved(): boolean {
    return this.#job?.waits ?? false;
  }

  /** Aborts at the soft time limit, on revoke and at shutdown. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  /** The locks that the handler takes. */
  get locks(): RunLocks {
    if (!this.#locks) {
      this.#locks = new RunLocks(this);
      if (this.#closed) this.#locks.close();
    }
    return this.#locks;
  }

  /** Runs the handler and settles. Resolves when the handler has returned; never rejects. */
  async execute(): Promise<void> {
    const { engine, record, definition } = this;
    this.begunAt = engine.clock.now();
    const { threads } = engine;
    const thread = threads && definition.thread;
    if (!thread) this.#startLimits();
    const context = new RunContext(this);
    try {
      if (this.#hasExpired()) return this.#end(EXPIRED);
      // The handler may do with its arguments what it likes; the record's own are stored again at a retry.
      const args = record.args && record.workflow?.takes === undefined
        ? record.args.map((arg) => typeof arg === "object" ? structuredClone(arg) : arg)
        : await this.#readArgs();
      if (this.#closed) return;
      const parsed = definition.args.safeParse(args);
      if (!parsed.success) {
        return this.#end(argumentsRefused(faultsOf(parsed.error, "/args")));
      }
      const value = thread
        ? await this.#inThread(threads, thread, context, parsed.data)
        : await definition.handler(context, ...parsed.data);
      if (!this.#closed) this.#succeed(value, context);
    } catch (error) {
      if (!this.#closed) this.#fail(error);
    } finally {
      this.left(this);
    }
  }

  /** The time limits count from now. */
  #startLimits(): void {
    const { engine, record, definition } = this;
    const now = engine.clock.monotonic();
    const soft = record.softTimeLimit ?? definition.softTimeLimit;
    const hard = record.timeLimit ?? definition.timeLimit ?? DEFAULT_TIME_LIMIT;
    this.#hardDeadline = now + hard * 1000;
    this.deadline = soft === undefined ? this.#hardDeadline : Math.min(now + soft * 1000, this.#hardDeadline);
    engine.deadlines.add(this);
  }

  /** Waits for a thread, without a limit: who waits before it has one. Resolves to the handler's result. */
  #inThread(
    threads: ThreadPool,
    target: ThreadTarget,
    context: RunContext,
    args: readonly unknown[],
  ): Promise<unknown> {
    const { id, name, retries, maxRetries, ignoreResult = false } = this.record;
    const { module, export: exported, memory } = target;
    this.#job = threads.run({ id, name, retries, maxRetries, module, export: exported, args, ignoreResult }, {
      memory,
      started: () => this.#startLimits(),
      said: (message) => {
        if (message.type === "log") context.log[message.level](message.message);
        else this.report(JSON.parse(message.json));
      },
    });
    return this.#job.result;
  }

  /** Large arguments and results of before, whenever the store answers: its silence is no failure of the task. */
  #readArgs(): Promise<readonly Json[]> {
    const { engine, record } = this;
    return resolveArgs({ ...engine, store: patient(engine.store, engine.clock) }, record);
  }

  /** Stores a progress report, at most four times a second; the latest one wins. */
  report(report: Json): void {
    if (this.#closed) return;
    const bytes = toReport(report);
    // A copy: the handler goes on with its object.
    this.#progress = decode<Json>(bytes);
    this.#isNews = true;
    this.#reportSoon();
  }

  /** One report at a time is on its way, so that a store which does not answer collects none. */
  #reportSoon(): void {
    if (!this.#isNews || this.#isReporting || this.#reportTimer || this.#closed) return;
    const wait = this.#reportedAt + PROGRESS_INTERVAL - this.engine.clock.monotonic();
    if (wait <= 0) this.#storeProgress();
    else this.#reportTimer = this.engine.clock.after(wait, () => this.#storeProgress());
  }

  #storeProgress(): void {
    this.#reportTimer = null;
    this.#isNews = false;
    this.#isReporting = true;
    this.#reportedAt = this.engine.clock.monotonic();
    const row: RunRow = { ...this.row, progress: this.#progress! };
    this.#commit({ checks: [], mutations: [put(this.engine.keys.run(this.record.id), row)] })
      .then(() => this.engine.emit({ type: "progress", task: this.record }), () => {})
      .finally(() => {
        this.#isReporting = false;
        this.#reportSoon();
      });
  }

  /** A time limit is over: the soft one aborts the signal, the hard one ends the run. */
  expire(): void {
    const { record, definition } = this;
    if (this.deadline < this.#hardDeadline) {
      this.deadline = this.#hardDeadline;
      const limit = record.softTimeLimit ?? definition.softTimeLimit;
      return this.#abort(new SoftTimeLimitExceeded(`Task ran longer than its soft time limit of ${limit} s`));
    }
    const limit = record.timeLimit ?? definition.timeLimit ?? DEFAULT_TIME_LIMIT;
    const ending = outOfTime(limit);
    this.#end(ending);
    this.#abort(new TimeLimitExceeded(ending.error.message));
  }

  /** Ends the run as REVOKED. Resolves when that is stored. */
  async revoke(): Promise<void> {
    const settled = this.#close() ? this.#settle(REVOKED_RUNNING) : undefined;
    this.#abort(new TaskRevokedError(REVOKED_RUNNING.error.message));
    await settled;
  }

  /**
   * Gives the task back, uncounted: the process stops. Resolves when it waits again; or, when it may be given to one
   * worker only, when it has failed.
   */
  async giveBack(): Promise<void> {
    const hasBegun = !this.isNext && !this.reserved;
    const wasOpen = this.#close();
    this.#abort(new ShutdownError("The worker is stopping; the task runs again elsewhere"));
    if (!wasOpen) return;
    const { engine, record } = this;
    if (record.acks === "early" && hasBegun) {
      return await this.#settle(STOPPED);
    }
    // Of a group that was closed meanwhile only members go on that have started: this one was not ended with the others.
    const isStarted = hasBegun || record.workflow?.group !== undefined;
    const next = isStarted ? returned(record, this.row) : record;
    const { expiresAt } = next;
    const back = requeueUnit(engine.keys, next, this.row.deliveries - 1, engine.clock.now(), true);
    // Its reminder may have come, or was never written, while it had a slot or was about to get one.
    const unit = isStarted || expiresAt === undefined
      ? back
      : together(back, { checks: [], mutations: [put(engine.keys.later(expiresAt, record.id), {})] });
    try {
      if (await this.#commit(unit) === null) return await this.#settle(REVOKED_RUNNING);
    } catch (error) {
      return this.#lost(error);
    }
    this.#locks?.releaseAll();
    engine.freed(record);
    engine.emit({ type: "returned", task: record });
    if (!isStarted && expiresAt !== undefined) engine.dueAt(expiresAt);
    engine.wake(record.channel);
  }

  /** The registration that the run belongs to was judged lost: nothing of it may be stored. */
  drop(): void {
    this.#close();
    this.#abort(new ShutdownError("This worker was judged lost; the task runs again elsewhere"));
  }

  #close(): boolean {
    if (this.#closed) return false;
    this.#closed = true;
    this.#reportTimer?.();
    this.#locks?.close();
    this.engine.deadlines.delete(this);
    this.closed(this);
    return true;
  }

  #abort(reason: Error): void {
    this.#aborted ??= reason;
    this.#controller?.abort(reason);
    if (this.#closed) this.#job?.cancel(reason);
    else this.#job?.abort(reason);
  }

  /** Only a task that was never started expires. */
  #hasExpired(): boolean {
    const { startedAt, expiresAt } = this.record;
    return expiresAt !== undefined && startedAt === undefined && this.row.deliveries === 1 &&
      expiresAt <= this.engine.clock.now();
  }

  #end(outcome: Outcome): void {
    if (this.#close()) this.#settle(outcome);
  }

  #succeed(value: unknown, { writes }: RunContext): void {
    let result: Json = null;
    let resultChunks: number | undefined;
    if (!this.record.ignoreResult) {
      const checked = toResult(value);
      result = checked.result;
      resultChunks = chunkCount(checked.bytes);
    }
    this.#close();
    this.#settle({ state: "SUCCESS", result, resultChunks }, writes);
  }

  /** The run failed: another one later, or the end. */
  #fail(thrown: unknown): void {
    this.#close();
    const { engine, record, definition } = this;
    const policy = definition.retry ?? {};
    const final = record.retries >= record.maxRetries || !isRetryable(policy, thrown) || isOurs(thrown);
    const error = reasonOf(thrown, final);
    if (final) return void this.#settle({ state: "FAILURE", error });
    const delay = retryDelay(policy, record.retries, thrown, engine.random);
    this.#retry(error, delay).catch((fault) => this.#lost(fault));
  }

  async #retry(error: TaskError, delay: number): Promise<void> {
    const { engine, record, row } = this;
    const now = engine.clock.now();
    const next = retried(record, row, error, now + Math.round(delay * 1000));
    const unit = requeueUnit(engine.keys, next, 0, now, true);
    if (await this.#commit(unit) === null) return this.#settle(REVOKED_RUNNING);
    this.#locks?.releaseAll();
    engine.freed(record);
    const duration = (now - row.startedAt) / 1000;
    engine.emit({
      type: "retried",
      task: record,
      retries: next.retries,
      delay,
      duration,
      error: oneLine(error),
    });
    if (next.runAt > now) engine.dueAt(next.runAt);
    else engine.wake(record.channel);
  }

  async #settle(outcome: Outcome, writes: RunCommit | null = null): Promise<void> {
    const { engine, record, row } = this;
    try {
      const started = outcome !== EXPIRED;
      const final = ended(record, started ? row : null, outcome, engine.clock.now());
      const keepResult = engine.results.copy(final);
      const settled = (done: "release" | null) => {
        keepResult();
        this.#locks?.releaseAll();
        engine.ended(final, done);
      };
      // What the handler writes has checks of its own, which leave no room for others.
      if (final.state === "SUCCESS" && record.workflow?.followed && !writes) {
        const unit = { ...endRunUnit(engine.keys, final, true), worker: row.worker };
        if (await endAndRelease(engine, record.id, unit, () => settled("release"))) return;
      }
      const unit = endRunUnit(engine.keys, final);
      const versionstamp = await this.#commit(writes ? together(unit, writes) : unit);
      if (versionstamp === null) {
        return this.#fail(
          new CommitConflictError("A check of ctx.commit did not hold when the result was stored"),
        );
      }
      settled(null);
    } catch (error) {
      if (error instanceof RefusedCommitError && writes) return this.#fail(error);
      this.#lost(error);
    }
  }

  #commit(unit: Unit): Promise<string | null> {
    return this.engine.committer.commit({ ...unit, worker: this.row.worker });
  }

  /** A settlement that could not be stored: the task stays claimed and is rescued, or its store is broken. */
  #lost(error: unknown): void {
    if (isOver(error)) return;
    this.engine.emit({ type: "fault", message: `Task ${this.record.id} could not be settled`, error });
  }
}

/** Why a run failed, as its record will say it. */
function reasonOf(thrown: unknown, final: boolean): TaskError {
  if (isOurs(thrown) || thrown instanceof OutOfMemoryError || thrown instanceof ThreadExitError) {
    return brief(thrown);
  }
  if (!(thrown instanceof RetryError)) return describe(thrown);
  if (thrown.reason !== undefined) return describe(thrown.reason);
  const { name: type, message } = thrown;
  return { type, message: final ? `${message}, and no retry is left` : message, traceback: null };
}

/** Errors that say something about the engine's limits: another run would meet them again. */
function isOurs(error: unknown): error is Error {
  return error instanceof ResultTooLarge || error instanceof ArgumentsError ||
    error instanceof RefusedCommitError || error instanceof ResultNotSerializable;
}
