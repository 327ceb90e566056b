/**
 * Copies of values and keys, for a writer who goes on to change its own.
 *
 * @module
 */
import type { Key } from "./port.ts";

/**
 * Copies a value: bytes at a tenth of the price of `structuredClone`; primitives need no copy.
 *
 * @throws {Error} `DataCloneError` when the value cannot be stored
 */
export function copyValue(value: unknown): unknown {
  // No `slice`, which is a view of a node Buffer.
  if (value instanceof Uint8Array) return new Uint8Array(value);
  return typeof value === "object" && !(value instanceof Deno.KvU64) ? structuredClone(value) : value;
}

/** Copies a key and its bytes. */
export function copyKey(key: Key): Key {
  return key.map((part) => part instanceof Uint8Array ? new Uint8Array(part) : part);
}
