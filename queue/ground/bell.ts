/**
 * A bell: what a loop waits for between two looks at the store.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** Wakes one waiting loop; a ring while nobody waits is kept for the next wait. */
export class Bell {
  #rung = false;
  #wake: (() => void) | null = null;

  constructor(readonly clock: Clock) {}

  /** Whether somebody waits and nothing has ended it. */
  get isWaiting(): boolean {
    return this.#wake !== null;
  }

  /** Ends the current wait, or the next one at once. */
  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /**
   * Waits for a ring, or for so many milliseconds.
   *
   * @returns whether it rang
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

/** Milliseconds between two looks at the store when nothing was found: doubled each time, from the first to the last. */
export const POLL = { first: 50, last: 2000 } as const;
