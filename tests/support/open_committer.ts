/**
 * A committer with a registration of its own, without the rest of a queue.
 *
 * @module
 */
import { Committer } from "../../queue/commit/committer.ts";
import { register, type Registration } from "../../queue/membership/registration.ts";
import { keysOf } from "../../queue/rows/keys.ts";
import type { Store } from "../../queue/store/port.ts";
import type { FakeClock } from "../../queue/testing/fake_clock.ts";

/** See the module's text. */
interface OpenCommitter {
  readonly committer: Committer;
  readonly registration: Registration;
  /** Workers that turned out to be fenced. */
  readonly fenced: string[];
  readonly broken: Error[];
  /** Registers under another name, as a fenced process does. */
  again(worker: string): Promise<Registration>;
}

/** Registers `w-1` and opens its lanes. */
export async function openCommitter(store: Store, clock: FakeClock): Promise<OpenCommitter> {
  const fenced: string[] = [];
  const broken: Error[] = [];
  const committer = new Committer(
    store,
    clock,
    (worker) => fenced.push(worker),
    (error) => broken.push(error),
  );
  const row = { host: "", pid: 0, channels: {}, startedAt: 0, beat: 0, incarnation: store.incarnation };
  async function again(worker: string): Promise<Registration> {
    const registration = await register(store, keysOf("sluice"), clock, worker, row);
    committer.admit(registration);
    return registration;
  }
  return { committer, registration: await again("w-1"), fenced, broken, again };
}
