/**
 * A store that says of some commits that they have landed and has kept nothing of them but their lane: what an engine
 * must never be built on, and a proof must never let pass.
 *
 * @module
 */
import type { Store } from "../../queue/store/port.ts";

/** Wraps a store so that it forgets one commit in so many. */
export function forgetfulStore(store: Store, every: number): Store {
  let commits = 0;
  return {
    ...store,
    commit(checks, mutations) {
      const isForgotten = ++commits % every === 0;
      const kept = mutations.filter(({ key }) => ["lane", "worker", "meta"].includes(String(key[1])));
      return store.commit(checks, isForgotten ? kept : mutations);
    },
  };
}
