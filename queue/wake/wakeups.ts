/**
 * Wake-ups: in this process by a ring of the consumer's bell; through the store's queues where it has some
 * (`enqueue`/`listenQueue`), with at most one message a channel on its way; and under both the consumers' own polling.
 * All are hints (invariant 8).
 *
 * @module
 */
import { POLL } from "./bell.ts";
import type { Clock } from "../clock.ts";
import type { Doorbell } from "../store/port.ts";

/** Carries the news that a channel has work. */
export class Wakeups {
  /** When the message on its way was sent, by channel. */
  #outstanding = new Map<string, number>();

  /** @param ring rings the bell of whoever executes a channel in this process */
  constructor(
    readonly doorbell: Doorbell | null,
    readonly clock: Clock,
    readonly ring: (channel: string, priority?: number) => void,
  ) {
    doorbell?.listen((channel) => {
      this.#outstanding.delete(channel);
      ring(channel);
    });
  }

  /** A channel has work. */
  wake(channel: string, priority?: number): void {
    this.ring(channel, priority);
    if (!this.doorbell) return;
    const now = this.clock.monotonic();
    const sent = this.#outstanding.get(channel);
    // A message older than the longest poll may be lost; by then everybody has looked anyway.
    if (sent !== undefined && now - sent < POLL.last) return;
    this.#outstanding.set(channel, now);
    this.doorbell.ring(channel).catch(() => this.#outstanding.delete(channel));
  }
}
