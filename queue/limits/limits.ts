/**
 * What a process knows of the limits of its definitions.
 *
 * @module
 */
import type { AnyTaskDefinition } from "../task/define.ts";
import type { TaskRecord } from "../rows/record.ts";
import { parseRate, type Rate } from "../ground/rate.ts";

/** See the module's text. */
export class Limits {
  readonly #rates = new Map<string, Rate>();
  /** Channels of the definitions that have concurrency keys. */
  readonly keyedChannels: ReadonlySet<string>;
  #last: Promise<unknown> = Promise.resolve();

  /** @param channels of the definitions, by task name */
  constructor(
    definitions: ReadonlyMap<string, AnyTaskDefinition>,
    channels: ReadonlyMap<string, string>,
  ) {
    const keyed = new Set<string>();
    for (const { name, rateLimit, concurrencyKey } of definitions.values()) {
      const rate = parseRate(rateLimit);
      if (rate) this.#rates.set(name, rate);
      if (concurrencyKey) keyed.add(channels.get(name)!);
    }
    this.keyedChannels = keyed;
  }

  /** The rate of a task name. */
  rateOf(name: string): Rate | undefined {
    return this.#rates.get(name);
  }

  /** Whether a task has limits of its own. */
  has({ name, concurrencyKey }: TaskRecord): boolean {
    return concurrencyKey !== undefined || this.#rates.has(name);
  }

  /**
   * Reads and rewrites limits' rows one after the other, so that the claims and releases of one process do not fail
   * each other's checks.
   */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
