/**
 * Waiting for a task's end: told at once when it ends in this process, found by looking when elsewhere.
 *
 * @module
 */
import { Bell } from "./bell.ts";
import type { Clock } from "../clock.ts";

/** Milliseconds between two looks at a task that runs elsewhere: doubled each time, from the first to the last. */
const LOOK = { first: 100, last: 1000 } as const;

/** Those who wait, by the id of the task, or of a workflow's group. */
export class Waits {
  #waiting = new Map<string, Set<Bell>>();
  #over: Error | null = null;

  constructor(readonly clock: Clock) {}

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
   * Looks again and again until what is waited for has ended, or `timeout` seconds are over.
   *
   * @param id whose end is told
   */
  async wait<Seen extends { readonly doneAt: number | null }>(
    id: string,
    look: () => Promise<Seen>,
    { timeout = Infinity, signal }: { timeout?: number; signal?: AbortSignal },
  ): Promise<Seen> {
    const bell = new Bell(this.clock);
    const bells = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, bells.add(bell));
    const abort = () => bell.ring();
    signal?.addEventListener("abort", abort);
    const end = this.clock.monotonic() + timeout * 1000;
    try {
      for (let pause: number = LOOK.first;; pause = Math.min(pause * 2, LOOK.last)) {
        signal?.throwIfAborted();
        const seen = await look();
        const left = end - this.clock.monotonic();
        if (seen.doneAt !== null || left <= 0) return seen;
        if (this.#over) throw this.#over;
        await bell.wait(Math.min(pause, left));
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      bells.delete(bell);
      if (bells.size === 0) this.#waiting.delete(id);
    }
  }
}
