/**
 * Other ways to divide a channel's ready tasks, each a wrapper of the store port that shows the engine another view: all
 * else, group commit, lanes, checked removal and the claims themselves, is the engine's own code.
 *
 * ```text
 * shares    the engine as it is (queue/claim/shares.ts)
 * head      nobody knows of the others: all begin at the head of the range
 * window    nobody knows of the others: each look begins at a random place, within each priority
 * sharded   the ready range is as many ranges as there are workers; each looks into its own, and into a random other
 *           one when that is empty
 * ```
 *
 * @module
 */
import type { Store } from "../../queue/mod.ts";
import { type Entry, idOf, type Key } from "../inside.ts";
import type { Dice } from "../../tests/support/dice.ts";

/** See the module's text. */
export type Design = "shares" | "head" | "window" | "sharded";

/** What one process sees of the store. */
export function designed(design: Design, store: Store, shards: number, own: number, dice: Dice): Store {
  switch (design) {
    case "shares":
      return store;
    case "head":
      return alone(store);
    case "window":
      return alone(windowed(store, dice));
    case "sharded":
      return alone(sharded(store, shards, own, dice));
  }
}

/** No other process is registered, as far as it shows. */
function alone(store: Store): Store {
  let worker = "";
  return {
    ...store,
    list: async (range, options) => {
      const entries = await store.list(range, options);
      return range.prefix[1] === "worker" ? entries.filter(({ key }) => idOf(key) === worker) : entries;
    },
    commit: (checks, mutations) => {
      const registered = checks.find(({ key }) => key[1] === "worker");
      if (registered) worker = idOf(registered.key);
      return store.commit(checks, mutations);
    },
  };
}

/** A look at the ready tasks begins at a random one of the first that a list can hold. */
function windowed(store: Store, dice: Dice): Store {
  return {
    ...store,
    list: async (range, options) => {
      if (!isReady(range.prefix)) return await store.list(range, options);
      const entries = await store.list(range, { limit: store.limits.listBatch });
      const turned = [...Map.groupBy(entries, ({ key }) => key.at(-2)).values()].flatMap((group) => {
        const first = dice.between(0, group.length - 1);
        return [...group.slice(first), ...group.slice(0, first)];
      });
      return turned.slice(0, options.limit);
    },
  };
}

/** `ready channel priority id` is kept as `ready channel shard priority id`. */
function sharded(store: Store, shards: number, own: number, dice: Dice): Store {
  const stored = (key: Key): Key =>
    isReady(key) && key.length === 5
      ? [...key.slice(0, 3), shardOf(idOf(key), shards), ...key.slice(3)]
      : key;
  const shown = (entry: Entry): Entry => ({ ...entry, key: entry.key.toSpliced(3, 1) });
  return {
    ...store,
    list: async (range, options) => {
      if (!isReady(range.prefix)) return await store.list(range, options);
      const look = async (shard: number) =>
        (await store.list({ prefix: [...range.prefix, shard] }, options)).map(shown);
      const entries = await look(own);
      return entries.length > 0 ? entries : await look(dice.between(0, shards - 1));
    },
    commit: (checks, mutations) =>
      store.commit(
        checks.map((check) => ({ ...check, key: stored(check.key) })),
        mutations.map((mutation) => ({ ...mutation, key: stored(mutation.key) })),
      ),
  };
}

function isReady(key: Key): boolean {
  return key[1] === "ready";
}

/** The last digits of an id are random. */
function shardOf(id: string, shards: number): number {
  return parseInt(id.slice(-8), 16) % shards;
}
