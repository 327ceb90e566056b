/**
 * Where a task stands, and the units that move it from one place to the next (invariant 2). A unit that removes a
 * pointer checks it (invariant 4); one that removes a `run` row does so in the name of its worker, whose lane vouches
 * for it (invariant 3).
 *
 * @module
 */
import { dropChunks, pack, putChunks } from "./payload.ts";
import type { ParkedPointer, Pointer, RunRow, TaskRecord } from "./record.ts";
import { type Keys, unknownName } from "./store/keys.ts";
import type { Check, Entry, Key, Mutation } from "./store/port.ts";
import { del, put, type Unit } from "./store/unit.ts";

/** Writes a record. */
function write(keys: Keys, record: TaskRecord): Mutation {
  return { type: "set", key: keys.task(record.id), value: pack(record) };
}

/** Writes a new record, and its arguments when they are kept in chunks. */
function writeNew(keys: Keys, record: TaskRecord): Mutation[] {
  if (record.argsChunks === undefined) return [write(keys, record)];
  return [write(keys, record), ...putChunks(keys, record.id, "args", record.args)];
}

/** Writes a record at its end, and its result when that is kept in chunks. */
function writeFinal(keys: Keys, record: TaskRecord): Mutation[] {
  if (record.resultChunks === undefined) return [write(keys, record)];
  return [write(keys, record), ...putChunks(keys, record.id, "result", record.result)];
}

/** → ready, or → delayed when it is not due at `now`. */
function wait(keys: Keys, record: TaskRecord, deliveries: number, now: number): Mutation {
  return record.runAt > now
    ? put(keys.delayed(record.runAt, record.id), parked(record, deliveries))
    : put(keys.ready(record.channel, record.priority, record.id), pointer(record, deliveries));
}

function pointer(record: TaskRecord, deliveries: number): Pointer {
  return { name: record.name, deliveries };
}

function parked(record: TaskRecord, deliveries: number): ParkedPointer {
  return { name: record.name, deliveries, channel: record.channel, priority: record.priority };
}

/** → ready or delayed, with a reminder for the moment it expires. */
export function submitUnit(keys: Keys, record: TaskRecord, now: number): Unit {
  const mutations = writeNew(keys, record);
  mutations.push(wait(keys, record, 0, now));
  if (record.expiresAt !== undefined) mutations.push(put(keys.later(record.expiresAt, record.id), {}));
  return { checks: [], mutations, evidence: keys.task(record.id), fresh: true };
}

/**
 * → run at once: the submitting process executes the channel, has a slot free and nothing waits before the task.
 * Saves the pointer and the claim's commit.
 */
export function handOffUnit(keys: Keys, record: TaskRecord, run: RunRow): Unit {
  const mutations = writeNew(keys, record);
  mutations.push(put(keys.run(record.id), run));
  return { checks: [], mutations, evidence: keys.task(record.id), fresh: true, worker: run.worker };
}

/** ready → run, for any number of pointers of a channel. */
export function claimUnit(
  keys: Keys,
  claimed: readonly { entry: Entry; id: string; run: RunRow }[],
  worker: string,
): Unit {
  const checks: Check[] = [];
  const mutations: Mutation[] = [];
  for (const { entry, id, run } of claimed) {
    checks.push({ key: entry.key, versionstamp: entry.versionstamp });
    mutations.push(del(entry.key), put(keys.run(id), run));
  }
  return { checks, mutations, worker };
}

/** ready → blocked: nobody here knows the task's name. */
export function parkUnit(keys: Keys, entry: Entry, id: string, to: ParkedPointer): Unit {
  return {
    checks: [{ key: entry.key, versionstamp: entry.versionstamp }],
    mutations: [del(entry.key), put(keys.blocked(unknownName(to.name), to.priority, id), to)],
  };
}

/** delayed or blocked → ready. */
export function releaseUnit(keys: Keys, entry: Entry, id: string, from: ParkedPointer): Unit {
  const to: Pointer = { name: from.name, deliveries: from.deliveries };
  return {
    checks: [{ key: entry.key, versionstamp: entry.versionstamp }],
    mutations: [del(entry.key), put(keys.ready(from.channel, from.priority, id), to)],
  };
}

/**
 * run → ready or delayed: retried, given back or rescued. Fails when the task was revoked meanwhile.
 *
 * @param deliveries lost hand-overs that the pointer remembers
 */
export function requeueUnit(
  keys: Keys,
  record: TaskRecord,
  deliveries: number,
  now: number,
  changed: boolean,
): Unit {
  const mutations = changed ? [write(keys, record)] : [];
  mutations.push(del(keys.run(record.id)), wait(keys, record, deliveries, now));
  return { checks: [{ key: keys.revoke(record.id), versionstamp: null }], mutations };
}

/**
 * run → no place: the one end of a task that was running (invariant 5). `record` is final. Its `revoke` row, if there
 * is one, then stands for no run and is removed by `obeyRevokes`.
 */
export function endRunUnit(keys: Keys, record: TaskRecord): Unit {
  const mutations = writeFinal(keys, record);
  mutations.push(del(keys.run(record.id)));
  if (record.state !== "SUCCESS") mutations.push(put(keys.ended(record.state, record.id), {}));
  return { checks: [], mutations };
}

/** ready, delayed or blocked → no place: the one end of a task that was waiting (invariants 4, 5). */
export function endWaitingUnit(keys: Keys, record: TaskRecord, place: Entry): Unit {
  const mutations = writeFinal(keys, record);
  mutations.push(del(place.key), put(keys.ended(record.state, record.id), {}));
  return { checks: [{ key: place.key, versionstamp: place.versionstamp }], mutations };
}

/** The keys at which a waiting task's pointer can be; one of them exists (invariant 2). */
export function waitingKeys(keys: Keys, record: TaskRecord): Key[] {
  return [
    keys.ready(record.channel, record.priority, record.id),
    keys.delayed(record.runAt, record.id),
    keys.blocked(unknownName(record.name), record.priority, record.id),
  ];
}

/** Everything of a final task; its idempotency key is the caller's to check. */
export function forget(keys: Keys, record: TaskRecord): Mutation[] {
  const mutations = [del(keys.task(record.id)), ...dropChunks(keys, record)];
  if (record.state !== "SUCCESS") mutations.push(del(keys.ended(record.state, record.id)));
  return mutations;
}
