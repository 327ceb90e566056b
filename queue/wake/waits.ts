/**
 * Waiting for a task's end: told at once when it ends in this process, found by looking when elsewhere.
 *
 * @module
 */
import { Bell } from "../ground/bell.ts";
import type { Clock } from "../ground/clock.ts";
import type { Found } from "../task/read.ts";
import type { Lookout } from "./lookout.ts";

/** Those who wait, by the id of the task, or of a workflow's group. */
export class Waits {
  #waiting = new Map<string, Set<Bell>>();
  #over: Error | null = null;

  constructor(readonly clock: Clock, readonly lookout: Lookout) {}

  /** The task or group has ended. */
  ended(id: string): void {
    const bells = this.#waiting.get(id);
    if (bells) { for (const bell of bells) bell.ring(); }
  }

  /** The queue has stopped: nobody waits any longer for what has not ended by now. */
  end(reason: Error): void {
    this.#over = reason;
    for (const id of this.#waiting.keys()) this.ended(id);
  }

  /**
   * Looks whenever something may have changed until what is waited for has ended, or `timeout` seconds are over.
   *
   * @param id of the task or group whose end is told
   */
  async wait<Seen>(
    id: string,
    look: () => Promise<Found<Seen>>,
    { timeout = Infinity, signal }: { timeout?: number; signal?: AbortSignal },
  ): Promise<Seen> {
    const bell = new Bell(this.clock);
    const bells = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, bells.add(bell));
    const abort = () => bell.ring();
    signal?.addEventListener("abort", abort);
    const end = this.clock.monotonic() + timeout * 1000;
    let unwatch: (() => void) | null = null;
    try {
      for (;;) {
        signal?.throwIfAborted();
        const { seen, doneAt, row } = await look();
        const left = end - this.clock.monotonic();
        if (doneAt !== null || left <= 0) return seen;
        if (this.#over) throw this.#over;
        unwatch ??= this.lookout.watch([row], bell);
        await bell.wait(left);
      }
    } finally {
      unwatch?.();
      signal?.removeEventListener("abort", abort);
      bells.delete(bell);
      if (bells.size === 0) this.#waiting.delete(id);
    }
  }
}
