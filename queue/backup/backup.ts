/**
 * Makes backups. A backup of a database, which may be at work, is a database file that holds all of it.
 *
 * A file is copied as it is at one moment (`store/file.ts`). A KV server shows no more than a page of rows as it is at
 * one moment, so rows that belong together may be copied from different moments. They are read in an order that lets
 * the doctor's repairs put the copy right, while nobody works with it:
 *
 * ```text
 * workflow   first: a workflow that is not among them was accepted after the backup began, so its groups, and those of
 *            its tasks that have not ended, are left out
 * others     pointers, runs, workers, cascades, schedules and the rest, then groups
 * task       after them: if a task has ended by now, its pointer or run is deleted; if it has not, and no page held its
 *            pointer or run, it is put where it belongs
 * blob       after the records that count the chunks
 * beside     last, what handlers have stored: all writes that landed with the ends in this backup, and maybe later ones
 * ```
 *
 * @module
 */
import { repair } from "../doctor/repair.ts";
import { BackupError } from "../ground/errors.ts";
import { recordOf } from "../task/read.ts";
import type { GroupRow, MetaRow } from "../rows/record.ts";
import { decode, decodeEntry } from "../rows/codec.ts";
import { copyDatabase, exists, removeDatabase } from "../store/file.ts";
import { idOf, type Keys, keysOf } from "../rows/keys.ts";
import { openStore } from "../store/open.ts";
import type { Entry, Mutation, Store } from "../store/port.ts";
import { isServer } from "../store/server.ts";
import { putRaw } from "../rows/unit.ts";
import { commitsOf, rowsBeside, rowsOf } from "./copy.ts";

/** The options of {@link backup}. */
interface BackupOptions {
  /** First part of the keys to copy from a server; a file is copied whole. @default {"sluice"} */
  readonly namespace?: string;
}

/**
 * Copies a database, also while processes have it open and work with it.
 *
 * @param path a database file (that of a KV server on this machine too), or the address of a KV server
 * @param target path of a file that is not there yet
 * @throws {BackupError} when there is nothing to copy, the target exists, or it cannot be written
 * @throws {StoreBrokenError} when a server cannot be used
 *
 * @example
 * ```ts
 * import { backup, createQueue, openStore } from "@sluice/sluice";
 *
 * const folder = await Deno.makeTempDir();
 * const store = await openStore(`${folder}/sluice.kv`);
 * const queue = createQueue({ store, definitions: [] });
 * await queue.start();
 * await backup(`${folder}/sluice.kv`, `${folder}/monday.kv`); // in this process, or another
 * await queue.stop();
 * store.close();
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function backup(path: string, target: string, options: BackupOptions = {}): Promise<void> {
  if (exists(target)) throw new BackupError(`'${target}' is there already: name a new file`);
  if (isServer(path)) return await backupServer(path, target, options.namespace ?? "sluice");
  if (!exists(path)) throw new BackupError(`There is no database file '${path}'`);
  try {
    await copyDatabase(path, target);
  } catch (error) {
    const { message } = error as Error;
    throw new BackupError(`Database '${path}' cannot be copied to '${target}': ${message}`, { cause: error });
  }
}

async function backupServer(url: string, target: string, namespace: string): Promise<void> {
  const part = `${target}.rows`;
  removeDatabase(part);
  const from = await openStore(url, { namespace });
  try {
    const to = await openStore(part);
    try {
      await copyRows(from, to, namespace);
    } finally {
      to.close();
    }
    await copyDatabase(part, target);
  } finally {
    from.close();
    removeDatabase(part);
  }
}

/**
 * Copies the rows of a namespace, and those that belong to no Sluice, into an empty store that nobody else writes to,
 * and repairs the copy.
 *
 * @throws {BackupError} when there is nothing, or the stored data are being restored or upgraded
 */
export async function copyRows(from: Store, to: Store, namespace: string): Promise<void> {
  const keys = keysOf(namespace);
  const before = await metaOf(from, keys);
  for await (const commit of commitsOf(inOrder(from, keys), to.limits)) await to.commit([], commit);
  const { versionstamp } = await metaOf(from, keys);
  if (versionstamp !== before.versionstamp) throw unfit();
  await repair(to, { namespace }, () => {});
}

async function* inOrder(from: Store, keys: Keys): AsyncGenerator<Mutation, void> {
  const workflows = new Set<string>();
  for await (const entry of rowsOf(from, keys.workflows())) {
    workflows.add(idOf(entry.key));
    yield copied(entry);
  }
  // Lanes belong to processes, and no process works with the copy.
  for (const range of keys.without("blob", "group", "lane", "task", "workflow")) {
    for await (const entry of rowsOf(from, range)) yield copied(entry);
  }
  for await (const entry of rowsOf(from, keys.groups())) {
    if (workflows.has(decode<GroupRow>(entry.value).root)) yield copied(entry);
  }
  for await (const entry of rowsOf(from, keys.tasks())) {
    const { workflow, doneAt } = recordOf(entry);
    if (!workflow || doneAt !== undefined || workflows.has(workflow.root)) yield copied(entry);
  }
  for await (const entry of rowsOf(from, keys.blobsAll())) yield copied(entry);
  for await (const entry of rowsBeside(from)) yield copied(entry);
}

function copied({ key, value }: Entry): Mutation {
  return putRaw(key, value);
}

async function metaOf(from: Store, keys: Keys): Promise<Entry> {
  const [entry] = await from.getMany([keys.meta()]);
  if (!entry) throw new BackupError("There is nothing to copy in this NAMESPACE of the database");
  const { upgrade, restoring } = decodeEntry<MetaRow>(entry)!;
  if (upgrade || restoring) throw unfit();
  return entry;
}

function unfit(): BackupError {
  return new BackupError("The database is being restored or upgraded: try again when that has ended");
}
