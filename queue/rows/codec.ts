/**
 * How the values of the engine's own rows become bytes: as JSON in UTF-8. A string value would take two bytes a
 * character as soon as one of them is not Latin-1, and the size of bytes is known before they are sent. The speed is
 * that of V8's serialization of objects (106-154 thousand rows a second, docs/performance.md).
 *
 * @module
 */
import type { Entry } from "../store/port.ts";
import { wellFormed } from "../ground/well_formed.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Encodes a row's value, with its texts made well-formed. `undefined` fields are left out; without JSON it is `null`. */
export function encode(value: unknown): Uint8Array {
  return encodeText(JSON.stringify(value) ?? "null");
}

/** {@link encode}, of a value that is JSON already. */
export function encodeText(json: string): Uint8Array {
  return encoder.encode(wellFormed(json));
}

/** Decodes a row's value. Rows of earlier versions may hold texts that are not well-formed. */
export function decode<Row>(value: unknown): Row {
  return JSON.parse(wellFormed(decoder.decode(value as Uint8Array)));
}

/** Decodes an entry's value; `null` for an absent entry. */
export function decodeEntry<Row>(entry: Entry | null | undefined): Row | null {
  return entry ? decode<Row>(entry.value) : null;
}
