/**
 * Reads many rows, and cuts many mutations into commits.
 *
 * @module
 */
import { keyAfter, keysOf, namespaceOf } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import type { Entry, Key, KeyRange, Mutation, Store, StoreLimits } from "../store/port.ts";
import { mutationKeySize, mutationSize } from "../store/size.ts";

/** The rows of a range in key order, each page of them in a snapshot of its own. */
export async function* rowsOf(store: Store, range: KeyRange): AsyncGenerator<Entry, void> {
  for await (const page of pagesOf(store, range)) yield* page;
}

/**
 * The rows that belong to no Sluice of any namespace: those that handlers and other programs have stored in the same
 * database.
 */
export async function* rowsBeside(store: Store): AsyncGenerator<Entry, void> {
  for (let start: Key | null = null;;) {
    const page: Entry[] = await store.list({ prefix: [], ...(start && { start }) }, {
      limit: store.limits.listBatch,
    });
    if (page.length === 0) return;
    start = keyAfter(page.at(-1)!.key);
    let last: unknown;
    for (const entry of page) {
      const first = namespaceOf(entry.key);
      if (typeof first === "string" && first !== last && await isNamespace(store, first)) {
        start = [`${first}\0`];
        break;
      }
      last = first;
      yield entry;
    }
  }
}

/** Whether a first part of keys is the namespace of a Sluice. */
async function isNamespace(store: Store, first: string): Promise<boolean> {
  return (await store.getMany([keysOf(first).meta()]))[0] !== null;
}

/** Bytes and mutations of each commit that are left to the lane through which it may be sent. */
const SPARE = { bytes: 4096, mutations: 1 } as const;

/** Cuts mutations into commits that a store takes. */
export async function* commitsOf(
  mutations: AsyncIterable<Mutation>,
  limits: StoreLimits,
): AsyncGenerator<Mutation[], void> {
  let commit: Mutation[] = [];
  let [bytes, keyBytes] = [0, 0];
  for await (const mutation of mutations) {
    bytes += mutationSize(mutation);
    keyBytes += mutationKeySize(mutation);
    const fits = commit.length < limits.mutations - SPARE.mutations && bytes <= limits.bytes - SPARE.bytes &&
      keyBytes <= limits.keyBytes - SPARE.bytes;
    if (!fits) {
      yield commit;
      commit = [];
      [bytes, keyBytes] = [mutationSize(mutation), mutationKeySize(mutation)];
    }
    commit.push(mutation);
  }
  if (commit.length > 0) yield commit;
}
