/**
 * The sizes of keys and values: the bytes that Deno's KV client counts toward its limits, before they are sent.
 *
 * The client counts a set's key twice and a delete's or a check's once; toward the sum of key bytes it counts the keys
 * of sets alone (ext/kv/lib.rs of Deno 2.9). `tests/queue/store/size_test.ts` holds these functions to the real limits.
 *
 * @module
 */
import { Serializer } from "node:v8";
import { keyId } from "./key_id.ts";
import type { Check, Key, Mutation } from "./port.ts";

/** The largest key that may be written, in bytes as {@link keySize} counts them. */
export const MAX_KEY_SIZE = 2048;

/** The largest value, in bytes as {@link valueSize} counts them. */
export const MAX_VALUE_SIZE = 65536;

/** The bytes of a key as the store encodes it. */
export function keySize(key: Key): number {
  return keyId(key).length;
}

/**
 * The bytes of a value as the store serializes it: bytes as they are, a `Deno.KvU64` as eight, all else as V8 writes it
 * for storage.
 *
 * @throws {Error} `DataCloneError` when the value cannot be stored
 */
export function valueSize(value: unknown): number {
  if (value instanceof Uint8Array) return value.byteLength;
  if (value instanceof Deno.KvU64) return 8;
  const serializer = new Serializer();
  serializer.writeHeader();
  serializer.writeValue(value);
  return serializer.releaseBuffer().byteLength;
}

/** The bytes that a mutation adds to its commit (limit `bytes`). */
export function mutationSize(mutation: Mutation): number {
  return mutationSizeWith(mutation, keySize(mutation.key));
}

/** The same as {@link mutationSize} where the size of the key is known: measuring the key is the dearest part. */
export function mutationSizeWith(mutation: Mutation, key: number): number {
  return mutation.type === "set" ? 2 * key + valueSize(mutation.value) : key;
}

/** The bytes that a mutation adds to its commit's keys (limit `keyBytes`): a delete adds none. */
export function mutationKeySize(mutation: Mutation): number {
  return mutation.type === "set" ? keySize(mutation.key) : 0;
}

/** The bytes that a check adds to its commit (limit `bytes`). */
export function checkSize(check: Check): number {
  return keySize(check.key);
}
