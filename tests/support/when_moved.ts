/**
 * Work that needs time to pass, by a clock that somebody has to move.
 *
 * @module
 */
import type { FakeClock } from "../../queue/testing/fake_clock.ts";

/** Moves the clock until the work is done, and resolves as it does. */
export async function whenMoved<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let done = false;
  work.finally(() => done = true).catch(() => {});
  while (!done) await clock.advance(100);
  return await work;
}
