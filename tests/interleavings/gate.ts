/**
 * A process's way to the store, with a gate in it: while it is closed every call waits, in order, until it is let
 * through.
 *
 * @module
 */
import { keyId } from "../../queue/store/key_id.ts";
import type { Check, Key, Mutation, Store } from "../../queue/store/port.ts";
import { type IdRange, idsOf } from "../../queue/store/range.ts";
import type { Footprint } from "./explore.ts";

interface Call extends Footprint {
  /** Makes the call. Resolves when it has been answered. */
  make(): Promise<unknown>;
}

/** See the module's text. */
export class Gate {
  /** The store as the process sees it. No hint comes through it but {@link ring}. */
  readonly store: Store;
  /** Calls that have come so far. */
  came = 0;
  #open = true;
  #calls: Call[] = [];
  #heard: (channel: string) => void = () => {};

  constructor(inner: Store, readonly process: string) {
    this.store = {
      ...inner,
      doorbell: { ring: () => Promise.resolve(), listen: (_channels, heard) => this.#heard = heard },
      getMany: (keys: readonly Key[]) => this.#pass(keys.map(rangeOf), [], () => inner.getMany(keys)),
      list: (range, options) => this.#pass([idsOf(range)], [], () => inner.list(range, options)),
      commit: (checks: readonly Check[], mutations: readonly Mutation[]) =>
        this.#pass(
          checks.map(({ key }) => rangeOf(key)),
          mutations.map(({ key }) => keyId(key)),
          () => inner.commit(checks, mutations),
        ),
    };
  }

  /** The call that would be let through next. */
  get next(): Footprint | undefined {
    return this.#calls[0];
  }

  close(): void {
    this.#open = false;
  }

  /** Lets everything through, from now on. */
  async open(): Promise<void> {
    this.#open = true;
    while (this.#calls.length > 0) await this.letThrough();
  }

  /** Lets the next call through. Resolves when it has been answered. */
  async letThrough(): Promise<void> {
    await this.#calls.shift()!.make();
  }

  /** A hint that a channel has work. */
  ring(channel: string): void {
    this.#heard(channel);
  }

  #pass<T>(reads: IdRange[], writes: string[], ask: () => Promise<T>): Promise<T> {
    this.came++;
    if (this.#open) return ask();
    return new Promise((resolve, reject) => {
      const make = () => ask().then(resolve, reject);
      this.#calls.push({ process: this.process, reads, writes, make });
    });
  }
}

function rangeOf(key: Key): IdRange {
  const id = keyId(key);
  return { from: id, to: `${id}\0` };
}
