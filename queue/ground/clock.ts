/**
 * Clocks, timers and random numbers, passed in so that tests can move the time and fix the chance.
 *
 * @module
 */

/** Both clocks of a machine, and timers. */
export interface Clock {
  /** Milliseconds since 1970 by the wall clock, which may leap. */
  now(): number;
  /** Milliseconds that only grow; not comparable between processes (invariant 9). */
  monotonic(): number;
  /**
   * Calls `run` once after `delay` milliseconds.
   *
   * @returns a function that cancels the call
   */
  after(delay: number, run: () => void): () => void;
}

/** Ten years in seconds: the longest delay, time limit, wait, time to live, … that a caller may ask for. */
export const TEN_YEARS = 10 * 365 * 86400;

/** Longest delay of `setTimeout`, in milliseconds; a longer wait takes several timers. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** The machine's own clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delay, run) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const arm = (left: number) => {
      const step = Math.min(Math.max(left, 0), LONGEST_TIMEOUT);
      timer = setTimeout(() => left > step ? arm(left - step) : run(), step);
    };
    arm(delay);
    return () => clearTimeout(timer);
  },
};

/** Random numbers in [0, 1). */
export type Random = () => number;

/**
 * Resolves after `milliseconds`, or rejects with the signal's reason as soon as it aborts.
 *
 * @param milliseconds how long; 0 or less resolves in the next turn of the event loop
 */
export function sleep(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const cancel = clock.after(milliseconds, () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    function abort(): void {
      cancel();
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", abort, { once: true });
  });
}
