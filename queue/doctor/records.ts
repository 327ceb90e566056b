/**
 * Laws of the rows that belong to a record or to a worker: a task that ended in FAILURE or REVOKED is listed, a key is
 * held by its task, a chunk is counted by its record, a lane belongs to a worker (invariants 3, 5 and 6).
 *
 * @module
 */
import { definitionKeyOf, definitionKeyRow } from "../request/definition_keys.ts";
import type { IdempotencyRow, TaskRecord } from "../rows/record.ts";
import { blobPartIn, idOf, numberIn, partsOf, scopeOf } from "../rows/keys.ts";
import { del, put } from "../rows/unit.ts";
import { isFinal } from "../ground/task.ts";
import { type Finding, type Law, type Look, seen, type Stored } from "./law.ts";

/** See the module's text. */
export const recordLaws: readonly (readonly [families: string, law: Law<never>])[] = [
  ["task", listedWhenItEndedBadly],
  ["task", holdsItsKey],
  ["ended", listsATaskThatEndedSo],
  ["idem", keyHasItsTask],
  ["blob", countedByItsRecord],
  ["lane", laneHasItsWorker],
];

function listedWhenItEndedBadly({ key, row: record }: Stored<TaskRecord>, look: Look): Finding | null {
  const { id, state } = record;
  if (state !== "FAILURE" && state !== "REVOKED") return null;
  const listed = look.keys.ended(state, id);
  if (look.at(listed)) return null;
  return {
    law: 5,
    message: `Task ${id} is ${state} and not listed so`,
    keys: [key, listed],
    repair: {
      does: "listed",
      unit: { checks: [seen(look, key), seen(look, listed)], mutations: [put(listed, {})] },
    },
  };
}

function listsATaskThatEndedSo({ key }: Stored<unknown>, look: Look): Finding | null {
  const id = idOf(key);
  const task = look.keys.task(id);
  const state = look.at<TaskRecord>(task)?.row.state;
  if (state === scopeOf(key)) return null;
  return leftBehind(`Task ${id} is ${state ?? "gone"} and listed as ${scopeOf(key)}`, 5, look, key, task);
}

function holdsItsKey({ key, row: record }: Stored<TaskRecord>, look: Look): Finding | null {
  const { id, state, definitionKey: own } = record;
  if (!own || isFinal(state)) return null;
  const held = definitionKeyOf(look.keys, record);
  const holder = look.at<IdempotencyRow>(held);
  if (holder?.row.ids.includes(id)) return null;
  const whose = holder ? `, which task ${holder.row.ids[0]} holds` : "";
  // If another task holds the key, both do one piece of work, and a person has to say which goes on.
  return {
    law: 6,
    message: `Task ${id} is ${state} without its key '${own.key}'${whose}`,
    keys: [key, held],
    repair: holder ? null : {
      does: "given its key",
      unit: {
        checks: [seen(look, key), seen(look, held)],
        mutations: [put(held, definitionKeyRow(record))],
      },
    },
  };
}

function keyHasItsTask({ key, row }: Stored<IdempotencyRow>, look: Look): Finding | null {
  const first = row.ids[0]!;
  const { keys } = look;
  const holders = [keys.task(first), keys.workflow(first), keys.schedule(first)];
  if (holders.some((holder) => look.at(holder))) return null;
  const message = `Key ${partsOf(key).slice(1).join(" ")} has outlived ${first}, which it stands for`;
  return leftBehind(message, 6, look, key, ...holders);
}

function countedByItsRecord({ key }: Stored<unknown>, look: Look): Finding | null {
  const task = look.keys.task(scopeOf(key));
  const record = look.at<TaskRecord>(task)?.row;
  const chunks = blobPartIn(key) === "args" ? record?.argsChunks : record?.resultChunks;
  if (numberIn(key) < (chunks ?? 0)) return null;
  return leftBehind(`Chunk ${partsOf(key).slice(1).join(" ")} belongs to no record`, null, look, key, task);
}

function laneHasItsWorker({ key }: Stored<unknown>, look: Look): Finding | null {
  const worker = look.keys.worker(scopeOf(key));
  if (look.at(worker)) return null;
  const message = `Lane ${numberIn(key)} belongs to ${scopeOf(key)}, which is not registered`;
  return leftBehind(message, 3, look, key, worker);
}

/** The finding of a row that has lost its reason: the row of the first key is deleted, if all of `keys` are as seen. */
export function leftBehind(
  message: string,
  law: number | null,
  look: Look,
  ...keys: Finding["keys"]
): Finding {
  const unit = { checks: keys.map((key) => seen(look, key)), mutations: [del(keys[0]!)] };
  return { law, message, keys, repair: { does: "deleted", unit } };
}
