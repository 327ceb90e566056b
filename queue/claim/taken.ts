/**
 * How many tasks of a channel this process has taken: those that run, that wait for a slot, that are being claimed or
 * are reserved for a hand-off.
 *
 * @module
 */

/** One task at a time in the whole process. */
export interface Solo {
  /** 1 while a task runs, is being claimed or is being handed off. */
  taken: number;
  /** Tells all channels that the slot is free. */
  freed(): void;
}

/** See the module's text. */
export class Taken {
  #count = 0;
  /** Claims and reservations that are being committed. */
  #committing = 0;
  /** Called when there are none. */
  #quiet: (() => void)[] = [];

  /** @param solo the one slot that all channels share; `null`: there is none */
  constructor(readonly solo: Solo | null) {}

  /** Tasks that can be taken before there are so many. */
  below(most: number): number {
    const free = Math.max(0, most - this.#count);
    return this.solo ? Math.min(free, 1 - this.solo.taken) : free;
  }

  /** So many tasks more were taken, or fewer. */
  add(count: number): void {
    this.#count += count;
    const { solo } = this;
    if (!solo) return;
    solo.taken += count;
    if (solo.taken === 0) solo.freed();
  }

  /** Whether a claim or a reservation is being committed. */
  get isCommitting(): boolean {
    return this.#committing > 0;
  }

  /** A claim or a reservation begins, from the look at the store on. */
  begin(): void {
    this.#committing++;
  }

  /** It has its outcome. */
  end(): void {
    if (--this.#committing > 0) return;
    for (const resolve of this.#quiet.splice(0)) resolve();
  }

  /** Resolves when nothing is being committed. */
  async quiet(): Promise<void> {
    while (this.#committing > 0) await new Promise<void>((resolve) => this.#quiet.push(resolve));
  }
}
