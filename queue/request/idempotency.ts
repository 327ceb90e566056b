/**
 * Idempotent submit (invariant 6): the key of a request stands for the tasks of the first request with that key. Keys
 * that definitions make from arguments are in `definition_keys.ts`.
 *
 * A key is taken in the commit that stores its tasks, so a crash cannot leave a key without its tasks. A run never
 * looks at keys: a task that was rescued runs again, whatever keys there are.
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

/** Prefix of the scopes of definitions' keys. */
export const DEFINITION_SCOPE = "task:";

/** A request's key, and the wall-clock time until which the key counts. */
export type Keyed = Idempotency & { readonly expiresAt: number };

/** Gives a request's key, if there is one, the time until which it counts when it is taken now. */
export function keyedAt(
  { settings }: Pick<Base, "settings">,
  idempotency: Idempotency | undefined,
  now: number,
): Keyed | undefined {
  return idempotency && { ...idempotency, expiresAt: now + settings.idempotencyTtl * 1000 };
}

/**
 * Looks up a request's key, and prepares the unit that takes it.
 *
 * @param made the tasks, or the workflow's root, that the key will stand for
 * @returns `first`: the row of an earlier request with the key, if there is one; otherwise `unit` takes the key, under
 *   check that no other request has taken it meanwhile
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

/** Reads the tasks that a key stands for, as they are now. */
export function replay(engine: Reading, row: IdempotencyRow): Promise<Task[]> {
  return Promise.all(row.ids.map((id) => getTask(engine, id)));
}

/** Takes a key, under check that its row is still as it was found, or still absent; so with all `others` that exist. */
export function takeUnit(
  key: Key,
  row: IdempotencyRow,
  [entry, ...others]: (Entry | null | undefined)[],
): Unit {
  const checks: Check[] = [{ key, versionstamp: entry?.versionstamp ?? null }];
  for (const other of others) if (other) checks.push(other);
  return { checks, mutations: [put(key, row)] };
}

/** Writes a value as JSON with the fields of objects sorted. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, sortedFields);
}

function sortedFields(_field: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
}
