/**
 * A loop: rounds of work, one after the other, with pauses between them that a bell cuts short. What the engine's five
 * loops share; each of them states what one round does.
 *
 * ```text
 * consumer   claims a channel's tasks           promoter  makes due tasks ready
 * scheduler  fires due schedules                sweeper   removes what is no longer kept
 * cascades   works off what workflows owe
 * ```
 *
 * @module
 */
import { Bell, POLL } from "./bell.ts";
import type { Clock } from "./clock.ts";

/** How long a loop pauses. */
export interface Pauses {
  /** Milliseconds from a round that found something to the next one. @default {0: it begins at once} */
  readonly busy?: number;
  /**
   * Milliseconds, at most, from a round that found nothing to the next one: doubled each time, from the first to the
   * last, and back at the first when the bell rings or something is found. @default {POLL}
   */
  readonly idle?: { readonly first: number; readonly last: number };
}

/** May be started and stopped at any time, any number of times. */
export abstract class Loop {
  /** Rung for news: the next round begins now. */
  protected readonly bell: Bell;
  /** Wall-clock time at which something is due next, as the last round found. `Infinity`: never; 0: not known. */
  protected nextDue = Infinity;
  /** No further round begins. */
  protected stopping = false;
  #rounds: Promise<void> | null = null;

  constructor(readonly clock: Clock, readonly pauses: Pauses = {}) {
    this.bell = new Bell(clock);
  }

  /**
   * One round. It must not reject: a round that fails says so in an event.
   *
   * @param rang whether the bell rang for it, it follows another at once, or is the first; if not, the pause was over
   * @returns whether it found something to do
   */
  protected abstract round(rang: boolean): Promise<boolean>;

  /** Called when it begins, also after a stop: forgets what only holds as long as it goes on. */
  protected reset(): void {}

  /** Wall-clock time before which it has nothing to do, as far as it knows; 0 during a round. */
  get nextAt(): number {
    return this.bell.isWaiting ? this.nextDue : 0;
  }

  /** Begins, also after a stop. */
  start(): void {
    this.stopping = false;
    if (this.#rounds) return;
    this.reset();
    this.#rounds = this.#run();
  }

  /** Ends, and resolves when the round that goes on has ended. What it has begun, such as runs, goes on. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.bell.ring();
    await this.#rounds;
    this.#rounds = null;
  }

  /** Something is due at this wall-clock time: a round begins then at the latest. */
  dueAt(time: number): void {
    if (time < this.nextDue) this.bell.ring();
  }

  async #run(): Promise<void> {
    const { busy = 0, idle = POLL } = this.pauses;
    let pause = idle.first;
    let rang = true;
    while (!this.stopping) {
      const found = await this.round(rang);
      rang = found && busy === 0 || await this.bell.wait(found ? busy : this.#untilDue(pause));
      pause = found || rang ? idle.first : Math.min(pause * 2, idle.last);
    }
  }

  /** Milliseconds until something is due, but no more than these. */
  #untilDue(most: number): number {
    return this.nextDue === 0 ? most : Math.min(most, Math.max(1, this.nextDue - this.clock.now()));
  }
}
