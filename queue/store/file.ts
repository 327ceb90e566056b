/**
 * What is done with a database file past Deno, through SQLite: a copy of one moment while others write, giving back the
 * room that deleted rows have left (`VACUUM` would do both, but Deno lets it run only with all permissions), and an index
 * of fewer rows.
 *
 * @module
 */
import { backup, DatabaseSync } from "node:sqlite";

/** As many pages as there may be: the copy is one step, in one snapshot. In several it begins anew at each commit. */
const ALL_PAGES = 2 ** 31 - 1;

/**
 * Copies a database file as it is at one moment, whoever has it open and writes to it. Nobody waits for it. The copy is
 * on the disk, and a database file like any other.
 *
 * @param target a crash leaves what it had begun at `<target>.part`
 * @throws SQLite's own error, or the file system's
 */
export async function copyDatabase(path: string, target: string): Promise<void> {
  const part = `${target}.part`;
  remove(part);
  try {
    const database = new DatabaseSync(path, { readOnly: true });
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
 * Makes an empty file a database that can become smaller again: `shrink` has no effect on others. This has to be decided
 * before there is a table. It costs nothing that could be measured (ratio of CPU per task 0.99, seven rounds).
 */
export function makeShrinkable(path: string): void {
  const database = new DatabaseSync(path);
  database.exec("pragma auto_vacuum = incremental; pragma user_version = 0");
  database.close();
}

/** Deno's index of when rows expire, as its own migration makes it: it holds the key of every row. */
const INDEX_OF_ALL = "CREATE INDEX kv_expiration_ms_idx on kv (expiration_ms)";
/** Bytes of a file in which the index is replaced at once: half a second. In larger ones it stays. */
const SMALL = 64 * 2 ** 20;

/**
 * Has Deno's index of when rows expire hold the rows that do: `expireIn`, which the engine does not use. As it is, each
 * row that is written or deleted is so in two trees. Deno's two questions to the index are about rows that expire, and
 * SQLite answers them from this one too. `deno task bench store` tells bare commits with both: 1.27 times the
 * tasks a second (0.97 to 1.28 in three rounds) and 13 % fewer bytes. Does nothing with tables that are not as known. Nobody may have the
 * file open.
 */
export function thinIndex(path: string): void {
  if (Deno.statSync(path).size > SMALL) return;
  const database = new DatabaseSync(path);
  try {
    const index = database.prepare("select sql from sqlite_master where name = 'kv_expiration_ms_idx'").get();
    if (index?.sql !== INDEX_OF_ALL) return;
    database.exec(`begin; drop index kv_expiration_ms_idx; ${INDEX_OF_ALL} where expiration_ms >= 0; commit`);
  } catch {
    // A full disk, for example: the file is as good without it, and what is wrong shows where it matters.
  } finally {
    database.close();
  }
}

/** Bytes that must be free for it to be worth the time. */
const WORTH = 64 * 2 ** 20;
/** Milliseconds after which it is enough: the rest is for another time. 50-100 MB a second were measured. */
const LONG_ENOUGH = 3000;
/** Pages that are given back at a time. */
const STEP = 2000;

/**
 * Gives the room back that deleted rows have left, when it is more than half of the file: SQLite itself keeps it for
 * what comes. Takes a few seconds at most, mostly no time. Nobody may have the file open.
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
      // It gives back a page for each row that is asked for.
      database.prepare(`pragma incremental_vacuum(${STEP})`).all();
    }
  } finally {
    database.close();
  }
}

/** Removes a database file and what belongs to it. Nobody may have it open. */
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
