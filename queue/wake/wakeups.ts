/**
 * Wake-ups: in this process by a ring of the consumer's bell; in others through the store, where it carries hints (see
 * `Doorbell`); and under both the consumers' own polling. All are hints (invariant 8).
 *
 * @module
 */
import type { Doorbell, Entry } from "../store/port.ts";

/** Carries the news that a channel has work. */
export class Wakeups {
  /**
   * @param channels that this process executes
   * @param ring rings the bell of whoever executes a channel in this process
   * @param hear tells them what the store's doorbell says
   */
  constructor(
    readonly doorbell: Doorbell | null,
    channels: readonly string[],
    readonly ring: (channel: string, entry?: Entry) => void,
    hear: (channel: string) => void,
  ) {
    if (channels.length > 0) doorbell?.listen(channels, hear);
  }

  /** A channel has work: the task of this entry, when this process has just stored it. */
  wake(channel: string, entry?: Entry): void {
    this.ring(channel, entry);
    this.doorbell?.ring(channel).catch(lost);
  }
}

/** It costs a poll interval. */
function lost(): void {}
