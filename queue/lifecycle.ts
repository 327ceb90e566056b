/**
 * The life of a queue: the start, the registration that each call waits for, the tick, the stop, and the end when its
 * store is broken.
 *
 * ```text
 * made ──start()──▶ working ──stop()──▶ stopping ──▶ stopped
 *                      └──── the store is broken ────▶ broken
 * ```
 *
 * @module
 */
import type { QueueOptions, TickOptions } from "./api.ts";
import { assemble, type LifecycleHooks, type Parts, runsOf } from "./assemble.ts";
import { withDeadline } from "./commit/lane.ts";
import { POLL } from "./ground/bell.ts";
import { sleep } from "./ground/clock.ts";
import { StoppedError, StoreUnavailableError } from "./ground/errors.ts";
import { harmless } from "./ground/observer.ts";
import type { Health } from "./ground/task.ts";
import { type Counts, countsSince } from "./inspect/tally.ts";
import { Unstarted } from "./inspect/unstarted.ts";
import { viewHealth } from "./inspect/views.ts";
import { obeyRevokes } from "./request/revoke.ts";
import type { Run } from "./run/run.ts";
import { checkThreadTasks } from "./threads/define.ts";

/** Milliseconds within which something has to be due for a tick to wait for it. */
const SOON = 10_000;
/** Milliseconds that a caller waits for this process's registration. */
const REGISTER_DEADLINE = 10_000;

/** See the module's text. */
export class Lifecycle implements LifecycleHooks {
  readonly parts: Parts;
  readonly #unstarted: Unstarted;
  #broken: Error | null = null;
  #stopping: Promise<void> | null = null;

  constructor(readonly options: QueueOptions) {
    this.parts = assemble(options, this);
    this.#unstarted = new Unstarted(this.parts.engine, this.parts.membership);
  }

  async start(): Promise<void> {
    this.#unstarted.started();
    const { threads, definitions } = this.parts.engine;
    const inThreads = [...definitions.values()].filter(({ thread }) => threads && thread);
    if (inThreads.length > 0) await checkThreadTasks(inThreads);
    await this.parts.activity.start();
  }

  stop(grace: number): Promise<void> {
    return this.#stopping ??= this.#stop(grace);
  }

  health(): Promise<Health> {
    if (this.#stopping) return Promise.resolve({ ready: false, problems: ["The process is stopping."] });
    if (this.#broken) return Promise.resolve({ ready: false, problems: [this.#broken.message] });
    const { engine, membership, consumers, activity } = this.parts;
    return viewHealth(engine, membership, consumers.values(), activity.onDemand);
  }

  async tick({ seconds = 0, signal }: TickOptions): Promise<Counts> {
    const { tally, scheduler } = this.parts;
    const before = tally.counts;
    if (!this.#stopping) {
      await this.act(async () => {
        const fired = scheduler.tick();
        await fired.catch(() => {});
        if (seconds > 0) await this.#workOff(seconds, signal);
        await fired;
      });
    }
    return countsSince(before, tally.counts);
  }

  /** Works until nothing will be due soon, nothing runs, and it is known of every other worker whether it lives. */
  async #workOff(seconds: number, signal?: AbortSignal): Promise<void> {
    const { engine, activity, membership } = this.parts;
    const end = engine.clock.monotonic() + seconds * 1000;
    await activity.stay(
      () => end,
      () => activity.calm(SOON) && this.#running().length === 0 && !membership.rescuer.isUndecided,
      signal,
    );
  }

  /** Does an operation. The loops of a queue that works on demand work while it goes on. */
  async during<T>(operation: () => Promise<T>): Promise<T> {
    this.parts.activity.enter();
    try {
      return await operation();
    } finally {
      this.parts.activity.leave();
    }
  }

  /** Waits for something that tasks do, until the returned object is disposed of. The loops of a queue on demand work meanwhile. */
  waiting(): Disposable {
    const { activity } = this.parts;
    const end = this.#unstarted.wait();
    activity.enter();
    return {
      [Symbol.dispose]() {
        end();
        activity.leave();
      },
    };
  }

  /** Does an operation that commits, once this process is registered. */
  act<T>(operation: () => Promise<T>): Promise<T> {
    return this.during(async () => {
      await this.ready();
      return await operation();
    });
  }

  /** A promise while this process is being registered. @throws when the queue is stopping or its store is broken */
  ready(): Promise<void> | undefined {
    if (this.#broken) throw this.#broken;
    if (this.#stopping) throw new StoppedError("The queue is stopping");
    const { membership, engine } = this.parts;
    const registering = membership.ensure();
    return registering && withDeadline(engine.clock, REGISTER_DEADLINE, registering).catch((error) => {
      // No part of the operation was sent yet.
      throw error instanceof StoreUnavailableError ? new StoreUnavailableError(error.message, false) : error;
    });
  }

  /** Registers this process, rescues, and stores the declared schedules; an outage of the store is waited for. */
  async prepare(): Promise<void> {
    const { engine, membership, scheduler } = this.parts;
    for (;;) {
      try {
        await this.ready();
        await membership.rescue();
        await scheduler.declare();
        return await engine.overrides.refresh();
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
      }
      await sleep(engine.clock, POLL.first);
    }
  }

  /** Obeys the revokes and the channels' settings that other processes have stored since the last heartbeat. */
  async lookAround(): Promise<void> {
    const { engine } = this.parts;
    await obeyRevokes(engine);
    if (engine.overrides.shared) await engine.overrides.refresh();
  }

  /** Ends everything with this error, because the store can serve no more. */
  broke(error: Error): void {
    if (this.#broken) return;
    this.#broken = error;
    this.parts.engine.committer.end(error);
    this.parts.membership.abandon();
    if (this.options.onBroken) harmless("onBroken", this.options.onBroken)(error);
  }

  #running(): Run[] {
    return runsOf(this.parts);
  }

  async #stop(grace: number): Promise<void> {
    const { activity, cascades, releaser, membership, waits, watches } = this.parts;
    const { committer, emit, clock, deadlines, threads } = this.parts.engine;
    const open = () => this.#running();
    emit({ type: "stopping", running: open().length });
    const end = clock.monotonic() + grace * 1000;
    const quiet = activity.stop();
    // A claim whose answer was lost takes seconds: the other runs do not wait for it.
    await withDeadline(clock, grace * 1000, quiet).catch(() => {});
    // A run that waits for a thread has not begun.
    await Promise.all(open().filter((run) => run.reserved).map((run) => run.giveBack()));
    while (open().length > 0 && clock.monotonic() < end && !this.#broken) {
      await sleep(clock, Math.min(20, end - clock.monotonic()));
    }
    await Promise.all(open().map((run) => run.giveBack()));
    await quiet;
    await Promise.all(open().map((run) => run.giveBack()));
    await cascades.end();
    await Promise.all([committer.drained(), threads?.stop()]);
    await releaser.stop();
    deadlines.stop();
    if (!this.#broken) await membership.retire();
    committer.end();
    const stopped = new StoppedError("The queue has stopped");
    waits.end(stopped);
    watches.end(stopped);
    emit({ type: "stopped" });
  }
}
