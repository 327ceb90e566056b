/**
 * Backup of a database that may be at work: a database file that holds all of it.
 *
 * A file is copied as it is at one moment (`store/file.ts`). A KV server gives no such moment from afar: only a page of
 * rows is one. Its rows are read in an order in which what is torn apart between two pages can be told, and the copy,
 * with which nobody works, is then put right as the doctor does it:
 *
 * ```text
 * workflow   first: what is stored of one that was not there yet was accepted after the backup began, and is left out
 * others     where tasks stand, who runs them, what ends have left to be done
 * task       after them: a task that has ended by now stands nowhere; one that has not, and that no page has met, is put
 *            where it belongs
 * blob       after the records that count them
 * beside     last, what handlers have stored: at least all that goes with the ends in this backup
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

/** What a backup may be told. */
interface BackupOptions {
  /** First part of the keys of the Sluice to copy from a server; a file is copied whole. @default {"sluice"} */
  readonly namespace?: string;
}

/**
 * Copies a database, whoever has it open and works with it.
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
 * Copies the rows of a namespace, and those that belong to none, into an empty store that nobody else writes to, and
 * puts right what was torn apart.
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
  // Lanes are of no use in a copy.
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
