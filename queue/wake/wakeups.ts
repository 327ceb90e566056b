/**
 * Wake-ups: in this process by a ring of the consumer's bell; in others through the store, where it carries hints (see
 * `Doorbell`); and under both the consumers' own polling. All are hints (invariant 8).
 *
 * @module
 */
import type { Doorbell } from "../store/port.ts";

/** Carries the news that a channel has work. */
export class Wakeups {
  /**
   * @param channels that this process executes
   * @param ring rings the bell of whoever executes a channel in this process
   */
  constructor(
    readonly doorbell: Doorbell | null,
    channels: readonly string[],
    readonly ring: (channel: string, priority?: number) => void,
  ) {
    // At the end of the channel, for all that is known: where others submit, no look at the store is kept for long.
    if (channels.length > 0) doorbell?.listen(channels, (channel) => ring(channel, 0));
  }

  /** A channel has work. */
  wake(channel: string, priority?: number): void {
    this.ring(channel, priority);
    this.doorbell?.ring(channel).catch(lost);
  }
}

/** It costs a poll interval. */
function lost(): void {}
