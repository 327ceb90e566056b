/**
 * A channel's room for tasks. A task takes room from before its claim, or its hand-off, until its run has ended.
 *
 * @module
 */
import type { Ahead } from "./ahead.ts";

/** One task at a time in the whole process. */
export interface Solo {
  /** 1 while a task runs, is being claimed or is being handed off. */
  taken: number;
  /** Tells all channels that the slot is free. */
  freed(): void;
}

/** See the module's text. */
export class Room {
  #taken = 0;
  /** Claims and reservations that are being committed. */
  #committing = 0;
  /** Called when nothing is being committed any more. */
  #quiet: (() => void)[] = [];

  /**
   * @param slots tasks of the channel that run at a time
   * @param ahead says how many tasks are taken at a time
   * @param solo the one slot that all channels share; `null`: there is none
   */
  constructor(readonly slots: () => number, readonly ahead: Ahead, readonly solo: Solo | null) {}

  /** Slots that could take a task now. */
  get free(): number {
    return this.#below(this.slots());
  }

  /** Tasks that could be taken now, in slots or ahead of them. */
  get left(): number {
    return this.#below(this.ahead.most(this.slots()));
  }

  /** Tasks that could be taken until `most` are. */
  #below(most: number): number {
    const left = Math.max(0, most - this.#taken);
    return this.solo ? Math.min(left, 1 - this.solo.taken) : left;
  }

  /** Takes room for so many tasks; a negative count gives it back. */
  take(count: number): void {
    this.#taken += count;
    const { solo } = this;
    if (!solo) return;
    solo.taken += count;
    if (solo.taken === 0) solo.freed();
  }

  /** Whether a claim or a reservation is being committed. */
  get isCommitting(): boolean {
    return this.#committing > 0;
  }

  /** Notes that a claim or a reservation begins. A claim begins with its look at the store. */
  beginCommit(): void {
    this.#committing++;
  }

  /** Notes that a claim or a reservation has its outcome. */
  endCommit(): void {
    if (--this.#committing > 0) return;
    for (const resolve of this.#quiet.splice(0)) resolve();
  }

  /** Resolves when nothing is being committed. */
  async quiet(): Promise<void> {
    while (this.#committing > 0) await new Promise<void>((resolve) => this.#quiet.push(resolve));
  }
}
