/**
 * The limits that the definitions of this process set: rates by task name, and the channels with concurrency keys.
 *
 * @module
 */
import type { AnyTaskDefinition } from "../task/define.ts";
import type { TaskRecord } from "../rows/record.ts";
import { parseRate, type Rate } from "../ground/rate.ts";

/** The limits of a process's definitions. */
export class Limits {
  readonly #rates = new Map<string, Rate>();
  /** Channels of the definitions that make concurrency keys. */
  readonly keyedChannels: ReadonlySet<string>;
  #last: Promise<unknown> = Promise.resolve();

  /** @param channels channel of each definition, by task name */
  constructor(
    definitions: ReadonlyMap<string, AnyTaskDefinition>,
    channels: ReadonlyMap<string, string>,
  ) {
    const keyed = new Set<string>();
    for (const { name, rateLimit, burst, concurrencyKey } of definitions.values()) {
      const rate = parseRate(rateLimit, burst);
      if (rate) this.#rates.set(name, rate);
      if (concurrencyKey) keyed.add(channels.get(name)!);
    }
    this.keyedChannels = keyed;
  }

  /** The rate that the definition of a task name sets. */
  rateOf(name: string): Rate | undefined {
    return this.#rates.get(name);
  }

  /** Whether a task has limits beside its channel's, or may get one when its concurrency key is made. */
  has({ name, concurrencyKey, unkeyed }: TaskRecord): boolean {
    return concurrencyKey !== undefined || unkeyed === true || this.#rates.has(name);
  }

  /**
   * Does one piece of work at a time that reads and rewrites rows of limits, so that the claims and releases of one
   * process do not fail each other's checks.
   */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
