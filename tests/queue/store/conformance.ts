/**
 * The conformance of an adapter of the storage port. To hold another to it, call {@link conformance} with a function
 * that opens an empty store.
 *
 * @module
 */
import assert from "node:assert/strict";
import { RefusedCommitError, StoreBrokenError } from "../../../queue/ground/errors.ts";
import type { Entry, Key, Mutation, Store } from "../../../queue/store/port.ts";

/**
 * Registers the suite's tests under the adapter's name.
 *
 * @param test registers one of an adapter that is asked over a network. @default {Deno.test, for a local adapter}
 */
export function conformance(
  adapter: string,
  open: () => Promise<Store> | Store,
  test?: (name: string, run: () => Promise<void>) => void,
): void {
  const cases = test ? CASES : { ...CASES, ...LOCAL_CASES };
  for (const [name, check] of Object.entries(cases)) {
    (test ?? Deno.test)(`${adapter}: ${name}`, async () => {
      const store = await open();
      try {
        await check(store);
      } finally {
        store.close();
      }
    });
  }
}

const CASES: Record<string, (store: Store) => Promise<void>> = {
  async "reads what was committed, and null for what was not"(store) {
    const versionstamp = await store.commit([], [set(["a"], bytes(1, 2, 3))]);
    assert.match(versionstamp!, /^[0-9a-f]{20}$/);
    assert.deepEqual(await store.getMany([["b"], ["a"]]), [
      null,
      { key: ["a"], value: bytes(1, 2, 3), versionstamp },
    ]);
  },

  async "reads any number of keys in the order asked for"(store) {
    await store.commit([], numbers(25).map((n) => set(["n", n], n)));
    const asked = [...numbers(25).reverse(), 99, 7, 7];
    const found = await store.getMany(asked.map((n) => ["n", n]));
    assert.deepEqual(found.map((entry) => entry?.value), asked.map((n) => n === 99 ? undefined : n));
    assert.deepEqual(await store.getMany([]), []);
  },

  async "applies a commit when its checks hold"(store) {
    const first = await store.commit([{ key: ["a"], versionstamp: null }], [set(["a"], 1)]);
    const second = await store.commit([{ key: ["a"], versionstamp: first }], [set(["a"], 2)]);
    assert(second! > first!);
    assert.equal((await one(store, ["a"]))?.value, 2);
  },

  async "applies nothing of a commit when one of its checks does not hold"(store) {
    const first = await store.commit([], [set(["a"], 1), set(["b"], 1)]);
    const checks = [{ key: ["a"], versionstamp: first }, { key: ["b"], versionstamp: null }];
    assert.equal(await store.commit(checks, [set(["c"], 1), remove(["a"])]), null);
    assert.deepEqual(await store.getMany([["c"]]), [null]);
    assert.equal((await one(store, ["a"]))?.versionstamp, first);
  },

  async "lets one of several commits win that check the same key"(store) {
    const commits = numbers(20).map((n) =>
      store.commit([{ key: ["a"], versionstamp: null }], [set(["a"], n)])
    );
    const won = (await Promise.all(commits)).filter((versionstamp) => versionstamp !== null);
    assert.deepEqual(won, [(await one(store, ["a"]))?.versionstamp]);
  },

  async "grows the versionstamp with every commit, an empty one too"(store) {
    const stamps = [];
    for (const mutations of [[set(["a"], 1)], [], [remove(["b"])], [set(["a"], 1)]]) {
      stamps.push(await store.commit([], mutations));
    }
    assert.deepEqual(stamps.toSorted(), stamps);
    assert.equal(new Set(stamps).size, 4);
  },

  async "applies mutations of one key in their order"(store) {
    await store.commit([], [set(["a"], 1), remove(["a"]), set(["a"], 2), set(["b"], 1), remove(["b"])]);
    assert.equal((await one(store, ["a"]))?.value, 2);
    assert.equal(await one(store, ["b"]), null);
  },

  async "shows a commit to a read that was asked after its answer"(store) {
    for (let n = 0; n < 20; n++) {
      await store.commit([], [set(["a"], n)]);
      assert.equal((await one(store, ["a"]))?.value, n);
    }
  },

  async "lists a prefix in key order, without the prefix itself and its siblings"(store) {
    const keys: Key[] = [["a"], ["a", 1], ["a", 2], ["a", 2, "x"], ["a", "b"], ["ab"], ["ab", 1]];
    await store.commit([], keys.toReversed().map((key) => set(key, 0)));
    assert.deepEqual(await listed(store, { prefix: ["a"] }), [["a", "b"], ["a", 1], ["a", 2], ["a", 2, "x"]]);
    assert.deepEqual(await listed(store, { prefix: [] }), [
      ["a"],
      ["a", "b"],
      ["a", 1],
      ["a", 2],
      ["a", 2, "x"],
      ["ab"],
      ["ab", 1],
    ]);
    assert.deepEqual(await listed(store, { prefix: ["c"] }), []);
  },

  async "lists from start (inclusive) to end (exclusive)"(store) {
    await store.commit([], numbers(10).map((n) => set(["n", n], n)));
    assert.deepEqual(await listed(store, { prefix: ["n"], start: ["n", 7] }), [["n", 7], ["n", 8], ["n", 9]]);
    assert.deepEqual(await listed(store, { prefix: ["n"], end: ["n", 2] }), [["n", 0], ["n", 1]]);
    const both = { prefix: ["n"], start: ["n", 3], end: ["n", 5] };
    assert.deepEqual(await listed(store, both), [["n", 3], ["n", 4]]);
    assert.deepEqual(await listed(store, { prefix: ["n"], start: ["n", 5], end: ["n", 5] }), []);
    assert.deepEqual(await listed(store, { prefix: ["n"], start: ["n", 5], end: ["n", 3] }), []);
  },

  async "lists up to the limit, from the end when reversed"(store) {
    await store.commit([], numbers(600).map((n) => set(["n", n], n)));
    const all = await store.list({ prefix: ["n"] }, { limit: store.limits.listBatch });
    assert.deepEqual(all.map((entry) => entry.value), numbers(store.limits.listBatch));
    const last = await store.list({ prefix: ["n"] }, { limit: 3, reverse: true });
    assert.deepEqual(last.map((entry) => entry.value), [599, 598, 597]);
    const before = await store.list({ prefix: ["n"], end: ["n", 598] }, { limit: 2, reverse: true });
    assert.deepEqual(before.map((entry) => entry.value), [597, 596]);
  },

  async "refuses a list that is no single read, and bounds outside of the prefix"(store) {
    for (const limit of [0, -1, 1.5, NaN, store.limits.listBatch + 1]) {
      await assert.rejects(store.list({ prefix: ["a"] }, { limit }), RangeError);
    }
    for (const key of [["a"], ["b", 1]]) {
      await assert.rejects(store.list({ prefix: ["a"], start: key }, { limit: 1 }), RangeError);
      await assert.rejects(store.list({ prefix: ["a"], end: key }, { limit: 1 }), RangeError);
      await assert.rejects(
        store.list({ prefix: ["a"], start: key, end: ["a", 1] }, { limit: 1 }),
        RangeError,
      );
    }
  },

  async "orders key parts by type, then by value"(store) {
    const parts = [
      bytes(),
      bytes(0),
      bytes(0, 0),
      bytes(0, 1),
      bytes(1),
      bytes(255),
      "",
      "\0",
      "\0a",
      "\x01",
      "Z",
      "a",
      "a\0",
      "ab",
      "é",
      "€",
      "\uffee", // after a surrogate pair in UTF-16, before it in UTF-8
      "😀",
      -(1n << 100n),
      -(1n << 64n),
      -(1n << 64n) + 1n,
      -256n,
      -255n,
      -1n,
      0n,
      1n,
      255n,
      256n,
      (1n << 64n) - 1n,
      1n << 64n,
      1n << 100n,
      -Infinity,
      -1.5,
      -1,
      -0,
      0,
      5e-324,
      1,
      1.5,
      2 ** 53,
      Infinity,
      false,
      true,
    ];
    await store.commit([], parts.toReversed().map((part) => set(["p", part], 0)));
    assert.deepEqual(await listed(store, { prefix: ["p"] }), parts.map((part) => ["p", part]));
  },

  async "stores a lone surrogate as the replacement character"(store) {
    await store.commit([], [set(["\ud800"], 1)]);
    assert.deepEqual(await listed(store, { prefix: [] }), [["\ufffd"]]);
    assert.equal((await one(store, ["\ud800"]))?.value, 1);
  },

  async "keeps values apart from the caller's"(store) {
    const value = bytes(1);
    const key = ["a", bytes(1)];
    const commit = store.commit([], [set(key, value)]);
    value[0] = 9;
    await commit;
    const read = await one(store, key);
    assert.deepEqual(read?.value, bytes(1));
    (read!.value as Uint8Array)[0] = 9;
    assert.deepEqual((await one(store, key))?.value, bytes(1));
  },

  async "stores what V8 can serialize"(store) {
    const values = [null, undefined, "text", 1.5, 10n, [1, [2]], { a: new Map([["b", new Date(0)]]) }];
    await store.commit([], values.map((value, n) => set(["v", n], value)));
    const found = await store.getMany(values.map((_, n) => ["v", n]));
    assert.deepEqual(found.map((entry) => entry?.value), values);
    await store.commit([], [set(["count"], new Deno.KvU64(7n))]);
    assert.deepEqual((await one(store, ["count"]))?.value, new Deno.KvU64(7n));
  },

  async "takes a commit as large as its limits"(store) {
    const { checks, mutations } = store.limits;
    const absent = numbers(checks).map((n) => ({ key: ["absent", n], versionstamp: null }));
    assert(await store.commit(absent, numbers(mutations).map((n) => set(["n", n], n))));
    assert(await store.commit([], [set(["x".repeat(2046)], bytes()), set(["v"], new Uint8Array(65_536))]));
  },

  async "refuses a commit that can never be accepted, and applies nothing of it"(store) {
    const { checks, mutations } = store.limits;
    const absent = (count: number) => numbers(count).map((n) => ({ key: ["absent", n], versionstamp: null }));
    const refused: [string, Parameters<Store["commit"]>][] = [
      ["checks", [absent(checks + 1), []]],
      ["mutations", [[], numbers(mutations + 1).map((n) => set(["n", n], n))]],
      ["value", [[], [set(["n", 0], new Uint8Array(65_537))]]],
      ["structured value", [[], [set(["n", 0], "€".repeat(40_000))]]],
      ["key", [[], [set(["n", "x".repeat(2048)], 0)]]],
      ["deleted key", [[], [remove(["x".repeat(2048)])]]],
      ["checked key", [[{ key: ["x".repeat(2048)], versionstamp: null }], []]],
      ["empty key", [[], [set([], 0)]]],
      ["bytes", [[], numbers(13).map((n) => set(["n", n], new Uint8Array(65_000)))]],
      ["key bytes", [[], numbers(50).map((n) => set(["n", "x".repeat(2000), n], 0))]],
      ["function", [[], [set(["n", 0], () => 0)]]],
      ["key part", [[], [set(["n", null as unknown as string], 0)]]],
      ["bigint", [[], [set(["n", 1n << 3000n], 0)]]],
      ["versionstamp", [[{ key: ["a"], versionstamp: "never" }], []]],
    ];
    for (const [what, [checks, mutations]] of refused) {
      const commit = store.commit(checks, [set(["n", "first"], 0), ...mutations]);
      await assert.rejects(commit, RefusedCommitError, what);
    }
    assert.deepEqual(await listed(store, { prefix: [] }), []);
  },

  async "serves no more once it is closed"(store) {
    store.close();
    store.close();
    await assert.rejects(store.getMany([["a"]]), StoreBrokenError);
    await assert.rejects(store.list({ prefix: ["a"] }, { limit: 1 }), StoreBrokenError);
    await assert.rejects(store.commit([], []), StoreBrokenError);
  },
};

/** On the way to a server a read may overtake a commit (of 1000 pairs 410 did, without TLS). */
const LOCAL_CASES: typeof CASES = {
  async "shows a commit to a read that was asked after it"(store) {
    const commit = store.commit([], [set(["a"], 1)]);
    assert.equal((await one(store, ["a"]))?.value, 1);
    await commit;
  },
};

function set(key: Key, value: unknown): Mutation {
  return { type: "set", key, value };
}

function remove(key: Key): Mutation {
  return { type: "delete", key };
}

function bytes(...values: number[]): Uint8Array {
  return new Uint8Array(values);
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

async function one(store: Store, key: Key): Promise<Entry | null> {
  return (await store.getMany([key]))[0]!;
}

async function listed(store: Store, range: Parameters<Store["list"]>[0]): Promise<Key[]> {
  return (await store.list(range, { limit: store.limits.listBatch })).map((entry) => entry.key);
}
