/**
 * The time that all simulated machines share. Their own clocks show something else: `machine.ts`.
 *
 * @module
 */
import { FakeClock } from "../../queue/testing/fake_clock.ts";

/** Milliseconds between two moments: what is due in between happens at the later one, so that a look costs once. */
const GRID = 25;

/** Moved by the run. */
export class Time {
  readonly #clock = new FakeClock();
  readonly #moments = new Map<number, Set<() => void>>();
  /** A timer was set or called off since `settle` has looked. */
  #stirred = false;

  constructor() {
    this.#clock.waitFor(() => {
      const stirred = this.#stirred;
      this.#stirred = false;
      return stirred ? Promise.resolve() : null;
    });
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.#clock.now();
  }

  /** Milliseconds that only grow. */
  monotonic(): number {
    return this.#clock.monotonic();
  }

  /** See `Clock.after`. */
  after(delay: number, run: () => void): () => void {
    this.#stirred = true;
    const at = Math.ceil((this.monotonic() + Math.max(0, delay)) / GRID) * GRID;
    let due = this.#moments.get(at);
    if (!due) {
      const moment = due = new Set();
      this.#moments.set(at, moment);
      this.#clock.after(at - this.monotonic(), () => {
        this.#moments.delete(at);
        for (const run of moment) run();
      });
    }
    // Not `run` itself: it may be given twice.
    const timer = () => run();
    due.add(timer);
    return () => {
      if (due.delete(timer)) this.#stirred = true;
    };
  }

  /** Lets everything happen that needs no time to pass. */
  settle(): Promise<void> {
    return this.#clock.settle();
  }

  /** Moves on; what follows from each moment has happened before the next. */
  async advance(milliseconds: number): Promise<void> {
    await this.#clock.advance(milliseconds);
    await this.#clock.settle();
  }
}
