/**
 * Idempotent submit (invariant 6): a key stands for the tasks of the first request that came with it.
 *
 * @module
 */
import type { Engine } from "./engine.ts";
import { IdempotencyConflictError, InvalidTaskError } from "./errors.ts";
import { getTask } from "./read.ts";
import type { IdempotencyRow } from "./record.ts";
import { decodeEntry } from "./store/codec.ts";
import { put, type Unit } from "./store/unit.ts";
import type { Idempotency, Task } from "./task.ts";

/**
 * Looks a key up and prepares its claim.
 *
 * @returns `first`: the row of the request that came first; else the unit that takes the key, under check that nobody
 *   else did
 * @throws {IdempotencyConflictError} when the key came with another request
 */
export async function idempotencyUnit(
  engine: Engine,
  keyed: Idempotency & { expiresAt: number },
  made: readonly { readonly id: string }[],
): Promise<{ first?: IdempotencyRow; unit: Unit }> {
  if (!/^[\x21-\x7e]{1,255}$/.test(keyed.key)) {
    const detail = "must be 1 to 255 visible ASCII characters";
    throw new InvalidTaskError([{ pointer: "/idempotency_key", detail }]);
  }
  const key = engine.keys.idempotency(keyed.scope, keyed.key);
  const [entry] = await engine.store.getMany([key]);
  const row = decodeEntry<IdempotencyRow>(entry);
  const unit: Unit = {
    checks: [{ key, versionstamp: entry?.versionstamp ?? null }],
    mutations: [put(
      key,
      {
        ids: made.map(({ id }) => id),
        fingerprint: keyed.fingerprint,
        expiresAt: keyed.expiresAt,
      } satisfies IdempotencyRow,
    )],
  };
  if (!row || row.expiresAt <= engine.clock.now()) return { unit };
  if (row.fingerprint !== keyed.fingerprint) throw new IdempotencyConflictError(keyed.key);
  return { first: row, unit };
}

/** The tasks that a key stands for, as they are now. */
export function replay(engine: Engine, row: IdempotencyRow): Promise<Task[]> {
  return Promise.all(row.ids.map((id) => getTask(engine, id)));
}
