/**
 * The store of a process that is killed as it makes a commit.
 *
 * @module
 */
import type { Store } from "../../queue/store/port.ts";

/** See the module's text. */
interface DyingStore extends Store {
  /** Resolves when it has died: it answers nothing more. */
  readonly dead: Promise<void>;
  /** Sends the commit that it died of, as a network may that delivers late, and tells what became of it. */
  land(): Promise<string | null>;
}

/**
 * @param commits how many it makes before
 * @param applied whether the commit that it dies of reaches the store
 */
export function dyingStore(store: Store, commits: number, applied: boolean): DyingStore {
  const { promise: dead, resolve: die } = Promise.withResolvers<void>();
  const never = new Promise<never>(() => {});
  let left = commits;
  let last: (() => Promise<string | null>) | null = null;
  return {
    ...store,
    dead,
    land: () => last!(),
    async commit(checks, mutations) {
      if (last) return await never;
      if (left-- > 0) return await store.commit(checks, mutations);
      last = () => store.commit(checks, mutations);
      if (applied) await last();
      die();
      return await never;
    },
  };
}
