/**
 * The weight of a unit, measured before it queues: a unit that is too large or invalid must not poison a batch.
 *
 * @module
 */
import { RefusedCommitError } from "../ground/errors.ts";
import { keyId } from "../store/key_id.ts";
import type { StoreLimits } from "../store/port.ts";
import { mutationSizeWith } from "../store/size.ts";
import type { Unit } from "../rows/unit.ts";

/** Bytes that a lane's own check and mutation take of a commit. */
export const LANE_BYTES = 1024;

/** A unit's weight, and its keys as text to find conflicts by. A fresh unit's mutations conflict with nothing. */
export interface Load {
  readonly checkIds: readonly string[];
  readonly mutationIds: readonly string[];
  /** Toward the store's limit `bytes`. */
  readonly bytes: number;
  /** Toward the store's limit `keyBytes`. */
  readonly keyBytes: number;
}

const NONE: readonly string[] = [];

/**
 * Weighs a unit as `store/size.ts` says. Each key is turned into text once: that is the most expensive part.
 *
 * @throws {RefusedCommitError} when the store could never take it
 */
export function weigh(unit: Unit, limits: StoreLimits): Load {
  let bytes = 0;
  let keyBytes = 0;
  const checkIds: string[] = [];
  const mutationIds: string[] = [];
  try {
    for (const { key } of unit.checks) {
      const id = keyId(key);
      bytes += id.length;
      checkIds.push(id);
    }
    for (const mutation of unit.mutations) {
      const id = keyId(mutation.key);
      bytes += mutationSizeWith(mutation, id.length);
      if (mutation.type === "set") keyBytes += id.length;
      mutationIds.push(id);
    }
  } catch (cause) {
    throw new RefusedCommitError(`Commit cannot be stored: ${(cause as Error).message}`, { cause });
  }
  if (
    bytes > limits.bytes - LANE_BYTES || keyBytes > limits.keyBytes - LANE_BYTES ||
    unit.checks.length > limits.checks - 1 || unit.mutations.length > limits.mutations - 1
  ) {
    throw new RefusedCommitError(
      `Commit is too large for the store: ${unit.checks.length} checks (at most ${limits.checks - 1}), ` +
        `${unit.mutations.length} mutations (at most ${limits.mutations - 1}), ` +
        `${bytes} bytes (at most ${limits.bytes - LANE_BYTES}), ` +
        `${keyBytes} bytes of keys (at most ${limits.keyBytes - LANE_BYTES})`,
    );
  }
  return unit.fresh
    ? { checkIds, mutationIds: NONE, bytes, keyBytes }
    : { checkIds, mutationIds, bytes, keyBytes };
}
