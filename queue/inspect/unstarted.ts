/**
 * Says so when somebody waits for a task in a queue that was never started, on a store that nobody works on: the wait
 * may last for good. Such a queue is no mistake where it only submits and asks while others execute, so a live worker,
 * or one that may live, keeps it silent, and the wait goes on in any case.
 *
 * @module
 */
import type { Base } from "../engine.ts";
import { complain } from "../ground/observer.ts";
import type { Membership } from "../membership/membership.ts";
import { decode } from "../rows/codec.ts";
import { idOf } from "../rows/keys.ts";
import type { WorkerRow } from "../rows/record.ts";

/** Milliseconds of a wait after which the workers are looked at: the start may come after the first wait. */
const PATIENCE = 1000;

const ADVICE =
  "Somebody waits for a task, but this queue was not started and no other process works on its store: " +
  "call queue.start() here, or start a worker on this store";

/** See the module's text. */
export class Unstarted {
  /** Nothing is left to say: the queue was started, or it was said. */
  #done = false;

  constructor(readonly engine: Base, readonly membership: Pick<Membership, "worker" | "rescuer">) {}

  /** The queue is started. */
  started(): void {
    this.#done = true;
  }

  /** A wait begins. @returns ends it */
  wait(): () => void {
    if (this.#done) return () => {};
    return this.engine.clock.after(PATIENCE, () => this.#look().catch(() => {}));
  }

  async #look(): Promise<void> {
    if (this.#done || await this.#somebodyWorks() || this.#done) return;
    this.#done = true;
    complain(ADVICE);
  }

  /** Whether a worker other than this process executes something, and nothing tells that it is dead. */
  async #somebodyWorks(): Promise<boolean> {
    const { store, keys, settings } = this.engine;
    const entries = await store.list(keys.workers(), { limit: store.limits.listBatch });
    return entries.some(({ key, value }) => {
      const { lost, channels, incarnation } = decode<WorkerRow>(value);
      const worker = idOf(key);
      return worker !== this.membership.worker && !lost && Object.keys(channels).length > 0 &&
        (store.incarnation === null || store.incarnation === incarnation) &&
        this.membership.rescuer.ageOf(worker) < settings.workerLostAfter;
    });
  }
}
