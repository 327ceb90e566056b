/**
 * Arguments and results: JSON, inline in the record up to {@link INLINE_BYTES}, above that in `blob` rows written by
 * the same commit, up to {@link PAYLOAD_BYTES}.
 *
 * @module
 */
import { ResultNotSerializable, ResultTooLarge } from "../ground/errors.ts";
import type { TaskRecord } from "./record.ts";
import { decode, encode } from "./codec.ts";
import { wellFormed } from "../ground/well_formed.ts";
import type { BlobPart, Keys } from "./keys.ts";
import type { Mutation, Store } from "../store/port.ts";
import { del, putRaw } from "./unit.ts";
import type { Json } from "../ground/task.ts";

/**
 * Bytes of the largest arguments, and of the largest result, that are kept in the record. Both and an error fit in a
 * value of 64 KiB. Larger ones are kept in chunks, so that no change of the record writes them anew.
 */
export const INLINE_BYTES = 16 * 1024;

/** Bytes of a task's largest arguments, and of its largest result. */
export const PAYLOAD_BYTES = 512 * 1024;

/** Levels of objects in objects at most; `JSON.stringify` overflows the stack at some thousands. */
const DEEPEST = 1000;

/** Bytes of a full chunk, below the store's 64 KiB for a value. */
export const CHUNK_BYTES = 60 * 1024;

/** Bytes of a value as JSON. */
export function jsonSize(value: unknown): number {
  return encode(value).length;
}

/** How many chunks a part of so many bytes is kept in; `undefined` when it is kept inline. */
export function chunkCount(bytes: number): number | undefined {
  return bytes > INLINE_BYTES ? Math.ceil(bytes / CHUNK_BYTES) : undefined;
}

/** Least bytes of a record's result as JSON, as far as the record itself tells. */
export function leastSize({ result, resultChunks }: Pick<TaskRecord, "result" | "resultChunks">): number {
  if (resultChunks === undefined) return jsonSize(result ?? null);
  return Math.max(INLINE_BYTES, (resultChunks - 1) * CHUNK_BYTES);
}

/** Encodes the row of a record: without the id, which is in the key, and without parts that are kept in chunks. */
export function pack({ id: _, ...row }: TaskRecord): Uint8Array {
  if (row.argsChunks !== undefined) delete row.args;
  if (row.resultChunks !== undefined) delete row.result;
  return encode(row);
}

/** Makes the mutations that write the chunks of a part, for the commit of the record that first counts them. */
export function putChunks(keys: Keys, id: string, part: BlobPart, value: unknown): Mutation[] {
  const bytes = encode(value);
  return Array.from(
    { length: chunkCount(bytes.length) ?? 0 },
    (_, n) => putRaw(keys.blob(id, part, n), bytes.slice(n * CHUNK_BYTES, (n + 1) * CHUNK_BYTES)),
  );
}

/** Completes a record's `args` and `result` from their chunks. */
export async function unpack(
  store: Pick<Store, "getMany">,
  keys: Keys,
  record: TaskRecord,
): Promise<TaskRecord> {
  if (record.argsChunks === undefined && record.resultChunks === undefined) return record;
  return {
    ...record,
    ...(record.argsChunks !== undefined && record.args === undefined && {
      args: await readChunks(store, keys, record.id, "args", record.argsChunks) as Json[],
    }),
    ...(record.resultChunks !== undefined && {
      result: await readChunks(store, keys, record.id, "result", record.resultChunks),
    }),
  };
}

async function readChunks(
  store: Pick<Store, "getMany">,
  keys: Keys,
  id: string,
  part: BlobPart,
  count: number,
): Promise<Json> {
  const entries = await store.getMany(Array.from({ length: count }, (_, n) => keys.blob(id, part, n)));
  const decoder = new TextDecoder();
  let text = "";
  for (const entry of entries) {
    // Retention has deleted the chunks since the record was read.
    if (!entry) return null;
    text += decoder.decode(entry.value as Uint8Array, { stream: true });
  }
  return JSON.parse(wellFormed(text + decoder.decode()));
}

/** Makes the mutations that delete a record's chunks. */
export function dropChunks(keys: Keys, record: TaskRecord): Mutation[] {
  const drop = (name: BlobPart, count = 0) =>
    Array.from({ length: count }, (_, n) => del(keys.blob(record.id, name, n)));
  return [...drop("args", record.argsChunks), ...drop("result", record.resultChunks)];
}

/**
 * Turns a handler's return value or progress report into what is stored of it.
 *
 * @throws {ResultNotSerializable} naming the first place that JSON cannot carry
 */
function toJson(value: unknown, called: "result" | "progress"): Json {
  switch (typeof value) {
    case "undefined":
      return null;
    case "boolean":
      return value;
    case "string":
      return value.toWellFormed();
    case "number":
      if (Number.isFinite(value)) return value;
  }
  const fault = unserializable(value, called, new Set());
  if (fault) throw new ResultNotSerializable(fault);
  return value as Json;
}

/**
 * Turns a handler's return value into what its record will hold, and measures it.
 *
 * @returns the result, a copy because handlers may share and change what they returned, and its bytes as JSON; 0 bytes
 *   for one that is neither a text nor an object
 *
 * @throws {ResultNotSerializable} / {ResultTooLarge}
 */
export function toResult(value: unknown): { result: Json; bytes: number } {
  const result = toJson(value, "result");
  if (result === null || typeof result !== "object" && typeof result !== "string") {
    return { result, bytes: 0 };
  }
  const encoded = encode(result);
  const bytes = encoded.length;
  if (bytes > PAYLOAD_BYTES) {
    throw new ResultTooLarge(`The result has ${bytes} bytes as JSON, at most ${PAYLOAD_BYTES} are kept`);
  }
  return { result: typeof result === "object" ? decode<Json>(encoded) : result, bytes };
}

/** Milliseconds between two progress reports that are stored. */
export const PROGRESS_INTERVAL = 250;

/**
 * Encodes a progress report as its row will hold it.
 *
 * @throws {ResultNotSerializable} / {RangeError} when the report is too large
 */
export function toReport(report: unknown): Uint8Array {
  const bytes = encode(toJson(report, "progress"));
  if (bytes.length > INLINE_BYTES) {
    throw new RangeError(`A progress report must not be larger than ${INLINE_BYTES} bytes`);
  }
  return bytes;
}

/** Says where and why a value is not JSON; `null` when it is. */
export function unserializable(value: unknown, path: string, above: Set<object>): string | null {
  switch (typeof value) {
    case "bigint":
    case "function":
    case "symbol":
      return `${path} is a ${typeof value}, which JSON cannot carry`;
    case "number":
      return Number.isFinite(value) ? null : `${path} is ${value}, which JSON cannot carry`;
    case "object":
      break;
    default:
      return null;
  }
  if (value === null) return null;
  if (above.has(value)) return `${path} contains itself, which JSON cannot carry`;
  if (above.size === DEEPEST) return `${path.slice(0, 80)}… is nested more than ${DEEPEST} levels deep`;
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return null;
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  // JSON.stringify would silently make another object of a Map, a Promise, bytes, …: mostly an empty one.
  if (kind !== "Object" && kind !== "Array") return `${path} is a ${kind}, which JSON cannot carry`;
  above.add(value);
  for (const [key, item] of Object.entries(value)) {
    const fault = unserializable(item, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`, above);
    if (fault) return fault;
  }
  above.delete(value);
  return null;
}
