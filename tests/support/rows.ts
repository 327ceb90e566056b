/**
 * Looks at what is stored, past the engine.
 *
 * @module
 */
import { decode } from "../../queue/rows/codec.ts";
import type { Entry, Key, KeyRange, Store } from "../../queue/store/port.ts";

/** One stored row; chunks and lanes keep their raw value. */
export interface Row {
  readonly key: Key;
  /** The second part of the key: "task", "ready", … */
  readonly family: string;
  // deno-lint-ignore no-explicit-any -- each family has its own
  readonly value: any;
  readonly entry: Entry;
}

/** All rows of a namespace in key order, or those of one family. */
export async function rowsOf(store: Store, family?: string, namespace = "sluice"): Promise<Row[]> {
  const prefix = family === undefined ? [namespace] : [namespace, family];
  const own = family === undefined ? [] : await store.getMany([prefix]);
  const entries = [...own.filter((entry) => entry !== null), ...await entriesOf(store, { prefix })];
  return entries.map((entry) => {
    const kind = String(entry.key[1]);
    const raw = kind === "blob" || kind === "lane";
    return { key: entry.key, family: kind, value: raw ? entry.value : decode(entry.value), entry };
  });
}

/** Number of rows by family. */
export async function countRows(store: Store, namespace = "sluice"): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { family } of await rowsOf(store, undefined, namespace)) {
    counts[family] = (counts[family] ?? 0) + 1;
  }
  return counts;
}

/** What is stored besides the rows of registered processes and the audit: `{}` when nothing was submitted. */
export async function stored(store: Store, namespace = "sluice"): Promise<Record<string, number>> {
  const { meta: _meta, worker: _worker, lane: _lane, sweep: _sweep, audit: _audit, ...rest } =
    await countRows(
      store,
      namespace,
    );
  return rest;
}

async function entriesOf(store: Store, range: KeyRange): Promise<Entry[]> {
  const found: Entry[] = [];
  const limit = store.limits.listBatch;
  for (let from: { start?: Key } = {};;) {
    const entries = await store.list({ ...range, ...from }, { limit });
    const first = from.start ? 1 : 0;
    found.push(...entries.slice(first));
    if (entries.length < limit) return found;
    from = { start: entries.at(-1)!.key };
  }
}
