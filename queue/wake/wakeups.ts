/**
 * Wake-ups: tell the consumers of a channel that it has work. The consumer in this process is rung; consumers elsewhere
 * are told through the store, if it carries hints (see `Doorbell`). A lost wake-up costs no more than a poll interval,
 * because each consumer also polls (invariant 8).
 *
 * @module
 */
import { REVOKES } from "../engine.ts";
import type { Doorbell, Entry } from "../store/port.ts";

/** Tells consumers that their channel has work. */
export class Wakeups {
  /**
   * @param channels whose hints this process listens to
   * @param ring rings this process's consumer of a channel, if it has one
   * @param hear tells this process's consumer of a channel, or its runs, that the store's doorbell has rung for it
   */
  constructor(
    readonly doorbell: Doorbell | null,
    channels: readonly string[],
    readonly ring: (channel: string, entry?: Entry) => void,
    hear: (channel: string) => void,
  ) {
    if (channels.length > 0) doorbell?.listen([...channels, REVOKES], hear);
  }

  /**
   * Tells the consumers of a channel that it has work.
   *
   * @param entry the `ready` row of the task, when this process has just stored it
   */
  wake(channel: string, entry?: Entry): void {
    this.ring(channel, entry);
    this.doorbell?.ring(channel).catch(lost);
  }
}

/** A hint that could not be sent costs a poll interval, so its error is dropped. */
function lost(): void {}
