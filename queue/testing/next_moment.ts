/**
 * The next moment at which something can happen in a queue whose clock stands still.
 *
 * @module
 */
import { type Keys, timeIn } from "../rows/keys.ts";
import type { KeyRange, Store } from "../store/port.ts";

/** `"now"` while tasks run, are ready or are blocked; else the wall-clock time of the first thing that is due. */
export async function nextMoment(store: Store, keys: Keys): Promise<number | "now"> {
  const first = async (range: KeyRange) => (await store.list(range, { limit: 1 }))[0]?.key;
  if (await first(keys.runs()) || await first(keys.readyAll()) || await first(keys.blockedAll())) {
    return "now";
  }
  const due = await Promise.all([keys.delayedAll(), keys.laterAll(), keys.dueAll()].map(first));
  return Math.min(...due.map((key) => key === undefined ? Infinity : timeIn(key)));
}
