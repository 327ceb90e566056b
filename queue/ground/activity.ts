/**
 * Whether the engine's loops work or rest. A queue that was started works for good. One made with `onDemand`, in a
 * process that comes and goes with its requests, works only while there is a reason:
 *
 * ```text
 * operation  somebody submits, changes or waits for something here
 * drain      something became ready, or is about to, through this process, or somebody has asked here for a task that
 *            has not started: 3 s, less when nothing is left to do
 * tick       a clock from outside has called `Queue.tick`
 * ```
 *
 * At rest it reads and writes nothing; runs that have begun go on, and with them the heartbeat.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import { Bell } from "./bell.ts";
import type { Loop } from "./loop.ts";

/** Milliseconds that a drain lasts at most, from the last thing that became ready. */
const DRAIN = 3000;
/** Milliseconds between two questions whether a reason still holds. */
const LOOK = 250;
/** Milliseconds until loops that could not be started are tried again. */
const PAUSE = 1000;

/** What activity is about. */
export interface Workings {
  readonly loops: readonly Pick<Loop, "start" | "stop" | "nextAt">[];
  /** What comes before the loops: registration, and a look at what others left behind. */
  prepare(): Promise<void>;
  /** The loops could not be started; it is tried again while there is a reason. */
  failed(error: unknown): void;
}

/** See the module's text. */
export class Activity {
  #reasons = 0;
  #started = false;
  #working = false;
  #over = false;
  #turning: Promise<void> | null = null;
  #drainEnd = 0;
  #draining = false;
  /** Something became ready since the drain was asked whether it is over. */
  #stirred = false;
  /** Of those who stay until something is over, and of a pause. */
  #bells = new Set<Bell>();

  constructor(readonly clock: Clock, readonly onDemand: boolean, readonly workings: Workings) {}

  /** Whether there is neither a reason to work nor a loop that does. */
  get resting(): boolean {
    return this.onDemand && this.#reasons === 0 && !this.#working;
  }

  /** From now on the loops work, or with `onDemand` may work. @throws what kept them from starting */
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

  /** There is a reason to work, until `leave` is called as often as this. */
  enter(): void {
    this.#reasons++;
    this.#turn();
  }

  leave(): void {
    this.#reasons--;
    this.#turn();
  }

  /** Something is ready, or will be at this wall-clock time: a reason for a drain. */
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

  /** Whether no loop will find anything to do for so many milliseconds, as far as they know. */
  calm(milliseconds: number): boolean {
    const until = this.clock.now() + milliseconds;
    return this.#working && this.workings.loops.every(({ nextAt }) => nextAt > until);
  }

  /**
   * A reason to work that ends by itself.
   *
   * @param end monotonic time at which it is over at the latest
   * @param isDone asked now and then whether it is over, with the milliseconds that are left
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

  /** Starts or stops the loops until they are as they should be. */
  #turn(): void {
    if (!this.onDemand || this.#turning || this.#isRight) return;
    this.#turning = this.#turnUntilRight();
  }

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
