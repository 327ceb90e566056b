/**
 * Results as arguments: reads what a task takes from the task or group before it, and the result of a group.
 *
 * @module
 */
import type { Results } from "./results.ts";
import type { Namespace } from "../rows/keys.ts";
import { ArgumentsError } from "../ground/errors.ts";
import { jsonSize, leastSize, PAYLOAD_BYTES, unpack } from "../rows/payload.ts";
import { readRecords } from "../task/read.ts";
import type { GroupRow, TaskRecord } from "../rows/record.ts";
import { decodeEntry } from "../rows/codec.ts";
import type { Json, TaskError } from "../ground/task.ts";
import { groupsOf, recordsOf } from "./rows.ts";

/** The ports and caches that resolve references to results. */
export interface Resolving extends Namespace {
  readonly results: Pick<Results, "take">;
}

/**
 * Reads a task's arguments as its handler gets them: first the result of the task or group before it, if it takes that.
 *
 * @throws {ArgumentsError} when that result is too large or no longer kept
 */
export async function resolveArgs(engine: Resolving, record: TaskRecord): Promise<readonly Json[]> {
  const { args = [] } = await unpack(engine.store, engine.keys, record);
  const { takes, waitsFor } = record.workflow ?? {};
  if (takes === undefined) return args;
  const room = PAYLOAD_BYTES - jsonSize(args);
  const value = takes === "empty"
    ? []
    : takes === "group"
    ? await groupResult(engine, waitsFor!, room)
    : await taskResult(engine, waitsFor!);
  return [assertRoom(value, room), ...args];
}

/**
 * Reads the results of a group's members, in their order. Nested groups are nested lists. A failed member of a group
 * that went on without it is `{ error }`. A group with `results: "ids"` lists its tasks' ids, also in nested groups.
 *
 * @param room most bytes of JSON that the list may take
 * @throws {ArgumentsError} when the list is larger
 */
export async function groupResult(engine: Resolving, id: string, room = PAYLOAD_BYTES): Promise<Json> {
  const [entry] = await engine.store.getMany([engine.keys.group(id)]);
  const group = decodeEntry<GroupRow>(entry);
  if (!group) return [];
  const areIds = group.results === "ids";
  const known = areIds ? null : engine.results.take(id, group.size);
  if (known) return assertRoom(known, room);
  const span = { root: group.root, first: id, last: group.last };
  const lists = new Map<string, Json[]>([[id, []]]);
  // The last task or group of each member: nothing follows it, and its result is the member's. Groups are read first,
  // because they decide whose members count.
  const ends: { readonly id: string; readonly list: Json[]; readonly value: () => Json | Promise<Json> }[] =
    [];
  for await (const { id, row } of groupsOf(engine, span)) {
    const list = lists.get(row.group ?? "");
    if (!list || row.followed) continue;
    const value: Json = row.error ? errorValue(row.error) : [];
    ends.push({ id, list, value: () => value });
    if (Array.isArray(value)) lists.set(id, value);
  }
  let bytes = 0;
  for await (const { record } of recordsOf(engine, span)) {
    const list = lists.get(record.workflow!.group ?? "");
    if (!list || record.workflow!.followed) continue;
    bytes += areIds ? 0 : leastSize(record);
    if (bytes > room) throw tooLarge(room);
    ends.push({ id: record.id, list, value: () => areIds ? record.id : valueOf(engine, record) });
  }
  ends.sort((a, b) => a.id < b.id ? -1 : 1);
  for (const { list, value } of ends) list.push(await value());
  return assertRoom(lists.get(id)!, room);
}

async function taskResult(engine: Resolving, id: string): Promise<Json> {
  const known = engine.results.take(id, 1);
  return known ? known[0]! : await valueOf(engine, (await readRecords(engine, [id]))[0] ?? null);
}

async function valueOf(engine: Namespace, record: TaskRecord | null): Promise<Json> {
  if (!record) throw new ArgumentsError("The result of what comes before is no longer kept");
  if (record.state !== "SUCCESS") return errorValue(record.error!);
  return (await unpack(engine.store, engine.keys, record)).result ?? null;
}

export function errorValue(error: TaskError): Json {
  return { error: { ...error } };
}

function assertRoom(value: Json, room: number): Json {
  if (jsonSize(value) > room) throw tooLarge(room);
  return value;
}

function tooLarge(room: number): ArgumentsError {
  return new ArgumentsError(
    `The result of what comes before has more than the ${room} bytes of JSON that arguments may still take ` +
      `(${PAYLOAD_BYTES} in all): a group with results: "ids" gives the ids of its tasks instead`,
  );
}
