/**
 * A store that counts what it is asked: operations, rows and bytes, and the units in which Deno Deploy bills its
 * managed KV (docs/scaling.md names the sources).
 *
 * @module
 */
import { type Entry, type Key, keySize, type Store, valueSize } from "./inside.ts";

/** Bytes of a unit; an operation counts as one at least. */
const UNIT = { read: 4096, write: 1024 } as const;
/** Keys that Deno KV reads in one request. */
const READ_KEYS = 10;

/** What was asked. */
export interface Operations {
  /** Commits, the refused ones included. On a local file each that is not refused is one fsync. */
  commits: number;
  /** Of those, the ones whose checks did not hold. */
  refused: number;
  checks: number;
  /** Rows that commits set and delete, and the bytes of their keys and values. */
  mutations: number;
  bytes: number;
  writeUnits: number;
  /** Requests: lists, and reads of up to ten keys. */
  reads: number;
  /** Rows that they answered, and the bytes of those. */
  rows: number;
  rowBytes: number;
  readUnits: number;
}

/** Nothing yet. */
export function noOperations(): Operations {
  return {
    commits: 0,
    refused: 0,
    checks: 0,
    mutations: 0,
    bytes: 0,
    writeUnits: 0,
    reads: 0,
    rows: 0,
    rowBytes: 0,
    readUnits: 0,
  };
}

/** The store, with what it is asked added to `count`. */
export function countedStore(store: Store, count: Operations): Store {
  return {
    ...store,
    async getMany(keys: readonly Key[]) {
      const entries = await store.getMany(keys);
      for (let at = 0; at < entries.length; at += READ_KEYS) read(entries.slice(at, at + READ_KEYS));
      return entries;
    },
    async list(range, options) {
      const entries = await store.list(range, options);
      read(entries);
      return entries;
    },
    async commit(checks, mutations) {
      const versionstamp = await store.commit(checks, mutations);
      const bytes = mutations.reduce(
        (sum, mutation) =>
          sum + keySize(mutation.key) + (mutation.type === "set" ? valueSize(mutation.value) : 0),
        0,
      );
      count.commits++;
      if (versionstamp === null) count.refused++;
      count.checks += checks.length;
      count.mutations += mutations.length;
      count.bytes += bytes;
      count.writeUnits += Math.max(1, Math.ceil(bytes / UNIT.write));
      return versionstamp;
    },
  };

  function read(entries: readonly (Entry | null)[]): void {
    const found = entries.filter((entry) => entry !== null);
    const bytes = found.reduce((sum, { key, value }) => sum + keySize(key) + valueSize(value), 0);
    count.reads++;
    count.rows += found.length;
    count.rowBytes += bytes;
    count.readUnits += Math.max(1, Math.ceil(bytes / UNIT.read));
  }
}
