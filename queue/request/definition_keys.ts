/**
 * Definitions' keys: idempotency keys that a definition makes from its tasks' arguments. A key stands for the one task
 * that does this piece of work (invariant 6), whatever the other arguments of a later submission are. A key is taken as
 * `idempotency.ts` says. The key is free again at once when its task ends in FAILURE or REVOKED, and never before its
 * task has ended.
 *
 * @module
 */
import type { AnyTaskDefinition, TaskIdempotency } from "../task/define.ts";
import type { Base } from "../engine.ts";
import { DuplicateTaskError, InvalidTaskError, TooLargeError } from "../ground/errors.ts";
import { DEFINITION_SCOPE, takeUnit } from "./idempotency.ts";
import { unpack } from "../rows/payload.ts";
import { type Reading, recordOf } from "../task/read.ts";
import type { IdempotencyRow, RunRow, TaskRecord } from "../rows/record.ts";
import { viewOf } from "../task/state.ts";
import { decodeEntry } from "../rows/codec.ts";
import type { Keys } from "../rows/keys.ts";
import type { Check, Key, Mutation } from "../store/port.ts";
import type { Unit } from "../rows/unit.ts";
import type { Json, Task } from "../ground/task.ts";

/** Most characters of a key. */
const LONGEST_KEY = 255;

/** A definition's rules about its keys with their defaults filled in. */
export function keyRules({ ttl = 3600, onDuplicate = "return" }: TaskIdempotency) {
  return { ttl, onDuplicate };
}

/**
 * Adds to a record the key that its definition makes from its arguments, if the definition makes any.
 *
 * @param at JSON pointer of the request
 * @throws {InvalidTaskError} when the definition's function throws, or returns no valid key
 */
export function withDefinitionKey(
  engine: Pick<Base, "definitions">,
  record: TaskRecord,
  at: string,
): TaskRecord {
  const definition = engine.definitions.get(record.name);
  if (!definition?.idempotency) return record;
  const expiresAt = record.createdAt + keyRules(definition.idempotency).ttl * 1000;
  return { ...record, definitionKey: { key: makeKey(definition, record.args ?? [], at), expiresAt } };
}

function makeKey(definition: AnyTaskDefinition, args: readonly Json[], at: string): string {
  let detail: string;
  try {
    const key: unknown = definition.idempotency!.key(...definition.args.parse(args));
    if (typeof key === "string" && key !== "" && key.length <= LONGEST_KEY && key.isWellFormed()) return key;
    const found = typeof key !== "string"
      ? Object.prototype.toString.call(key).slice(8, -1)
      : key.length > LONGEST_KEY
      ? `${key.length} characters`
      : JSON.stringify(key);
    detail =
      `must give '${definition.name}' an idempotency key of 1 to ${LONGEST_KEY} characters: got ${found}`;
  } catch (error) {
    detail = `must give '${definition.name}' an idempotency key: its key function threw ${error}`;
  }
  throw new InvalidTaskError([{ pointer: `${at}/args`, detail }]);
}

/** The key of the row that holds the definition's key of a task. */
export function definitionKeyOf(keys: Keys, record: TaskRecord): Key {
  return keys.idempotency(DEFINITION_SCOPE + record.name, record.definitionKey!.key);
}

/** The row at {@link definitionKeyOf}. */
export function definitionKeyRow({ id, definitionKey }: TaskRecord): IdempotencyRow {
  return { ids: [id], expiresAt: definitionKey!.expiresAt };
}

/** The rows of the idempotency keys that a task may hold. */
export function keysHeldBy(keys: Keys, record: TaskRecord): Key[] {
  const { idempotency, definitionKey } = record;
  return [
    ...idempotency ? [keys.idempotency(idempotency.scope, idempotency.key)] : [],
    ...definitionKey ? [definitionKeyOf(keys, record)] : [],
  ];
}

/** The answer of {@link definitionKeys} for the records of one request. */
interface DefinitionKeys {
  /** For each record the task that does its work: an earlier one that holds its key, or the record's own. */
  readonly tasks: readonly Task[];
  /** The records that are to be stored. */
  readonly fresh: readonly TaskRecord[];
  /** Takes the keys of `fresh`, under check that they are free. */
  readonly unit?: Unit;
  /** The error for a caller who submits the records; a schedule takes the earlier task instead. */
  readonly refusal?: Error;
}

/**
 * Looks up the definitions' keys of new records, and prepares the unit that takes them. A key is free when it has no
 * task, when its task ended in FAILURE or REVOKED, and when its task succeeded and the key's time is over.
 *
 * @param spare checks of the commit that other units need
 * @throws {TooLargeError} when a commit of this store cannot check so many keys
 */
export async function definitionKeys(
  engine: Base,
  records: readonly TaskRecord[],
  spare: number,
): Promise<DefinitionKeys> {
  const keyed = records.filter((record) => record.definitionKey !== undefined);
  if (keyed.length === 0) return { tasks: records.map((record) => viewOf(record, null)), fresh: records };
  const groups = Map.groupBy(keyed, ({ name, definitionKey }) => JSON.stringify([name, definitionKey!.key]));
  const most = engine.store.limits.checks - 1 - spare;
  refuseAbove(most, groups.size);
  const found = await holders(engine, [...groups.values()].map(([first]) => first!));

  const firsts = new Map<string, Task>();
  const checks: Check[] = [];
  const mutations: Mutation[] = [];
  let refusal: Error | undefined;
  [...groups.values()].forEach(([leader, ...repeats], i) => {
    const { entry, holder, task } = found[i]!;
    for (const record of task ? [leader!, ...repeats] : repeats) {
      const { onDuplicate } = keyRules(engine.definitions.get(record.name)!.idempotency!);
      const first = task ?? viewOf(leader!, null);
      if (onDuplicate === "raise") {
        refusal ??= task
          ? new DuplicateTaskError(record.name, record.definitionKey!.key, task.id)
          : twiceInOne(records, leader!, record);
      }
      firsts.set(record.id, onDuplicate === "raise" ? first : { ...first, duplicate: onDuplicate });
    }
    if (task) return;
    const key = definitionKeyOf(engine.keys, leader!);
    const unit = takeUnit(key, definitionKeyRow(leader!), [entry, holder]);
    checks.push(...unit.checks);
    mutations.push(...unit.mutations);
  });
  refuseAbove(most, checks.length);
  return {
    tasks: records.map((record) => firsts.get(record.id) ?? viewOf(record, null)),
    fresh: records.filter(({ id }) => !firsts.has(id)),
    unit: { checks, mutations },
    ...(refusal && { refusal }),
  };
}

/** Reads the tasks that hold the definitions' keys of these records. `task` is `null` where the key is free. */
async function holders(engine: Reading, records: readonly TaskRecord[]) {
  const { store, keys, clock } = engine;
  const entries = await store.getMany(records.map((record) => definitionKeyOf(keys, record)));
  const rows = entries.map((entry) => decodeEntry<IdempotencyRow>(entry));
  const ids = rows.flatMap((row) => row ? row.ids : []);
  const read = await store.getMany(ids.flatMap((id) => [keys.task(id), keys.run(id)]));
  let next = 0;
  return Promise.all(rows.map(async (row, i) => {
    const entry = entries[i]!;
    if (!row) return { entry, holder: null, task: null };
    const [holder, run] = [read[next++] ?? null, read[next++] ?? null];
    const record = holder && recordOf(holder);
    const free = !record || record.state === "FAILURE" || record.state === "REVOKED" ||
      record.state === "SUCCESS" && row.expiresAt <= clock.now();
    if (free) return { entry, holder, task: null };
    return { entry, holder, task: viewOf(await unpack(store, keys, record), decodeEntry<RunRow>(run)) };
  }));
}

/** The error for two tasks of one request with one key, when their definition refuses duplicates. */
function twiceInOne(records: readonly TaskRecord[], first: TaskRecord, second: TaskRecord): Error {
  const detail = `must not have the idempotency key of task ${records.indexOf(first)} of the same batch: ` +
    JSON.stringify(second.definitionKey!.key);
  return new InvalidTaskError([{ pointer: `/${records.indexOf(second)}/args`, detail }]);
}

function refuseAbove(most: number, checks: number): void {
  if (checks <= most) return;
  throw new TooLargeError(
    `A batch must need at most ${most} checks for the idempotency keys of its tasks: needs ${checks}; ` +
      "send fewer of them at once",
  );
}
