/**
 * Shuts every registered process out of the store.
 *
 * @module
 */
import type { WorkerRow } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import { idOf, type Keys } from "../rows/keys.ts";
import type { Mutation, Store } from "../store/port.ts";
import { del, put } from "../rows/unit.ts";

/**
 * Judges all workers lost: their lanes are deleted, so nothing of theirs can land any more (invariant 3), and whoever
 * registers next gives their tasks to others at once. No process may register meanwhile.
 *
 * @param commit applies mutations, and tells whether it did
 * @returns whether all are shut out
 */
export async function fence(
  store: Store,
  keys: Keys,
  commit: (mutations: readonly Mutation[]) => Promise<boolean>,
): Promise<boolean> {
  const { listBatch } = store.limits;
  for (let start = {};;) {
    const entries = await store.list({ ...keys.workers(), ...start }, { limit: listBatch });
    for (const entry of entries) {
      const row = decode<WorkerRow>(entry.value);
      const lanes = await store.list(keys.lanesOf(idOf(entry.key)), { limit: listBatch });
      const mutations = [...lanes.map(({ key }) => del(key)), put(entry.key, { ...row, lost: true })];
      if (!await commit(mutations)) return false;
    }
    if (entries.length < listBatch) return true;
    start = { start: keys.worker(`${idOf(entries.at(-1)!.key)}\0`) };
  }
}
