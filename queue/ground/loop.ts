/**
 * A loop: rounds of work, one after the other, with pauses between them that a bell cuts short. The engine's five loops
 * extend it, and each of them defines what one round does:
 *
 * ```text
 * consumer   claims a channel's tasks           promoter  makes due tasks ready
 * scheduler  fires due schedules                sweeper   removes what is no longer kept
 * cascades   does what ends, submissions and revokes have left to do in workflows
 * ```
 *
 * @module
 */
import { Bell, POLL } from "./bell.ts";
import type { Clock } from "./clock.ts";

/** How long a loop pauses. */
export interface Pauses {
  /** Milliseconds from a round that found something to the next one. @default {0: the next one begins at once} */
  readonly busy?: number;
  /**
   * Milliseconds, at most, from a round that found nothing to the next one: `first`, then doubled each time, up to
   * `last`, and `first` again when the bell rings or a round finds something. @default {POLL}
   */
  readonly idle?: { readonly first: number; readonly last: number };
}

/** A loop that may be started and stopped at any time, any number of times. */
export abstract class Loop {
  /** A ring ends the pause, so that the next round begins now. */
  protected readonly bell: Bell;
  /** Wall-clock time at which something is due next, as the last round found. `Infinity`: never; 0: not known. */
  protected nextDue = Infinity;
  /** Set by `stop`: no further round begins. */
  protected stopping = false;
  #rounds: Promise<void> | null = null;

  constructor(readonly clock: Clock, readonly pauses: Pauses = {}) {
    this.bell = new Bell(clock);
  }

  /**
   * Does one round. It must not reject: a round that fails says so in an event.
   *
   * @param rang `false` when the round begins because a pause was over; `true` when the bell rang, or when the round
   *   follows another at once or is the first
   * @returns whether the round found something to do
   */
  protected abstract round(rang: boolean): Promise<boolean>;

  /** Called at every start: forgets what held only while the loop went on. */
  protected reset(): void {}

  /** Wall-clock time before which the loop has nothing to do, as far as it knows; 0 during a round. */
  get nextAt(): number {
    return this.bell.isWaiting ? this.nextDue : 0;
  }

  /** Starts the loop, also after a stop. */
  start(): void {
    this.stopping = false;
    if (this.#rounds) return;
    this.reset();
    this.#rounds = this.#run();
  }

  /** Stops the loop, and resolves when the current round has ended. Work that a round began, such as runs, goes on. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.bell.ring();
    await this.#rounds;
    this.#rounds = null;
  }

  /** Tells the loop that something is due at this wall-clock time, so that a round begins then at the latest. */
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

  /** Milliseconds until something is due, at most `most`. */
  #untilDue(most: number): number {
    return this.nextDue === 0 ? most : Math.min(most, Math.max(1, this.nextDue - this.clock.now()));
  }
}
