/**
 * Restores a backup into a database: a file, or a KV server that other processes may be connected to.
 *
 * From the first commit to the last the `meta` row says that the database is being restored, and no process registers.
 * All commits go through one lane, so none is repeated, none lands late, and two restores never mix: the later one
 * deletes the earlier one's lane. The workers in the backup are registrations of earlier processes. Their lanes are left
 * out, so that a process that still runs can commit nothing into the restored database (invariant 3). The workers are
 * marked as lost, so that the first process to register gives their tasks back at once.
 *
 * @module
 */
import type { Actor } from "../ground/audit.ts";
import { type Clock, sleep, systemClock } from "../ground/clock.ts";
import { COMMIT_DEADLINE, Lane, LaneGone, readUntilAnswered, withDeadline } from "../commit/lane.ts";
import { BackupError, RefusedCommitError, StoreBrokenError } from "../ground/errors.ts";
import { idSource } from "../ground/ids.ts";
import { dataVersion } from "../membership/upgrades.ts";
import type { MetaRow, WorkerRow } from "../rows/record.ts";
import { audit } from "../rows/audit.ts";
import { decode, decodeEntry } from "../rows/codec.ts";
import { keyId } from "../store/key_id.ts";
import { type Keys, keysOf } from "../rows/keys.ts";
import type { Key, Mutation, Store } from "../store/port.ts";
import { del, put, putRaw } from "../rows/unit.ts";
import { commitsOf, rowsBeside, rowsOf } from "./copy.ts";

/** The options of {@link restore}. */
export interface RestoreOptions {
  /** First part of the keys to restore. @default {"sluice"} */
  readonly namespace?: string;
  /** Whether the database need not be empty: its Sluice is replaced, and other rows are overwritten. @default {false} */
  readonly force?: boolean;
  readonly clock?: Clock;
}

/**
 * Restores one Sluice, and all rows that belong to no Sluice, from a backup into a database.
 *
 * @param source a backup, opened as a store
 * @returns how many rows were restored
 * @throws {BackupError} when the source is no backup or of a newer version, the target is not empty, or another restore
 *   has begun meanwhile
 * @throws {StoreBrokenError} when one of the two stores can serve no more
 */
export async function restore(source: Store, target: Store, options: RestoreOptions = {}): Promise<number> {
  const { namespace = "sluice", force = false, clock = systemClock } = options;
  const keys = keysOf(namespace);
  const meta = await metaOf(source, keys, namespace);
  if (!force && await holdsAnything(target, keys)) throw notEmpty();
  const lane = await begin(target, keys, clock, meta, force);
  let rows = 0;
  try {
    if (force) {
      // Lanes first: a process that still works with the database can commit nothing once the other rows are deleted.
      for (const range of [keys.lanes(), keys.under([])]) await send(deleted(rowsOf(target, range)));
    }
    await send(restored());
    await leave();
  } catch (error) {
    if (!(error instanceof LaneGone)) throw error;
    throw new BackupError("Another restore of this database has begun meanwhile, and goes on");
  }
  return rows;

  async function send(mutations: AsyncIterable<Mutation>): Promise<void> {
    for await (const commit of commitsOf(mutations, target.limits)) await commitAll(commit);
  }

  async function commitAll(mutations: readonly Mutation[]): Promise<void> {
    await lane.send({ checks: [], mutations }, (same) => Promise.resolve(same));
  }

  async function* deleted(entries: ReturnType<typeof rowsOf>): AsyncGenerator<Mutation, void> {
    const kept = [keys.meta(), lane.key].map(keyId);
    for await (const { key } of entries) if (!kept.includes(keyId(key))) yield del(key);
  }

  async function* restored(): AsyncGenerator<Mutation, void> {
    for (const range of keys.without("lane", "meta", "worker")) {
      for await (const { key, value } of rowsOf(source, range)) yield counted(putRaw(key, value));
    }
    for await (const { key, value } of rowsOf(source, keys.workers())) {
      yield counted(put(key, { ...decode<WorkerRow>(value), lost: true }));
    }
    for await (const { key, value } of rowsBeside(source)) yield counted(putRaw(key, value));
  }

  function counted(mutation: Mutation): Mutation {
    rows++;
    return mutation;
  }

  async function leave(): Promise<void> {
    try {
      await commitAll([put(keys.meta(), meta), del(lane.key), told(keys, clock, namespace, rows)]);
    } catch (error) {
      if (!(error instanceof LaneGone)) throw error;
      // The commit landed without an answer, and deleted the lane, unless `meta` still speaks of a restore.
      const [entry] = await readUntilAnswered(target, clock, [keys.meta()]);
      if (decodeEntry<MetaRow>(entry)?.restoring) throw error;
    }
  }
}

/** The entry of the audit. */
function told(keys: Keys, clock: Clock, namespace: string, rows: number): Mutation {
  const actor: Actor = { kind: "command", name: "restore" };
  return audit(
    { keys, clock, nextId: idSource(clock), actor },
    { action: "store.restore", target: namespace, after: { rows } },
  );
}

async function metaOf(source: Store, keys: Keys, namespace: string): Promise<MetaRow> {
  const meta = decodeEntry<MetaRow>((await source.getMany([keys.meta()]))[0]);
  const known = dataVersion();
  if (!meta) throw new BackupError(`The backup holds nothing of NAMESPACE '${namespace}'`);
  if (meta.restoring) throw new BackupError("The backup was made of a database that was not fully restored");
  if (meta.version > known) {
    throw new BackupError(
      `The backup has version ${meta.version}, this program knows ${known}: restore it with a newer Sluice`,
    );
  }
  return meta;
}

async function holdsAnything(target: Store, keys: Keys): Promise<boolean> {
  if ((await target.list(keys.under([]), { limit: 1 })).length > 0) return true;
  return !(await rowsBeside(target).next()).done;
}

function notEmpty(): BackupError {
  return new BackupError(
    "The database is not empty: restore into a new one, or replace what it holds with --force",
  );
}

/** Marks the target as being restored, and makes the lane through which that is done. */
async function begin(
  target: Store,
  keys: Keys,
  clock: Clock,
  { version }: MetaRow,
  force: boolean,
): Promise<Lane> {
  const key: Key = keys.lane(`restore-${idSource(clock)()}`, 0);
  for (;;) {
    const [meta] = await readUntilAnswered(target, clock, [keys.meta()]);
    if (meta && !force) throw notEmpty();
    const checks = [
      { key, versionstamp: null },
      { key: keys.meta(), versionstamp: meta?.versionstamp ?? null },
    ];
    const mutations = [
      putRaw(key, 0),
      put(keys.meta(), { version, restoring: true } satisfies MetaRow),
    ];
    let versionstamp: string | null = null;
    try {
      versionstamp = await withDeadline(clock, COMMIT_DEADLINE, target.commit(checks, mutations));
    } catch (error) {
      if (error instanceof StoreBrokenError || error instanceof RefusedCommitError) throw error;
      await sleep(clock, 100);
    }
    // There was no answer, or the client repeated the commit, and the repeat met the rows of the first: the lane tells.
    versionstamp ??= (await readUntilAnswered(target, clock, [key]))[0]?.versionstamp ?? null;
    if (versionstamp !== null) return new Lane(target, key, versionstamp, clock);
  }
}
