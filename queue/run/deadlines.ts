/**
 * Time limits of all runs of a process on one timer: a timer per run costs more than a small task.
 *
 * @module
 */
import type { Clock } from "../ground/clock.ts";

/** Something with a next deadline. */
export interface Limited {
  /** Monotonic milliseconds; `Infinity` for none. */
  readonly deadline: number;
  /** Called when the deadline is over; sets the next one or leaves. */
  timeIsUp(): void;
}

/** Calls `expire` on each member whose deadline is over. */
export class Deadlines {
  #members = new Set<Limited>();
  #armedFor = Infinity;
  #cancel: (() => void) | null = null;

  constructor(readonly clock: Clock) {}

  add(member: Limited): void {
    this.#members.add(member);
    if (member.deadline < this.#armedFor) this.#arm(member.deadline);
  }

  delete(member: Limited): void {
    this.#members.delete(member);
    if (this.#members.size === 0) this.stop();
  }

  /** Calls the timer off. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#armedFor = Infinity;
  }

  #arm(time: number): void {
    this.#cancel?.();
    this.#armedFor = time;
    this.#cancel = time === Infinity
      ? null
      : this.clock.after(Math.max(0, time - this.clock.monotonic()), () => this.#fire());
  }

  #fire(): void {
    const now = this.clock.monotonic();
    for (const member of [...this.#members]) if (member.deadline <= now) member.timeIsUp();
    let next = Infinity;
    for (const member of this.#members) next = Math.min(next, member.deadline);
    this.#arm(next);
  }
}
