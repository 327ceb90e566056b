/**
 * Idempotent submit (invariant 6): a key that comes with a request stands for the tasks of the first request that came
 * with it. Keys that definitions make of arguments: `definition_keys.ts`.
 *
 * A key is taken in the commit that stores its tasks, and never looked at by a run. So there is no moment in which a
 * crash could leave a key without its task: a task that was rescued runs again, whatever keys there are.
 *
 * @module
 */
import type { Base } from "../engine.ts";
import { IdempotencyConflictError, InvalidTaskError } from "../ground/errors.ts";
import { getTask, type Reading } from "../task/read.ts";
import type { IdempotencyRow } from "../rows/record.ts";
import { decodeEntry } from "../rows/codec.ts";
import type { Check, Entry, Key } from "../store/port.ts";
import { put, type Unit } from "../rows/unit.ts";
import type { Idempotency, Task } from "../ground/task.ts";

/** What the scopes of definitions' keys start with. */
export const DEFINITION_SCOPE = "task:";

/** A request's key, and the wall-clock time until which it counts. */
export type Keyed = Idempotency & { readonly expiresAt: number };

/** A request's key, if it has one, that counts from now on. */
export function keyedAt(
  { settings }: Pick<Base, "settings">,
  idempotency: Idempotency | undefined,
  now: number,
): Keyed | undefined {
  return idempotency && { ...idempotency, expiresAt: now + settings.idempotencyTtl * 1000 };
}

/**
 * Looks a request's key up and prepares its claim.
 *
 * @param made what the key will stand for
 * @returns `first`: the row of the request that came first; else the unit that takes the key, under check that nobody
 *   else did
 * @throws {IdempotencyConflictError} when the key came with another request
 */
export async function idempotencyUnit(
  engine: Reading,
  keyed: Keyed,
  made: readonly { readonly id: string }[],
): Promise<{ first?: IdempotencyRow; unit: Unit }> {
  if (keyed.scope.startsWith(DEFINITION_SCOPE)) {
    throw new TypeError(
      `Cannot use scope '${keyed.scope}' as '${DEFINITION_SCOPE}…' are the definitions' own`,
    );
  }
  if (!/^[\x21-\x7e]{1,255}$/.test(keyed.key)) {
    const detail = "must be 1 to 255 visible ASCII characters";
    throw new InvalidTaskError([{ pointer: "/idempotency_key", detail }]);
  }
  const key = engine.keys.idempotency(keyed.scope, keyed.key);
  const [entry] = await engine.store.getMany([key]);
  const row = decodeEntry<IdempotencyRow>(entry);
  const { fingerprint, expiresAt } = keyed;
  const unit = takeUnit(key, { ids: made.map(({ id }) => id), fingerprint, expiresAt }, [entry]);
  if (!row || row.expiresAt <= engine.clock.now()) return { unit };
  if (row.fingerprint !== fingerprint) throw new IdempotencyConflictError(keyed.key);
  return { first: row, unit };
}

/** The tasks that a key stands for, as they are now. */
export function replay(engine: Reading, row: IdempotencyRow): Promise<Task[]> {
  return Promise.all(row.ids.map((id) => getTask(engine, id)));
}

/** Takes a key whose row is, or is not, as it was found; so must be what else was found. */
export function takeUnit(
  key: Key,
  row: IdempotencyRow,
  [entry, ...others]: (Entry | null | undefined)[],
): Unit {
  const checks: Check[] = [{ key, versionstamp: entry?.versionstamp ?? null }];
  for (const other of others) if (other) checks.push(other);
  return { checks, mutations: [put(key, row)] };
}

/** A value as JSON that does not depend on the order of objects' fields. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, sortedFields);
}

function sortedFields(_field: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
}
