/**
 * Fingerprints of requests are computed in the runtime's own threads. A clock that is moved by the test has to wait for
 * them, as it waits for everything that takes no time in the simulated world.
 *
 * @module
 */
import type { FakeClock } from "../../queue/testing/fake_clock.ts";

/** Has the clock wait for digests, until disposed of. */
export function waitForDigests(clock: FakeClock): Disposable {
  const { subtle } = crypto;
  const digest = subtle.digest;
  const pending = new Set<Promise<unknown>>();
  subtle.digest = (...args) => {
    const made = digest.apply(subtle, args);
    pending.add(made);
    const done = () => void pending.delete(made);
    made.then(done, done);
    return made;
  };
  clock.waitFor(() => pending.size > 0 ? Promise.allSettled(pending) : null);
  return { [Symbol.dispose]: () => void (subtle.digest = digest) };
}
