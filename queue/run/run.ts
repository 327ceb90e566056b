/**
 * One run of a task, from the claim to its settlement:
 *
 * ```text
 * execute   arguments → handler, here or in a thread → outcome (outcome.ts) → settle (settle.ts)
 * expire    the soft time limit aborts the signal, the hard one ends the run
 * revoke    ends the run
 * giveBack  the process stops, or the run has waited too long for its slot: the task waits again
 * drop      the worker was judged lost: nothing is stored
 * ```
 *
 * A run ends once: the first of these to close it wins, and whatever the handler does after that changes nothing
 * (invariant 5).
 *
 * @module
 */
import {
  ShutdownError,
  SoftTimeLimitExceeded,
  TaskRevokedError,
  TimeLimitExceeded,
} from "../ground/errors.ts";
import type { Json } from "../ground/task.ts";
import { patient } from "../commit/lane.ts";
import type { RunRow, TaskRecord } from "../rows/record.ts";
import type { Unit } from "../rows/unit.ts";
import type { Mutation } from "../store/port.ts";
import { faultsOf } from "../task/args.ts";
import type { AnyTaskDefinition, Lock, LockOptions, ThreadTarget } from "../task/define.ts";
import { argumentsRefused, EXPIRED, REVOKED_RUNNING } from "../task/endings.ts";
import { DEFAULT_TIME_LIMIT } from "../task/options.ts";
import type { Outcome } from "../task/state.ts";
import type { ThreadJob, ThreadPool } from "../threads/pool.ts";
import { resolveArgs } from "../workflow/value.ts";
import { RunContext } from "./context.ts";
import type { Limited } from "./deadlines.ts";
import { RunLocks } from "./locks.ts";
import { failed, outOfTime, type Retry, succeeded } from "./outcome.ts";
import { Reports } from "./report.ts";
import { giveBack, settle } from "./settle.ts";
import type { Running, ThisRun } from "./this_run.ts";

/** One run. `closed` is called when it ends, `left` when its handler has returned as well. */
export class Run implements Limited, ThisRun {
  deadline = Infinity;
  /** Wall-clock time at which the run got its slot. */
  begunAt = Infinity;
  #hardDeadline = Infinity;
  #closed = false;
  #controller: AbortController | null = null;
  #aborted: Error | null = null;
  #reports: Reports | null = null;
  #locks: RunLocks | null = null;
  /** The part of this run that a thread does, or will do. */
  #job: ThreadJob | null = null;

  constructor(
    readonly engine: Running,
    readonly record: TaskRecord,
    readonly definition: AnyTaskDefinition,
    readonly row: RunRow,
    readonly closed: (run: Run) => void,
    readonly left: (run: Run) => void,
  ) {}

  /** Whether the run waits for a slot. */
  get isNext(): boolean {
    return this.begunAt === Infinity;
  }

  /** Whether the run waits for a thread. */
  get reserved(): boolean {
    return this.#job?.waits ?? false;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  /** Runs the handler and settles. Resolves when the handler has returned; never rejects. */
  async execute(): Promise<void> {
    const { engine, record, definition } = this;
    this.begunAt = engine.clock.now();
    // A run in a thread has no limits before it has its thread.
    if (!engine.threads || !definition.thread) this.#startLimits();
    try {
      if (this.#hasExpired()) return void this.#end(EXPIRED);
      const args = this.#copyArgs() ?? await this.#readArgs();
      if (this.#closed) return;
      const parsed = definition.args.safeParse(args);
      if (!parsed.success) return void this.#end(argumentsRefused(faultsOf(parsed.error, "/args")));
      const context = new RunContext(this);
      const value = this.#perform(context, parsed.data);
      // A value is encoded before another handler runs, a promise's when it settles. The end comes a microtask later:
      // it may start the next run.
      const outcome = isPromise(value) ? succeeded(record, await value) : await succeeded(record, value);
      this.#end(outcome, context.writes);
    } catch (error) {
      // Described before the end, which may start a run that changes the error.
      if (!this.#closed) this.#end(failed(this, error));
    } finally {
      this.left(this);
    }
  }

  /** Whether the task has expired: its time was over before any worker began it, so this is its first delivery. */
  #hasExpired(): boolean {
    const { startedAt, expiresAt } = this.record;
    return expiresAt !== undefined && startedAt === undefined && this.row.deliveries === 1 &&
      expiresAt <= this.engine.clock.now();
  }

  /**
   * The arguments, if the record has all of them; else `null`. They are copied, because handlers may change them and the
   * record's own are stored again at a retry.
   */
  #copyArgs(): readonly Json[] | null {
    const { args, workflow } = this.record;
    if (!args || workflow?.takes !== undefined) return null;
    return args.map((arg) => typeof arg === "object" ? structuredClone(arg) : arg);
  }

  /** Reads large arguments, and results that are arguments. Waits for a silent store: the task has not failed. */
  #readArgs(): Promise<readonly Json[]> {
    const { engine, record } = this;
    const { keys, results } = engine;
    return resolveArgs({ store: patient(engine.store, engine.clock), keys, results }, record);
  }

  /** Calls the handler, here or in a thread. */
  #perform(context: RunContext, args: readonly unknown[]): unknown {
    const { engine: { threads }, definition } = this;
    return threads && definition.thread
      ? this.#inThread(threads, definition.thread, context, args)
      : definition.handler(context, ...args);
  }

  /** Waits for a thread; the time limits count from when it has one. Resolves to the handler's result. */
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

  report(report: Json): void {
    if (this.#closed) return;
    this.#reports ??= new Reports(this);
    this.#reports.add(report);
  }

  lock(name: string, options: LockOptions): Promise<Lock> {
    if (!this.#locks) {
      this.#locks = new RunLocks(this);
      if (this.#closed) this.#locks.close();
    }
    return this.#locks.take(name, options);
  }

  releaseLocks(): void {
    this.#locks?.releaseAll();
  }

  commit(unit: Unit): Promise<string | null> {
    return this.engine.committer.commit({ ...unit, worker: this.row.worker });
  }

  /** Has the time limits count from now. */
  #startLimits(): void {
    const { engine } = this;
    const now = engine.clock.monotonic();
    const soft = this.#softLimit;
    this.#hardDeadline = now + this.#hardLimit * 1000;
    this.deadline = soft === undefined ? this.#hardDeadline : Math.min(now + soft * 1000, this.#hardDeadline);
    engine.deadlines.add(this);
  }

  get #softLimit(): number | undefined {
    return this.record.softTimeLimit ?? this.definition.softTimeLimit;
  }

  get #hardLimit(): number {
    return this.record.timeLimit ?? this.definition.timeLimit ?? DEFAULT_TIME_LIMIT;
  }

  /** Enforces the time limit that is over: the soft one aborts the signal, the hard one ends the run. */
  timeIsUp(): void {
    if (this.deadline < this.#hardDeadline) {
      this.deadline = this.#hardDeadline;
      const message = `Task ran longer than its soft time limit of ${this.#softLimit} s`;
      return this.#abort(new SoftTimeLimitExceeded(message));
    }
    const outcome = outOfTime(this, this.#hardLimit);
    this.#end(outcome);
    this.#abort(new TimeLimitExceeded(outcome.error.message));
  }

  /** Ends the run as REVOKED, with more to be written by the same commit. Resolves when that is stored. */
  async revoke(also: readonly Mutation[] = []): Promise<void> {
    const settled = this.#end(REVOKED_RUNNING, { checks: [], mutations: also });
    this.#abort(new TaskRevokedError(REVOKED_RUNNING.error.message));
    await settled;
  }

  /** Gives the task back, uncounted. Resolves when it waits again, or with `acks: "early"` when it has failed. */
  giveBack(): Promise<void> {
    const hasBegun = !this.isNext && !this.reserved;
    const wasOpen = this.#close();
    this.#abort(new ShutdownError("The worker is stopping; the task runs again elsewhere"));
    return wasOpen ? giveBack(this, hasBegun) : Promise.resolve();
  }

  /** Closes the run without storing anything, because the registration that it belongs to was judged lost. */
  drop(): void {
    this.#close();
    this.#abort(new ShutdownError("This worker was judged lost; the task runs again elsewhere"));
  }

  /** Ends this run with an outcome for its task, unless the run has ended before. */
  #end(outcome: Outcome | Retry, writes: Unit | null = null): Promise<void> | undefined {
    return this.#close() ? settle(this, outcome, writes) : undefined;
  }

  /** Ends the run. @returns whether it was open */
  #close(): boolean {
    if (this.#closed) return false;
    this.#closed = true;
    this.#reports?.close();
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
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
}
