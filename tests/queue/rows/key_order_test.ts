import assert from "node:assert/strict";
import fc from "fast-check";
import { keyId } from "../../../queue/store/key_id.ts";
import { kvStore } from "../../../queue/store/kv_store.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import type { Check, Entry, Key, KeyPart, Mutation, Store } from "../../../queue/store/port.ts";

const part: fc.Arbitrary<KeyPart> = fc.oneof(
  fc.constantFrom("", "a", "a\0", "ab", "é", 0, 1, true),
  fc.string({ unit: "binary" }),
  fc.double({ noNaN: true }),
  fc.bigInt({ min: -(1n << 80n), max: 1n << 80n }),
  fc.uint8Array({ maxLength: 4 }),
  fc.boolean(),
);
const keyOf = (parts: fc.Arbitrary<KeyPart>) => fc.array(parts, { minLength: 1, maxLength: 4 });

Deno.test("keyId() sorts any keys as Deno KV does, and tells any two apart", async () => {
  using kv = await Deno.openKv(":memory:");
  await fc.assert(fc.asyncProperty(fc.array(keyOf(part), { minLength: 1, maxLength: 30 }), async (keys) => {
    const byId = new Map(keys.map((key) => [keyId(key), key]));
    const write = kv.atomic();
    for (const key of keys) write.set(key, 0);
    await write.commit();
    const stored = await Array.fromAsync(kv.list({ prefix: [] }), (entry) => entry.key as Key);
    const clear = kv.atomic();
    for (const key of keys) clear.delete(key);
    await clear.commit();
    assert.deepEqual(stored, [...byId.keys()].sort().map((id) => byId.get(id)));
    assert.deepEqual(stored.map(keyId), [...byId.keys()].sort());
  }));
});

// Few parts, so that keys, prefixes and bounds meet each other.
const near = keyOf(fc.constantFrom<KeyPart>("a", "b", 0, 1, 1n, true, new Uint8Array([1])));
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ type: fc.constant("set" as const), key: near, value: fc.integer() }),
  fc.record({ type: fc.constant("delete" as const), key: near }),
);
const step = fc.oneof(
  fc.record({
    mutations: fc.array(mutation, { maxLength: 6 }),
    // Of each key checked: whether the check is to hold.
    checks: fc.array(fc.tuple(near, fc.integer({ max: 9 }).map((n) => n > 0)), { maxLength: 3 }),
  }),
  fc.record({
    prefix: fc.oneof(fc.constant([]), near),
    start: fc.option(near),
    end: fc.option(near),
    limit: fc.integer({ min: 1, max: 8 }),
    reverse: fc.boolean(),
  }),
);

Deno.test("memoryStore() answers any commits and lists as Deno KV does", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
    const memory = memoryStore();
    const kv = kvStore(await Deno.openKv(":memory:"));
    try {
      for (const step of steps) {
        if ("mutations" in step) {
          const committed = await Promise.all([memory, kv].map((store) => commit(store, step)));
          assert.equal(committed[0], committed[1]);
        } else {
          const { prefix, limit, reverse } = step;
          const start = step.start && { start: [...prefix, ...step.start] };
          const end = step.end && { end: [...prefix, ...step.end] };
          const range = { prefix, ...start, ...end };
          const lists = await Promise.all([memory, kv].map((store) => store.list(range, { limit, reverse })));
          assert.deepEqual(plain(lists[0]!), plain(lists[1]!));
        }
      }
      const all = await Promise.all([memory, kv].map((store) => store.list({ prefix: [] }, { limit: 500 })));
      assert.deepEqual(plain(all[0]!), plain(all[1]!));
    } finally {
      kv.close();
    }
  }));
});

interface Commit {
  readonly mutations: readonly Mutation[];
  readonly checks: readonly (readonly [key: Key, holds: boolean])[];
}

/** Versionstamps differ between stores: checks are made from what the store itself holds. */
async function commit(store: Store, { mutations, checks }: Commit): Promise<boolean> {
  const found = await store.getMany(checks.map(([key]) => key));
  const sent = checks.map(([key, holds], n): Check => {
    const versionstamp = found[n]?.versionstamp ?? null;
    return { key, versionstamp: holds ? versionstamp : versionstamp === null ? "0".repeat(20) : null };
  });
  return await store.commit(sent, mutations) !== null;
}

function plain(entries: readonly Entry[]): unknown[] {
  return entries.map(({ key, value }) => [key, value]);
}
