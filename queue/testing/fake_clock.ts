/**
 * A clock that the test moves. Nothing happens between two moves, and after each move everything that follows from it
 * has happened: a test neither sleeps nor guesses.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Clock } from "../ground/clock.ts";

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** 2026-01-05, a Monday, 09:00:00 UTC: a full minute. */
export const START = Date.UTC(2026, 0, 5, 9);

/** Turns of the event loop without activity after which nothing more happens by itself. */
const QUIET_TURNS = 5;

/** A {@link Clock} moved by the test. */
export class FakeClock implements Clock {
  #wall: number;
  /** Monotonic milliseconds. Not zero at first, so that no code takes that for "never". */
  #monotonic = 1_000_000;
  #timers = new Set<Timer>();
  /** Count of timers set and called off. Every commit sets one, so the count shows whether work goes on. */
  #activity = 0;
  /** See {@link waitFor}. */
  #work = new Set<() => Promise<unknown> | null>();

  constructor(start = START) {
    this.#wall = start;
  }

  now(): number {
    return Math.floor(this.#wall);
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(delay: number, run: () => void): () => void {
    const timer = { at: this.#monotonic + Math.max(0, delay), run };
    this.#timers.add(timer);
    this.#activity++;
    return () => {
      if (this.#timers.delete(timer)) this.#activity++;
    };
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Has `settle` wait for work that is not done in memory; `null` while there is none. */
  waitFor(work: () => Promise<unknown> | null): void {
    this.#work.add(work);
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS;) {
      const before = this.#activity;
      // Node's immediates run when no microtask is left.
      await new Promise<void>((resolve) => setImmediate(() => resolve()));
      const work = [...this.#work].map((get) => get()).find((found) => found !== null);
      if (work) await work;
      quiet = work || this.#activity !== before ? 0 : quiet + 1;
    }
  }

  /** Moves both clocks, firing each timer at its own time and letting what follows from it happen. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#monotonic + milliseconds;
    await this.settle();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#move(Math.max(next.at, this.#monotonic));
      this.#fire(next);
      await this.settle();
    }
    this.#move(end);
  }

  /**
   * Moves both clocks in one step, as on a machine that was suspended: what was due meanwhile fires once, late. A
   * day costs no more than a second.
   */
  async skip(milliseconds: number): Promise<void> {
    await this.settle();
    this.#move(this.#monotonic + milliseconds);
    await this.advance(0);
  }

  /** Sets the wall clock to another time; the monotonic clock does not change. */
  setWall(milliseconds: number): void {
    this.#wall = milliseconds;
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (timer.at <= end && !(first && first.at <= timer.at)) first = timer;
    return first;
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer);
    timer.run();
  }

  #move(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }
}
