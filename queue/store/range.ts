/**
 * The meaning of a range of keys, the same in every adapter.
 *
 * @module
 */
import { keyId } from "./key_id.ts";
import type { KeyRange, StoreLimits } from "./port.ts";

/** A range as two ids: from the first (inclusive) to the second (exclusive). */
export interface IdRange {
  readonly from: string;
  readonly to: string;
}

/**
 * Finds the ids between which a range lies. The prefix itself is not part of its range, and a range whose end is at or
 * before its start is empty.
 *
 * @throws {RangeError} when `start` or `end` is not under the prefix
 */
export function idsOf(range: KeyRange): IdRange {
  const prefix = keyId(range.prefix);
  return { from: bound("start") ?? `${prefix}\0`, to: bound("end") ?? `${prefix}\xff` };

  function bound(side: "start" | "end"): string | null {
    const key = range[side];
    if (key === undefined) return null;
    const id = keyId(key);
    if (id.length > prefix.length && id.startsWith(prefix)) return id;
    throw new RangeError(`Range's ${side} must be under its prefix: [${key.join(", ")}]`);
  }
}

/** @throws {RangeError} when the store cannot read that many entries at once */
export function assertListLimit(limit: number, limits: StoreLimits): void {
  if (Number.isInteger(limit) && limit > 0 && limit <= limits.listBatch) return;
  throw new RangeError(`List limit must be an integer from 1 to ${limits.listBatch}: ${limit}`);
}
