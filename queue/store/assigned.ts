/**
 * Opens the database that Deno Deploy has assigned to the program. Without one, a program there gets a database of its
 * own in each instance, or no `Deno.openKv` at all: what it accepted would be gone with the instance.
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
 * @returns `null` when none is assigned
 * @throws the client's error when it cannot be reached
 */
export async function openAssignedStore(options: OpenStoreOptions = {}): Promise<Store | null> {
  const { namespace = "sluice", random = Math.random } = options;
  if (typeof Deno.openKv !== "function") return null;
  const kv = await Deno.openKv();
  // A shared database has no queue, one of the instance's own has.
  if (await kvDoorbell(kv, namespace) === null) {
    return storeOnServer(kv, undefined, { ...options, namespace, random });
  }
  kv.close();
  return null;
}
