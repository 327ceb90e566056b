/**
 * Tasks that are taken ahead of their slots.
 *
 * A slot is reserved before the claim commits. When runs are short, commits would hold most slots: so more tasks are
 * claimed than there are slots, and those whose claim lands while no slot is free wait here, in this process. They wait
 * only where no other process could run them meanwhile.
 *
 * A channel is in one of two modes:
 *
 * ## In step
 *
 * The initial mode: as many tasks are taken as there are slots. Once as many runs in a row as there are slots have
 * ended within 50 ms each, on a store that no other process can have open, the channel goes ahead.
 *
 * ## Ahead
 *
 * Up to four tasks a slot are taken. Those without a slot start as slots become free, the most urgent first. Tasks that
 * have limits, or that may begin only once, are not taken without a slot (see `choice.ts`).
 *
 * With the first run that takes longer than 50 ms the channel is in step again: nothing more is taken ahead, and what
 * waits starts as runs end. When no run has ended for a second, what waits is given back to `ready`, where it is seen
 * beside all other tasks; a stop and a pause do the same at once.
 *
 * @module
 */
import type { Clock } from "../ground/clock.ts";
import type { Run } from "../run/run.ts";

/** A run that ends within so many milliseconds leaves its slot sooner than the commit of another claim lands. */
const QUICK = 50;

/** Milliseconds without an end of a run after which those that were taken ahead are given back. */
const SLOW = 1000;

/** Tasks per slot that are taken at a time while runs are quick. */
const AHEAD = 4;

/** The mode of one channel, and its runs that wait for a slot. */
export class Ahead {
  /** Runs that wait for a slot, in the order in which they start. */
  #waiting = new Set<Run>();
  /** The lowest priority of the waiting runs. */
  #lowest = 0;
  /** Quick runs since the last one that was not. */
  #quick = 0;
  /** Wall-clock time at which the last run ended. */
  #endedAt = -Infinity;

  /** @param unshared whether no other process can have the store open */
  constructor(readonly clock: Clock, readonly unshared: boolean) {}

  /** Tasks that may be taken at a time, by the channel's mode. */
  most(slots: number): number {
    return this.unshared && this.#quick >= slots ? AHEAD * slots : slots;
  }

  /** Runs that wait for a slot, in the order in which they start. */
  get runs(): Iterable<Run> {
    return this.#waiting;
  }

  /** The number of runs that wait for a slot. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Adds a run that waits for a slot, before all that are less urgent. */
  add(run: Run): void {
    const { priority } = run.record;
    const isUrgent = this.size > 0 && priority > this.#lowest;
    this.#lowest = this.size === 0 ? priority : Math.min(this.#lowest, priority);
    this.#waiting.add(run);
    if (isUrgent) {
      this.#waiting = new Set([...this.#waiting].sort((a, b) => b.record.priority - a.record.priority));
    }
  }

  /** Takes out the run that starts next. */
  next(): Run | undefined {
    for (const run of this.#waiting) {
      this.#waiting.delete(run);
      return run;
    }
    return undefined;
  }

  /** @returns whether a run that has ended was waiting for a slot */
  remove(run: Run): boolean {
    return this.#waiting.delete(run);
  }

  /** Notes that a run that had a slot has ended. */
  ended(run: Run): void {
    this.#endedAt = this.clock.now();
    this.#quick = this.#endedAt - run.begunAt <= QUICK ? this.#quick + 1 : 0;
  }

  /** Gives back what waits when no run has ended for a second. */
  giveBackIfSlow(): void {
    if (this.size === 0 || this.clock.now() - this.#endedAt < SLOW) return;
    this.#quick = 0;
    this.giveBack();
  }

  /** Gives back what waits. Resolves when it is in `ready` again. */
  async giveBack(): Promise<void> {
    await Promise.all([...this.#waiting].map((run) => run.giveBack()));
  }
}
