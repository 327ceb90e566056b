/**
 * Times that one process stores and another compares with its own wall clock (invariant 9).
 *
 * @module
 */

/**
 * Milliseconds by which the wall clocks of processes on one store may differ. A stored time that lies further ahead
 * than its own rule allows was written by a clock that has been corrected since, and is taken for passed.
 */
const CLOCK_SKEW = 60_000;

/**
 * Milliseconds until a stored time; 0 when the time has passed or lies further ahead than it can.
 *
 * @param longest milliseconds that the time can have lain ahead of the clock that wrote it
 */
export function timeUntil(time: number, longest: number, now: number): number {
  const left = time - now;
  return left > longest + CLOCK_SKEW ? 0 : Math.max(0, left);
}
