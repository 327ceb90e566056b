/**
 * Whether the engine's loops work or rest. A queue that was started works for good. A queue made with `onDemand`, in a
 * process that comes and goes with its requests, works only while there is a reason to:
 *
 * ```text
 * operation  a caller submits, changes or waits for something in this process
 * drain      something became ready or is about to, through this process, or a caller of this process asked for a task
 *            that has not started: 3 s, less when nothing is left to do
 * tick       a clock from outside has called `Queue.tick`
 * ```
 *
 * The loops of a queue at rest read and write nothing. Runs that have begun go on, and so does the heartbeat until the
 * last of them has ended.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import { Bell } from "./bell.ts";
import type { Loop } from "./loop.ts";

/** Milliseconds that a drain lasts at most, counted from the last call of `stir`. */
const DRAIN = 3000;
/** Milliseconds between two checks whether a reason still holds. */
const LOOK = 250;
/** Milliseconds until loops that could not be started are tried again. */
const PAUSE = 1000;

/** The loops that an {@link Activity} starts and stops, and its calls to their owner. */
export interface Workings {
  readonly loops: readonly Pick<Loop, "start" | "stop" | "nextAt">[];
  /** Does what has to come before the loops, such as registration. */
  prepare(): Promise<void>;
  /** Called when the loops could not be started; another attempt follows while there is a reason to work. */
  failed(error: unknown): void;
}

/** Starts and stops the loops of one queue. */
export class Activity {
  #reasons = 0;
  #started = false;
  #working = false;
  #over = false;
  #turning: Promise<void> | null = null;
  #drainEnd = 0;
  #draining = false;
  /** `stir` was called since the drain began to wait for its end, so the drain waits once more. */
  #stirred = false;
  /** The bells of all waits that are going on: `stop` ends these waits. */
  #bells = new Set<Bell>();

  constructor(readonly clock: Clock, readonly onDemand: boolean, readonly workings: Workings) {}

  /** Whether an on-demand queue has no reason to work and its loops have stopped. */
  get resting(): boolean {
    return this.onDemand && this.#reasons === 0 && !this.#working;
  }

  /** Starts the loops, or with `onDemand` allows them to start. @throws what kept the loops from starting */
  async start(): Promise<void> {
    this.#started = true;
    if (this.onDemand) this.#turn();
    else await this.#begin();
  }

  /** Stops the loops for good. */
  async stop(): Promise<void> {
    this.#over = true;
    for (const bell of this.#bells) bell.ring();
    await this.#turning;
    await this.#end();
  }

  /** Adds a reason to work. It lasts until `leave` is called for it. */
  enter(): void {
    this.#reasons++;
    this.#turn();
  }

  /** Takes back a reason to work that `enter` has added. */
  leave(): void {
    this.#reasons--;
    this.#turn();
  }

  /**
   * Begins or prolongs a drain, because a task is ready or will be at this wall-clock time. A time that lies further
   * ahead than a drain lasts is no reason for one.
   */
  stir(at = 0): void {
    if (!this.onDemand || !this.#started || this.#over || at - this.clock.now() > DRAIN) return;
    this.#drainEnd = this.clock.monotonic() + DRAIN;
    this.#stirred = true;
    if (!this.#draining) this.#drain();
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    while (this.#stirred) {
      this.#stirred = false;
      await this.stay(() => this.#drainEnd, (left) => this.calm(left));
    }
    this.#draining = false;
  }

  /** Whether the loops work and none of them, as far as it knows, will find anything to do for so many milliseconds. */
  calm(milliseconds: number): boolean {
    const until = this.clock.now() + milliseconds;
    return this.#working && this.workings.loops.every(({ nextAt }) => nextAt > until);
  }

  /**
   * Adds a reason to work that ends by itself, and resolves when it has ended.
   *
   * @param end returns the monotonic time at which the reason ends at the latest
   * @param isDone asked now and then, with the milliseconds that are left, whether the reason has ended
   * @param signal ends the reason when it aborts, at the next of these checks
   */
  async stay(
    end: () => number,
    isDone: (left: number) => boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    this.enter();
    try {
      while (!this.#over && !signal?.aborted) {
        const left = end() - this.clock.monotonic();
        if (left <= 0 || isDone(left)) return;
        await this.#wait(Math.min(LOOK, left));
      }
    } finally {
      this.leave();
    }
  }

  /** Starts or stops the loops, again and again until they work exactly if there is a reason to. */
  #turn(): void {
    if (!this.onDemand || this.#turning || this.#isRight) return;
    this.#turning = this.#turnUntilRight();
  }

  /** Whether the loops work exactly if there is a reason to, or must not be started or stopped here any more. */
  get #isRight(): boolean {
    return this.#over || !this.#started || this.#working === this.#reasons > 0;
  }

  async #turnUntilRight(): Promise<void> {
    while (!this.#isRight) {
      try {
        if (this.#working) await this.#end();
        else await this.#begin();
      } catch (error) {
        if (!this.#over) this.workings.failed(error);
        await this.#end();
        await this.#wait(PAUSE);
      }
    }
    this.#turning = null;
  }

  async #begin(): Promise<void> {
    await this.workings.prepare();
    if (this.#over) return;
    for (const loop of this.workings.loops) loop.start();
    this.#working = true;
  }

  async #end(): Promise<void> {
    await Promise.all(this.workings.loops.map((loop) => loop.stop()));
    this.#working = false;
  }

  async #wait(milliseconds: number): Promise<void> {
    const bell = new Bell(this.clock);
    this.#bells.add(bell);
    if (!this.#over) await bell.wait(milliseconds);
    this.#bells.delete(bell);
  }
}
