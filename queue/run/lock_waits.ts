/**
 * The runs of this process that wait for locks. When a lock is released in this process, its waiting runs are told at
 * once; a lock that another process releases is found by the lookout.
 *
 * @module
 */
import type { Bell } from "../ground/bell.ts";
import type { Lookout } from "../wake/lookout.ts";

/** The bells of the runs that wait, by the lock's name. */
export class LockWaits {
  #waiting = new Map<string, Set<Bell>>();

  constructor(readonly lookout: Lookout) {}

  /** @returns a function that ends the wait */
  wait(name: string, bell: Bell): () => void {
    const bells = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, bells.add(bell));
    return () => {
      bells.delete(bell);
      if (bells.size === 0 && this.#waiting.get(name) === bells) this.#waiting.delete(name);
    };
  }

  released(name: string): void {
    for (const bell of this.#waiting.get(name) ?? []) bell.ring();
  }
}
