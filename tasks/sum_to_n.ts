/**
 * The work of `sum_to_n_job`, in a module of its own, so that a thread has to import nothing else.
 *
 * @module
 */
import type { ThreadContext } from "../queue/mod.ts";

/**
 * Adds up the integers from 1 to `number`, one by one, to keep the processor busy.
 *
 * @returns 0 below 1; a number while it is exact, above that its decimal digits
 */
export function sumToN(_context: ThreadContext, number: number): number | string {
  let total = 0n;
  // Numbers are used as long as they are exact: adding bigints takes some twenty times as long.
  let part = 0;
  const most = Number.MAX_SAFE_INTEGER - number;
  for (let i = 1; i <= number; i++) {
    if (part > most) {
      total += BigInt(part);
      part = 0;
    }
    part += i;
  }
  total += BigInt(part);
  return total <= Number.MAX_SAFE_INTEGER ? Number(total) : String(total);
}
