/**
 * Backup of a database that may be at work: a database file that holds all of it.
 *
 * @module
 */
import { BackupError } from "../errors.ts";
import { copyDatabase, exists } from "../store/file.ts";

/**
 * Copies a database file as it is at one moment, whoever has it open and works with it: a program of Sluice, or a KV
 * server (denokv) on the same machine.
 *
 * @param target path of a file that is not there yet
 * @throws {BackupError} when there is nothing to copy, the target exists, or it cannot be written
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
export async function backup(path: string, target: string): Promise<void> {
  if (!exists(path)) throw new BackupError(`There is no database file '${path}'`);
  if (exists(target)) throw new BackupError(`'${target}' is there already: name a new file`);
  try {
    await copyDatabase(path, target);
  } catch (error) {
    const { message } = error as Error;
    throw new BackupError(`Database '${path}' cannot be copied to '${target}': ${message}`, { cause: error });
  }
}
