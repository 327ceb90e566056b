/**
 * Waiting for the end of a task or group. An end in this process wakes its waiters at once; an end elsewhere is found
 * by the lookout.
 *
 * @module
 */
import { Bell } from "../ground/bell.ts";
import type { Clock } from "../ground/clock.ts";
import type { Found } from "../task/read.ts";
import type { Lookout } from "./lookout.ts";

/** The waits of this process. */
export class Waits {
  /** The waiters' bells, by the id of the task, or of a workflow's group. */
  #waiting = new Map<string, Set<Bell>>();
  /** Set when the queue has stopped. */
  #over: Error | null = null;

  constructor(readonly clock: Clock, readonly lookout: Lookout) {}

  /** Wakes the waiters of a task or group that has ended. */
  ended(id: string): void {
    const bells = this.#waiting.get(id);
    if (bells) { for (const bell of bells) bell.ring(); }
  }

  /** Ends all waits, as the queue has stopped: a wait for something that has not ended by now rejects with `reason`. */
  end(reason: Error): void {
    this.#over = reason;
    for (const id of this.#waiting.keys()) this.ended(id);
  }

  /**
   * Looks at a task or group whenever it may have changed, until it has ended or `timeout` seconds are over.
   *
   * @param id of the task or group
   * @param look reads it
   * @returns what the last look has seen
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
