/**
 * Counts what this process has done since it started, by its own events.
 *
 * @module
 */
import type { Clock } from "../ground/clock.ts";
import type { QueueEvent } from "../ground/events.ts";

/** Seconds over which the rate is taken. */
const WINDOW = 60;

/** Counts since the start. */
export interface Counts {
  readonly submitted: number;
  readonly started: number;
  readonly retried: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly revoked: number;
}

/** The differences between two counts. */
export function countsSince(before: Counts, now: Counts): Counts {
  return {
    submitted: now.submitted - before.submitted,
    started: now.started - before.started,
    retried: now.retried - before.retried,
    succeeded: now.succeeded - before.succeeded,
    failed: now.failed - before.failed,
    revoked: now.revoked - before.revoked,
  };
}

/** The counts of this process, and the rate at which its tasks end. */
export class Tally {
  #counts = { submitted: 0, started: 0, retried: 0, succeeded: 0, failed: 0, revoked: 0 };
  /** Tasks that ended in each second of the window, at the index of the second modulo the window. */
  #ended = new Array<number>(WINDOW).fill(0);
  /** The second that `#ended` has been moved on to. */
  #second: number;
  readonly #start: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;

  constructor(readonly clock: Clock) {
    this.#start = clock.monotonic();
    this.startedAt = clock.now();
    this.#second = this.#now();
  }

  /** Seconds since the start. */
  get uptime(): number {
    return Math.round(this.clock.monotonic() - this.#start) / 1000;
  }

  get counts(): Counts {
    return { ...this.#counts };
  }

  /** Tasks that ended per second, over the last minute or since the start. */
  get rate(): number {
    this.#forget();
    const seconds = Math.min(WINDOW, Math.max(1, this.uptime));
    const ended = this.#ended.reduce((sum, count) => sum + count, 0);
    return Math.round(ended / seconds * 1000) / 1000;
  }

  record(event: QueueEvent): void {
    switch (event.type) {
      case "submitted":
      case "started":
      case "retried":
        this.#counts[event.type]++;
        break;
      case "finished":
        this.#counts[ENDS[event.state]]++;
        this.#forget();
        this.#ended[this.#second % WINDOW]!++;
    }
  }

  #now(): number {
    return Math.floor(this.clock.monotonic() / 1000);
  }

  /** Moves on to the present second: clears the indexes of the seconds since the last one, which held older counts. */
  #forget(): void {
    const now = this.#now();
    for (let second = Math.max(this.#second + 1, now - WINDOW + 1); second <= now; second++) {
      this.#ended[second % WINDOW] = 0;
    }
    this.#second = now;
  }
}

const ENDS = { SUCCESS: "succeeded", FAILURE: "failed", REVOKED: "revoked" } as const;
