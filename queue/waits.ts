/**
 * Waiting for a task's end: told at once when it ends in this process, found by looking when elsewhere.
 *
 * @module
 */
import { Bell } from "./bell.ts";
import type { Engine } from "./engine.ts";
import { getTask } from "./read.ts";
import { isFinal, type Task } from "./task.ts";

/** Milliseconds between two looks at a task that runs elsewhere: doubled each time, from the first to the last. */
const LOOK = { first: 100, last: 1000 } as const;

/** Those who wait, by task id. */
export class Waits {
  #waiting = new Map<string, Set<Bell>>();
  #over: Error | null = null;

  /** The task has ended. */
  ended(id: string): void {
    const bells = this.#waiting.get(id);
    if (bells) { for (const bell of bells) bell.ring(); }
  }

  /** The queue has stopped: nobody waits any longer for what has not ended by now. */
  end(reason: Error): void {
    this.#over = reason;
    for (const id of this.#waiting.keys()) this.ended(id);
  }

  /** See `Queue.wait`. */
  async wait(engine: Engine, id: string, timeout: number, signal?: AbortSignal): Promise<Task> {
    const bell = new Bell(engine.clock);
    const bells = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, bells.add(bell));
    const abort = () => bell.ring();
    signal?.addEventListener("abort", abort);
    const end = engine.clock.monotonic() + timeout * 1000;
    try {
      for (let look: number = LOOK.first;; look = Math.min(look * 2, LOOK.last)) {
        signal?.throwIfAborted();
        const task = await getTask(engine, id);
        const left = end - engine.clock.monotonic();
        if (isFinal(task.state) || left <= 0) return task;
        if (this.#over) throw this.#over;
        await bell.wait(Math.min(look, left));
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      bells.delete(bell);
      if (bells.size === 0) this.#waiting.delete(id);
    }
  }
}
