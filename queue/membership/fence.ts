/**
 * The fence: shuts every registered process out of the store.
 *
 * @module
 */
import type { WorkerRow } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import { idOf, type Keys } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import type { Mutation, Store } from "../store/port.ts";
import { del, put } from "../rows/unit.ts";

/**
 * Judges all workers lost. Their lanes are deleted, so none of their commits can land any more (invariant 3); their
 * entries are marked lost, so the next process that registers rescues their tasks at once. No process may register
 * meanwhile.
 *
 * @param commit commits mutations, and tells whether they landed
 * @returns whether all workers are shut out; `false` after the first commit that did not land
 */
export async function fence(
  store: Store,
  keys: Keys,
  commit: (mutations: readonly Mutation[]) => Promise<boolean>,
): Promise<boolean> {
  const { listBatch } = store.limits;
  for await (const page of pagesOf(store, keys.workers())) {
    for (const entry of page) {
      const row = decode<WorkerRow>(entry.value);
      const lanes = await store.list(keys.lanesOf(idOf(entry.key)), { limit: listBatch });
      const mutations = [...lanes.map(({ key }) => del(key)), put(entry.key, { ...row, lost: true })];
      if (!await commit(mutations)) return false;
    }
  }
  return true;
}
