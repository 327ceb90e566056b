/**
 * Looks for damage of a database file that Deno itself does not survive: Deno reads the queue and the index of expiry
 * as it opens a file, and a damaged page there ends the process with a panic (Deno 2.9.6, denokv_sqlite 0.14.0
 * lib.rs:300 and :327), which cannot be caught. The same reads, made through SQLite beforehand, throw. They cost 1 ms
 * whatever the file's size.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";

const READS = [
  "select id from queue_running order by deadline limit 1",
  "select ts from queue order by ts limit 1",
  "select expiration_ms from kv where expiration_ms >= 0 order by expiration_ms limit 1",
];

/**
 * Reads what Deno will read as it opens the file.
 *
 * @throws {Error} SQLite's own, when the file is damaged or no database
 */
export function assertReadable(path: string): void {
  const database = new DatabaseSync(path);
  try {
    const tables = database.prepare("select name from sqlite_master where name = 'kv'").all();
    if (tables.length > 0) { for (const read of READS) database.prepare(read).all(); }
  } finally {
    database.close();
  }
}
