/**
 * The work on a database file that goes through SQLite instead of Deno: copying it as it is at one moment while others
 * write, giving back the room that deleted rows have left (`VACUUM` would do both, but Deno lets it run only with all
 * permissions), and making an index hold fewer rows.
 *
 * @module
 */
import { backup, DatabaseSync } from "node:sqlite";

/** More pages than a file has: one step, so one snapshot. A copy in several steps begins anew at each commit. */
const ALL_PAGES = 2 ** 31 - 1;

/**
 * Copies a database file as it is at one moment, also while it is open elsewhere and written to; no writer waits for
 * that. The copy is synced to the disk, and a database file like any other.
 *
 * @param target path of the copy; a crash leaves an unfinished copy at `<target>.part`
 * @throws SQLite's own error, or the file system's
 */
export async function copyDatabase(path: string, target: string): Promise<void> {
  const part = `${target}.part`;
  remove(part);
  try {
    // Not read-only: whoever closes a database last removes its `-wal` and `-shm`, and has to write for that.
    const database = new DatabaseSync(path);
    try {
      await backup(database, part, { rate: ALL_PAGES });
    } finally {
      database.close();
    }
    using file = Deno.openSync(part, { write: true });
    file.syncSync();
    Deno.renameSync(part, target);
  } catch (error) {
    remove(part);
    throw error;
  }
}

/**
 * Makes a database of an empty file, one that can become smaller again: `shrink` has no effect on any other. The mode
 * has to be set before the first table is made. It costs nothing that could be measured (ratio of CPU per task 0.99,
 * seven rounds).
 */
export function makeShrinkable(path: string): void {
  const database = new DatabaseSync(path);
  database.exec("pragma auto_vacuum = incremental; pragma user_version = 0");
  database.close();
}

/** Deno's index of when rows expire, as Deno's own migration makes it: with an entry for every row. */
const INDEX_OF_ALL = "CREATE INDEX kv_expiration_ms_idx on kv (expiration_ms)";
/** Bytes of the largest file in which the index is replaced, in half a second. In larger files it stays as it is. */
const SMALL = 64 * 2 ** 20;

/**
 * Replaces Deno's index of when rows expire by one of only those rows that do expire. Rows expire by `expireIn`, which
 * the engine does not use. Under the original index, writing or deleting a row changes two trees. Deno's two queries of
 * the index are about rows that expire, and SQLite answers them from the smaller index too. `deno task bench store`
 * measures bare commits with both indexes: 1.27 times the tasks a second (0.97 to 1.28 in three rounds) and 13 % fewer
 * bytes. An index that is not as known stays as it is. The file must not be open anywhere.
 */
export function thinIndex(path: string): void {
  if (Deno.statSync(path).size > SMALL) return;
  const database = new DatabaseSync(path);
  try {
    const index = database.prepare("select sql from sqlite_master where name = 'kv_expiration_ms_idx'").get();
    if (index?.sql !== INDEX_OF_ALL) return;
    database.exec(`begin; drop index kv_expiration_ms_idx; ${INDEX_OF_ALL} where expiration_ms >= 0; commit`);
  } catch {
    // A full disk, for example. The file serves with the original index as well; a real fault shows where it matters.
  } finally {
    database.close();
  }
}

/** Bytes of free room above which `shrink` is worth the time. */
const WORTH = 64 * 2 ** 20;
/** Milliseconds after which `shrink` leaves the rest for another time. 50-100 MB a second were measured. */
const LONG_ENOUGH = 3000;
/** Pages that `shrink` gives back at a time. */
const STEP = 2000;

/**
 * Gives back the room that deleted rows have left, when that is more than half of the file: SQLite itself keeps the
 * room for rows to come. Takes a few seconds at most, mostly no time. The file must not be open anywhere.
 */
export function shrink(path: string): void {
  const database = new DatabaseSync(path);
  const pragma = (name: string) => Number(Object.values(database.prepare(`pragma ${name}`).get()!)[0]);
  try {
    const free = pragma("freelist_count");
    const worth = free * pragma("page_size") >= WORTH && free > pragma("page_count") / 2;
    if (!worth || pragma("auto_vacuum") === 0) return;
    const end = performance.now() + LONG_ENOUGH;
    while (pragma("freelist_count") > 0 && performance.now() < end) {
      // The pragma gives back one page for each row that is read from it.
      database.prepare(`pragma incremental_vacuum(${STEP})`).all();
    }
  } finally {
    database.close();
  }
}

/** Removes a database file and the files that belong to it. It must not be open anywhere. */
export function removeDatabase(path: string): void {
  for (const part of ["", "-wal", "-shm", ".lock"]) remove(`${path}${part}`);
}

/** Whether something has this path. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
