/**
 * Task ids: UUIDv7 (RFC 9562 §5.7), so that ids sort by time. Keys in time order matter: a store takes 154 thousand
 * rows a second in order and 26 thousand in random order (docs/performance.md).
 *
 * @module
 */
import type { Clock } from "./clock.ts";

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const DIGITS = "0123456789abcdef";

/**
 * Makes an id source whose ids grow strictly, even within a millisecond and when the clock steps back: the 12 bits
 * after the time count up from a random start (RFC 9562 §6.2, method 1), the other 62 bits are random.
 *
 * ```text
 * 0193 9d5e 7c1e - 7 ccc - v rrr - rrrr rrrr rrrr
 * time, 48 bits    | count | random, 62 bits
 *                  version variant
 * ```
 */
export function idSource(clock: Clock): () => string {
  let time = 0;
  let count = 0;
  const pool = new Uint8Array(10 * 512);
  let used = pool.length;
  return () => {
    const now = clock.now();
    if (used === pool.length) {
      crypto.getRandomValues(pool);
      used = 0;
    }
    const r = pool.subarray(used, used += 10);
    if (now > time) {
      time = now;
      count = (r[0]! << 2) | (r[1]! & 3); // below 1024: at least 3072 more ids fit in this millisecond
    } else if (++count > 0xfff) {
      time++;
      count = 0;
    }
    const high = time.toString(16).padStart(12, "0");
    return `${high.slice(0, 8)}-${high.slice(8)}-7${HEX[count >> 4]}${DIGITS[count & 15]}-` +
      `${HEX[0x80 | (r[2]! & 0x3f)]}${HEX[r[3]!]}-${HEX[r[4]!]}${HEX[r[5]!]}${HEX[r[6]!]}${HEX[r[7]!]}` +
      `${HEX[r[8]!]}${HEX[r[9]!]}`;
  };
}

/** Whether a text could be a task id. */
export function isTaskId(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}

/** Whether an id was made before a moment; a UUID that no id source can have made was not. */
export function isOlder(id: string, milliseconds: number): boolean {
  return /^.{14}7.{4}[89ab]/.test(id) && timeOfId(id) < milliseconds;
}

/** The time at which an id was made, in milliseconds since 1970. */
export function timeOfId(id: string): number {
  return parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The smallest id of a moment: every id made earlier sorts below it. */
export function firstIdAt(milliseconds: number): string {
  const high = Math.max(0, Math.floor(milliseconds)).toString(16).padStart(12, "0");
  return `${high.slice(0, 8)}-${high.slice(8)}-7000-8000-000000000000`;
}
