import assert from "node:assert/strict";
import { LOCAL_LIMITS } from "../../../queue/store/limits.ts";
import type { Check, Key, Mutation } from "../../../queue/store/port.ts";
import {
  checkSize,
  keySize,
  MAX_KEY_SIZE,
  MAX_VALUE_SIZE,
  mutationKeySize,
  mutationSize,
  valueSize,
} from "../../../queue/store/size.ts";

Deno.test("keySize() is what the client counts, to the byte", async () => {
  const heads: Key[] = [
    [],
    ["a\0b", "é€😀", "\ud800"],
    [0, -0, -1.5, NaN, Infinity],
    [0n, 1n, -1n, 255n, 256n, -256n, 1n << 63n, 1n << 64n, -(1n << 64n), 1n << 400n, -(1n << 400n)],
    [true, false, new Uint8Array([0, 1, 0, 255])],
  ];
  for (const head of heads) {
    const fill = MAX_KEY_SIZE - keySize(head) - 2;
    const largest = [...head, "x".repeat(fill)];
    assert.equal(keySize(largest), MAX_KEY_SIZE);
    await accepted([], [{ type: "delete", key: largest }]);
    await refused([], [{ type: "delete", key: [...head, "x".repeat(fill + 1)] }], "Key too large");
  }
});

Deno.test("valueSize() is what the client counts, to the byte", async () => {
  const kinds: ((fill: string) => unknown)[] = [
    (fill) => fill,
    // Text of two bytes a character is aligned, so it stands before the fill.
    (fill) => ({ u: "€", n: 1, f: 0.5, list: [1, , "é", null, undefined, true], z: 1n << 70n, fill }),
    (fill) => [fill, new Date(0), /a/g, new Error("no"), new Map([[1, new Set(["a"])]])],
    (fill) => [fill, new Uint8Array(new ArrayBuffer(100), 3, 4), new Float64Array(3), new ArrayBuffer(5)],
    (fill) => new Uint8Array(fill.length),
  ];
  for (const kind of kinds) {
    // The length before the text takes as many bytes at 16 KiB as at 64.
    const fill = "x".repeat(20_000 + MAX_VALUE_SIZE - valueSize(kind("x".repeat(20_000))));
    assert.equal(valueSize(kind(fill)), MAX_VALUE_SIZE);
    await accepted([], [{ type: "set", key: ["a"], value: kind(fill) }]);
    await refused([], [{ type: "set", key: ["a"], value: kind(fill + "x") }], "Value too large");
  }
  assert.equal(valueSize(new Deno.KvU64(1n)), 8);
});

Deno.test("mutationSize() and checkSize() add up to what the client counts for a commit, to the byte", async () => {
  const checks = Array.from({ length: 100 }, (_, n): Check => ({ key: ["lane", n], versionstamp: null }));
  const rows = Array.from({ length: 500 }, (_, n): Mutation => ({
    type: "set",
    key: ["sluice", "task", crypto.randomUUID(), n],
    value: new Uint8Array(1000),
  }));
  const gone = rows.map(({ key }): Mutation => ({ type: "delete", key: ["gone", ...key] }));
  const mutations = [...rows, ...gone.slice(0, 490)];
  const last = (value: number): Mutation => ({ type: "set", key: ["x"], value: new Uint8Array(value) });
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  const used = sum([...checks.map(checkSize), ...mutations.map(mutationSize)]);
  const fillers: Mutation[] = [];
  let left = LOCAL_LIMITS.bytes - used - mutationSize(last(0));
  for (; left > MAX_VALUE_SIZE; left -= mutationSize(last(60_000))) fillers.push(last(60_000));
  await accepted(checks, [...mutations, ...fillers, last(left)]);
  await refused(checks, [...mutations, ...fillers, last(left + 1)], "Total mutation size too large");
});

Deno.test("mutationKeySize() adds up to what the client counts for a commit's keys, to the byte", async () => {
  const long = (n: number, size: number): Key => ["x".repeat(size - 2 - 9), n];
  const set = (n: number, size: number): Mutation => ({ type: "set", key: long(n, size), value: 0 });
  const deletes = Array.from({ length: 100 }, (_, n): Mutation => ({ type: "delete", key: long(n, 2000) }));
  const sets = Array.from({ length: 40 }, (_, n) => set(n, 2000));
  assert.equal(mutationKeySize(sets[0]!), 2000);
  assert.equal(mutationKeySize(deletes[0]!), 0);
  const left = LOCAL_LIMITS.keyBytes - 40 * 2000;
  await accepted([], [...deletes, ...sets, set(99, left)]);
  await refused([], [...deletes, ...sets, set(99, left + 1)], "Total key size too large");
});

async function send(checks: readonly Check[], mutations: readonly Mutation[]): Promise<boolean> {
  using kv = await Deno.openKv(":memory:");
  return (await kv.atomic().check(...checks).mutate(...mutations).commit()).ok;
}

async function accepted(checks: readonly Check[], mutations: readonly Mutation[]): Promise<void> {
  assert(await send(checks, mutations));
}

async function refused(
  checks: readonly Check[],
  mutations: readonly Mutation[],
  reason: string,
): Promise<void> {
  await assert.rejects(send(checks, mutations), ({ message }: Error) => message.startsWith(reason));
}
