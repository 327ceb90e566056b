/**
 * Deletes the rows of limits that say no more than their absence would: rates at rest, locks whose time is over, keys
 * under which nothing runs any more (left by processes that died).
 *
 * @module
 */
import type { Base } from "../engine.ts";
import type { RateRow, SlotsRow } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import { familyOf, keyAfter } from "../rows/keys.ts";
import type { Entry, Key, KeyRange } from "../store/port.ts";
import { del } from "../rows/unit.ts";
import { standsOf } from "../task/concurrency.ts";
import { timeLeft } from "../run/locks.ts";
import { isAtRest } from "../ground/rate.ts";

/** Rows read in one step. */
const STEP = 100;

/** Goes through the rows of limits, again and again. */
export class RestingLimits {
  /** The last row that was read, by its family. */
  #cursors = new Map<string, Key>();

  constructor(readonly engine: Base) {}

  /** Takes one step through each kind of row. @returns whether this round has more rows to read */
  async runOnce(): Promise<boolean> {
    const { engine } = this;
    const { keys } = engine;
    const now = engine.clock.now();
    await this.#step(keys.rates(), async (entry) => {
      const row = decode<RateRow>(entry.value);
      return isAtRest(row, now) && (await standsOf(engine, row.tasks)).ready.length === 0;
    });
    await this.#step(keys.locks(), (entry) => Promise.resolve(timeLeft(entry, now) === 0));
    await this.#step(keys.slotsAll(), async (entry) => {
      const { running, ready } = await standsOf(engine, decode<SlotsRow>(entry.value).tasks);
      return running.length === 0 && ready.length === 0;
    });
    return this.#cursors.size > 0;
  }

  /** Reads the next rows of a range, and deletes those that are at rest. */
  async #step(range: KeyRange, rests: (entry: Entry) => Promise<boolean>): Promise<void> {
    const { store, committer } = this.engine;
    const family = familyOf(range.prefix);
    const last = this.#cursors.get(family);
    const entries = await store.list({ ...range, ...(last && { start: keyAfter(last) }) }, { limit: STEP });
    if (entries.length < STEP) this.#cursors.delete(family);
    else this.#cursors.set(family, entries.at(-1)!.key);
    await Promise.all(entries.map(async (entry) => {
      // This does not land if the row is in use again.
      if (await rests(entry)) await committer.commit({ checks: [entry], mutations: [del(entry.key)] });
    }));
  }
}
