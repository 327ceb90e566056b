/**
 * Shows stored rows to people, as keys and short values (docs/inspect.md). Nothing is written.
 *
 * @module
 */
import { keysHeldBy } from "../request/definition_keys.ts";
import { InvalidTaskError } from "../ground/errors.ts";
import { waitingKeys } from "../task/moves.ts";
import { findTask, type Reading } from "../task/read.ts";
import { makeCursor, readCursor } from "../rows/cursor.ts";
import { familyOf, type Namespace, partsOf } from "../rows/keys.ts";
import type { Entry, Key, KeyPart } from "../store/port.ts";

/** A stored key. */
export interface StoredKey {
  readonly key: readonly (string | number)[];
  /** The beginning of the value as text; for a chunk, its size. */
  readonly value: string;
  readonly versionstamp: string;
}

/** Most characters of a value that are shown. */
const SHOWN = 500;

/**
 * Lists a page of the keys whose parts begin with these texts, in the store's order. See `Queue.keys`.
 *
 * @throws {InvalidTaskError} for a limit or cursor that is not one
 */
export async function listKeys(
  engine: Namespace,
  { prefix = [], limit = 100, cursor }: KeyFilter,
): Promise<{ keys: StoredKey[]; cursor: string | null }> {
  if (!Number.isInteger(limit) || limit < 1 || limit > 500) {
    throw new InvalidTaskError([{
      pointer: "/limit",
      detail: `must be an integer from 1 to 500: got ${limit}`,
    }]);
  }
  const range = engine.keys.under(prefix);
  const start = cursor === undefined ? {} : { start: engine.keys.of([...prefix, ...nextOf(cursor, prefix)]) };
  const entries = await engine.store.list({ ...range, ...start }, { limit });
  const last = entries.length === limit ? partsOf(entries.at(-1)!.key) : null;
  return {
    keys: entries.map(shown),
    cursor: last && makeCursor([prefix, after(last.slice(prefix.length))]),
  };
}

/** The keys to list. */
export interface KeyFilter {
  /** The parts after the namespace: `["ready", "celery"]`. @default {all keys of the namespace} */
  readonly prefix?: readonly string[];
  /** 1 to 500. @default {100} */
  readonly limit?: number;
  /** Opaque; from the page before. */
  readonly cursor?: string;
}

/** Lists the stored keys that belong to one task. @throws {TaskNotFoundError} */
export async function keysOfTask(engine: Reading, id: string): Promise<StoredKey[]> {
  const { keys, store } = engine;
  const { record } = await findTask(engine, id);
  const named = await store.getMany([
    keys.task(id),
    keys.run(id),
    keys.revoke(id),
    ...waitingKeys(keys, record),
    ...(record.expiresAt === undefined ? [] : [keys.later(record.expiresAt, id)]),
    keys.ended("FAILURE", id),
    keys.ended("REVOKED", id),
    ...keysHeldBy(keys, record),
  ]);
  const chunks = record.argsChunks === undefined && record.resultChunks === undefined
    ? []
    : await store.list(keys.blobs(id), { limit: store.limits.listBatch });
  return [...named.filter((entry) => entry !== null), ...chunks].map(shown);
}

function shown({ key, value, versionstamp }: Entry): StoredKey {
  return { key: key.map(keyPart), value: textOf(key, value), versionstamp };
}

/** A part as JSON can hold it. The engine's own keys have no parts but texts and numbers. */
function keyPart(part: KeyPart): string | number {
  return typeof part === "number" ? part : String(part);
}

function textOf(key: Key, value: unknown): string {
  if (familyOf(key) === "blob") return `${(value as Uint8Array).length} bytes`;
  const text = value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** The first parts in key order that come after these, made of texts and numbers, which a cursor can hold. */
function after(parts: readonly KeyPart[]): KeyPart[] {
  const last = parts.at(-1)!;
  return [...parts.slice(0, -1), typeof last === "number" ? last + 1 : `${last}\0`];
}

/** Where the next page begins: the parts behind the prefix. */
function nextOf(cursor: string, prefix: readonly string[]): KeyPart[] {
  const [given, next] = readCursor(cursor) ?? [];
  const isKey = Array.isArray(next) && next.length > 0 &&
    next.every((part) => typeof part === "string" || Number.isFinite(part));
  if (isKey && JSON.stringify(given) === JSON.stringify(prefix)) return next;
  throw new InvalidTaskError([{
    pointer: "/cursor",
    detail: "must be a cursor from an earlier page of the same prefix",
  }]);
}
