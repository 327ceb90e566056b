/**
 * The units that move a task from one place to the next (invariant 2). A unit that removes a pointer checks it
 * (invariant 4). A unit that removes a `run` row does not check that row: a run commits such a unit in the name of its
 * worker, whose lane must still exist (invariant 3), and others, like the rescuer, add a check of their own.
 *
 * @module
 */
import { dropChunks, pack, putChunks } from "../rows/payload.ts";
import type { ParkedPointer, Pointer, RunRow, TaskRecord, WaitingPointer } from "../rows/record.ts";
import { decode, encode } from "../rows/codec.ts";
import { idOf, type Keys, limitedBy, priorityIn, unknownName } from "../rows/keys.ts";
import type { Check, Entry, Key, Mutation } from "../store/port.ts";
import { del, put, type Unit } from "../rows/unit.ts";
import { errorCallback } from "./error_callback.ts";

/** Writes a record. */
function write(keys: Keys, record: TaskRecord): Mutation {
  return { type: "set", key: keys.task(record.id), value: pack(record) };
}

/** Writes a new record, the chunks of large arguments, and the `open` row of the task in its group. */
function writeNew(keys: Keys, record: TaskRecord): Mutation[] {
  const mutations = [write(keys, record)];
  if (record.argsChunks !== undefined) mutations.push(...putChunks(keys, record.id, "args", record.args));
  const group = record.workflow?.group;
  if (group !== undefined) mutations.push(put(keys.open(group, record.id), {}));
  return mutations;
}

/** Writes a final record, and the chunks of a large result. */
function writeFinal(keys: Keys, record: TaskRecord): Mutation[] {
  if (record.resultChunks === undefined) return [write(keys, record)];
  return [write(keys, record), ...putChunks(keys, record.id, "result", record.result)];
}

/** → ready, or → delayed when it is not due at `now`. */
export function wait(keys: Keys, record: TaskRecord, deliveries: number, now: number): Mutation {
  return record.runAt > now
    ? put(keys.delayed(record.runAt, record.id), parked(record, deliveries))
    : put(keys.ready(record.channel, record.priority, record.id), pointer(record, deliveries));
}

function pointer(record: TaskRecord, deliveries: number): Pointer {
  const { name, concurrencyKey: key, unkeyed } = record;
  if (unkeyed) return { name, deliveries, unkeyed };
  return key === undefined ? { name, deliveries } : { name, deliveries, key };
}

function parked(record: TaskRecord, deliveries: number): ParkedPointer {
  return { ...pointer(record, deliveries), channel: record.channel, priority: record.priority };
}

/** → ready or delayed, with a `later` row for the moment at which the task expires. */
export function submitUnit(keys: Keys, record: TaskRecord, now: number): Unit {
  const mutations = [...writeNew(keys, record), ...begin(keys, record, now)];
  return { checks: [], mutations, evidence: keys.task(record.id), fresh: true };
}

/** → no place yet: a task of a large workflow, which the last commit of the submission brings to its first place. */
export function writeUnit(keys: Keys, record: TaskRecord): Unit {
  return { checks: [], mutations: writeNew(keys, record), evidence: keys.task(record.id), fresh: true };
}

/** → ready or delayed for the first time, with a `later` row as {@link submitUnit}. */
export function begin(keys: Keys, record: TaskRecord, now: number): Mutation[] {
  const place = wait(keys, record, 0, now);
  if (record.expiresAt === undefined) return [place];
  return [place, put(keys.later(record.expiresAt, record.id), {})];
}

/** The `ready` entry that {@link submitUnit} has stored, as a read would return it. */
export function readyEntry(keys: Keys, record: TaskRecord, versionstamp: string): Entry {
  const key = keys.ready(record.channel, record.priority, record.id);
  return { key, value: encode(pointer(record, 0)), versionstamp };
}

/** → waiting: for a task, a group or a submission. */
export function hold(keys: Keys, record: TaskRecord, waitsFor: string): Mutation {
  const timed = record.runAt > record.createdAt || record.workflow?.delay !== undefined;
  const pointer: WaitingPointer = { ...parked(record, 0), ...(timed && { timed }) };
  return put(keys.waiting(waitsFor, record.id), pointer);
}

/** → waiting: a workflow's task that another task, a group or its submission releases. */
export function holdUnit(keys: Keys, record: TaskRecord, waitsFor: string): Unit {
  const mutations = writeNew(keys, record);
  mutations.push(hold(keys, record, waitsFor));
  if (record.expiresAt !== undefined) mutations.push(put(keys.later(record.expiresAt, record.id), {}));
  return { checks: [], mutations, evidence: keys.task(record.id), fresh: true };
}

/**
 * → run at once: the submitting process executes the channel, has a slot that is left when every waiting task has one.
 * Saves the pointer and the claim's commit.
 */
export function handOffUnit(keys: Keys, record: TaskRecord, run: RunRow): Unit {
  const mutations = writeNew(keys, record);
  mutations.push(put(keys.run(record.id), run));
  return { checks: [], mutations, evidence: keys.task(record.id), fresh: true, worker: run.worker };
}

/** ready → run, for any number of pointers of a channel. `limits` checks and rewrites the rows of their limits. */
export function claimUnit(
  keys: Keys,
  claimed: readonly { entry: Entry; id: string; run: RunRow }[],
  worker: string,
  limits: Unit,
): Unit {
  const checks: Check[] = [...limits.checks];
  const mutations: Mutation[] = [...limits.mutations];
  for (const { entry, id, run } of claimed) {
    checks.push({ key: entry.key, versionstamp: entry.versionstamp });
    mutations.push(del(entry.key), put(keys.run(id), run));
  }
  return { checks, mutations, worker };
}

/** ready → blocked, for any number of pointers of a channel. The checks `under` must hold as well. */
export function parkUnit(
  keys: Keys,
  entries: readonly Entry[],
  channel: string,
  by: string,
  under: readonly Check[],
): Unit {
  const checks: Check[] = [...under];
  const mutations: Mutation[] = [];
  for (const { key, versionstamp, value } of entries) {
    const priority = priorityIn(key);
    const to: ParkedPointer = { ...decode<Pointer>(value), channel, priority };
    checks.push({ key, versionstamp });
    mutations.push(del(key), put(keys.blocked(by, priority, idOf(key)), to));
  }
  return { checks, mutations };
}

/**
 * ready → ready, with the concurrency key, or the lack of one, that a claim has found. The checks `under` must hold as
 * well.
 *
 * @param record the record with what was found; `null` when there is none, which the claim that follows reports
 */
export function keyUnit(
  keys: Keys,
  entry: Entry,
  record: TaskRecord | null,
  under: readonly Check[],
): Unit {
  const { key, versionstamp } = entry;
  const { name, deliveries } = decode<Pointer>(entry.value);
  const to = put(key, record ? pointer(record, deliveries) : { name, deliveries });
  return {
    checks: [{ key, versionstamp }, ...under],
    mutations: record ? [to, write(keys, record)] : [to],
  };
}

/** delayed, blocked or waiting → ready. */
export function releaseUnit(keys: Keys, entry: Entry, id: string, from: ParkedPointer): Unit {
  const { name, deliveries, key, unkeyed } = from;
  const to: Pointer = key !== undefined
    ? { name, deliveries, key }
    : unkeyed
    ? { name, deliveries, unkeyed }
    : { name, deliveries };
  return {
    checks: [{ key: entry.key, versionstamp: entry.versionstamp }],
    mutations: [del(entry.key), put(keys.ready(from.channel, from.priority, id), to)],
  };
}

/** waiting → run at once, as {@link handOffUnit}. */
export function releaseToRunUnit(keys: Keys, { key, versionstamp }: Entry, run: RunRow): Unit {
  return {
    checks: [{ key, versionstamp }],
    mutations: [del(key), put(keys.run(idOf(key)), run)],
    worker: run.worker,
  };
}

/** waiting → ready or delayed: the task's delay begins with its release. */
export function releaseTimedUnit(keys: Keys, entry: Entry, record: TaskRecord, now: number): Unit {
  const delay = record.workflow?.delay;
  const next = delay === undefined ? record : { ...record, runAt: now + delay };
  return {
    checks: [{ key: entry.key, versionstamp: entry.versionstamp }],
    mutations: [del(entry.key), write(keys, next), wait(keys, next, 0, now)],
  };
}

/**
 * run → ready or delayed: retried, given back or rescued. Fails when the task was revoked meanwhile.
 *
 * @param deliveries deliveries to lost workers that the pointer is to remember
 */
export function requeueUnit(
  keys: Keys,
  record: TaskRecord,
  deliveries: number,
  now: number,
): Unit {
  const mutations = [write(keys, record), del(keys.run(record.id)), wait(keys, record, deliveries, now)];
  return { checks: [{ key: keys.revoke(record.id), versionstamp: null }], mutations };
}

/**
 * run → no place: the one end of a task that was running (invariant 5). `record` is final. If the task has a `revoke`
 * row, that row stays; `obeyRevokes` removes it when the run is gone.
 *
 * @param released whether the same commit releases the tasks that wait for this one
 */
export function endRunUnit(keys: Keys, record: TaskRecord, released = false): Unit {
  const mutations = writeFinal(keys, record);
  mutations.push(del(keys.run(record.id)));
  if (record.state !== "SUCCESS") mutations.push(put(keys.ended(record.state, record.id), {}));
  owe(keys, record, mutations, released);
  return { checks: [], mutations };
}

/**
 * ready, delayed, blocked or waiting → no place: the one end of a task that was waiting (invariants 4, 5).
 *
 * @param along whether the caller also ends the task's group and all tasks that wait for this one, so that this end
 *   owes them nothing more
 */
export function endWaitingUnit(keys: Keys, record: TaskRecord, place: Entry, along = false): Unit {
  const mutations = writeFinal(keys, record);
  mutations.push(del(place.key), put(keys.ended(record.state, record.id), {}));
  const group = record.workflow?.group;
  if (!along) owe(keys, record, mutations);
  else if (group !== undefined) mutations.push(del(keys.open(group, record.id)));
  return { checks: [{ key: place.key, versionstamp: place.versionstamp }], mutations };
}

/**
 * Adds what the end of a workflow's task owes to other tasks, read from the record alone. The task leaves its group; a
 * `cascade` row says that the tasks that wait for it are to be released, unless they are `released` already, or that
 * they and its group are to be ended; an error callback is submitted. `workflow/cascades.ts` works the `cascade` row
 * off after the commit.
 */
function owe(keys: Keys, record: TaskRecord, mutations: Mutation[], released = false): void {
  if (!record.workflow) return;
  const { group, tolerated, followed, linkError } = record.workflow;
  const succeeded = record.state === "SUCCESS";
  if (group !== undefined && (succeeded || tolerated)) mutations.push(del(keys.open(group, record.id)));
  if (succeeded) {
    if (followed && !released) mutations.push(put(keys.cascade("release", record.id), {}));
    return;
  }
  if (followed || group !== undefined && !tolerated) {
    mutations.push(put(keys.cascade("fail", record.id), {}));
  }
  if (linkError && record.state === "FAILURE") {
    mutations.push(...submitUnit(keys, errorCallback(linkError, record), record.doneAt!).mutations);
  }
}

/** The keys at which a waiting task's pointer can be; one of them exists (invariant 2). */
export function waitingKeys(keys: Keys, record: TaskRecord): Key[] {
  const waitsFor = record.workflow?.waitsFor;
  const key = record.concurrencyKey;
  return [
    keys.ready(record.channel, record.priority, record.id),
    keys.delayed(record.runAt, record.id),
    keys.blocked(unknownName(record.name), record.priority, record.id),
    ...(waitsFor === undefined ? [] : [keys.waiting(waitsFor, record.id)]),
    keys.blocked(limitedBy("rate", record.channel, record.name), record.priority, record.id),
    ...(key === undefined
      ? []
      : [keys.blocked(limitedBy("key", record.channel, key), record.priority, record.id)]),
  ];
}

/** Deletes a task that is over: its record, chunks and `ended` row. The caller deletes its idempotency keys. */
export function forget(keys: Keys, record: TaskRecord): Mutation[] {
  const mutations = [del(keys.task(record.id)), ...dropChunks(keys, record)];
  if (record.state !== "SUCCESS") mutations.push(del(keys.ended(record.state, record.id)));
  return mutations;
}
