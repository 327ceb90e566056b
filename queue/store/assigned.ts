/**
 * Opens the database that Deno Deploy has assigned to the program. Without an assigned database, each instance of a
 * program there has a database of its own, or no `Deno.openKv` at all: the tasks that an instance accepted would be
 * gone with it.
 *
 * @module
 */
import { kvDoorbell } from "./doorbell.ts";
import type { OpenStoreOptions } from "./open.ts";
import type { Store } from "./port.ts";
import { storeOnServer } from "./server.ts";

/**
 * Opens the assigned database, as `Deno.openKv()` without a path names it. All instances share it.
 *
 * @returns `null` when no database is assigned
 * @throws the client's error when the database cannot be reached
 */
export async function openAssignedStore(options: OpenStoreOptions = {}): Promise<Store | null> {
  const { namespace = "sluice", random = Math.random } = options;
  if (typeof Deno.openKv !== "function") return null;
  const kv = await Deno.openKv();
  // A shared database has no queue; a database of the instance's own has one.
  if (await kvDoorbell(kv, namespace) === null) {
    return storeOnServer(kv, undefined, { ...options, namespace, random });
  }
  kv.close();
  return null;
}
