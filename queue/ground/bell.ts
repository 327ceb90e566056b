/**
 * A bell: a loop waits for its ring, or for a time to pass, between two looks at the store.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** Wakes one waiting loop. A ring that comes while no loop waits is kept for the next wait. */
export class Bell {
  #rung = false;
  #wake: (() => void) | null = null;

  constructor(readonly clock: Clock) {}

  /** Whether a wait is going on. */
  get isWaiting(): boolean {
    return this.#wake !== null;
  }

  /** Ends the current wait; without one, ends the next wait as soon as it begins. */
  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /**
   * Waits for a ring, for so many milliseconds at most.
   *
   * @returns whether the bell rang
   */
  wait(milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#wake = null;
        const rung = this.#rung;
        this.#rung = false;
        resolve(rung);
      };
      const cancel = this.clock.after(milliseconds, done);
      this.#wake = done;
      if (this.#rung) done();
    });
  }
}

/** Milliseconds between two looks at the store that find nothing: `first`, then doubled each time, up to `last`. */
export const POLL = { first: 50, last: 2000 } as const;
