/**
 * The limits of stores, and the errors for asking more of one.
 *
 * @module
 */
import { RefusedCommitError } from "../ground/errors.ts";
import type { Check, Mutation, StoreLimits } from "./port.ts";
import { checkSize, keySize, MAX_KEY_SIZE, MAX_VALUE_SIZE, valueSize } from "./size.ts";

/** The limits of Deno's own database, in a file or in memory. */
export const LOCAL_LIMITS: StoreLimits = {
  checks: 100,
  mutations: 1000,
  bytes: 819_200,
  keyBytes: 81_920,
  listBatch: 500,
  lanes: 3,
};

/**
 * The limits of a KV server. A server takes a tenth of the checks, and its answers take a network's time; more commits
 * in flight make up for that (docs/operations.md). All other limits are those of Deno's client, which is the same.
 */
export const SERVER_LIMITS: StoreLimits = { ...LOCAL_LIMITS, checks: 10, lanes: 8 };

/**
 * Refuses what Deno KV's client would refuse.
 *
 * @throws {RefusedCommitError} when the commit is beyond a limit or holds what cannot be stored
 */
export function assertCommit(
  checks: readonly Check[],
  mutations: readonly Mutation[],
  limits: StoreLimits,
): void {
  atMost("Checks in a commit", checks.length, limits.checks);
  atMost("Mutations in a commit", mutations.length, limits.mutations);
  let bytes = 0;
  let keyBytes = 0;
  for (const check of checks) {
    if (check.versionstamp !== null && !/^[0-9a-f]{20}$/i.test(check.versionstamp)) {
      throw new RefusedCommitError(`Versionstamp must be 20 hex digits: '${check.versionstamp}'`);
    }
    bytes += assertKeySize(orRefuse(() => checkSize(check)));
  }
  for (const mutation of mutations) {
    const key = assertKeySize(orRefuse(() => keySize(mutation.key)));
    bytes += key;
    if (mutation.type === "delete") continue;
    const value = orRefuse(() => valueSize(mutation.value));
    atMost("Bytes of a value", value, MAX_VALUE_SIZE);
    bytes += key + value;
    keyBytes += key;
  }
  atMost("Bytes of a commit", bytes, limits.bytes);
  atMost("Bytes of a commit's keys", keyBytes, limits.keyBytes);
}

function assertKeySize(size: number): number {
  if (size === 0) throw new RefusedCommitError("Key must have at least one part");
  atMost("Bytes of a key", size, MAX_KEY_SIZE);
  return size;
}

function atMost(what: string, found: number, limit: number): void {
  if (found > limit) throw new RefusedCommitError(`${what} must be at most ${limit}: ${found}`);
}

function orRefuse<T>(measure: () => T): T {
  try {
    return measure();
  } catch (error) {
    throw new RefusedCommitError(`Commit cannot be stored: ${(error as Error).message}`, { cause: error });
  }
}
