/**
 * Opens the store at a KV server: denokv, or the managed KV of Deno Deploy from outside. Any number of processes share
 * it. Its client is Deno's own, and takes the token from `DENO_KV_ACCESS_TOKEN` itself.
 *
 * @module
 */
import { StoreBrokenError } from "../errors.ts";
import { kvStore } from "./kv_store.ts";
import { SERVER_LIMITS } from "./limits.ts";
import type { Store } from "./port.ts";
import { openingHint } from "./server_errors.ts";
import { watchedDoorbell } from "./watched_doorbell.ts";

/** Whether a path names a KV server. */
export function isServer(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/**
 * Connects to a server.
 *
 * @param url `http://` or `https://`
 * @param namespace in whose keys wake-ups are written
 * @param random see `KvStoreOptions.random`
 * @throws {StoreBrokenError} when it does not serve this process; the hint says what to do
 */
export async function openServer(url: string, namespace: string, random: () => number): Promise<Store> {
  try {
    const kv = await Deno.openKv(url);
    const doorbell = watchedDoorbell(kv, namespace, random);
    return kvStore(kv, { limits: SERVER_LIMITS, doorbell, random });
  } catch (error) {
    const { message, hint } = openingHint(error);
    throw new StoreBrokenError(`KV server '${shown(url)}' cannot be used: ${message}`, hint, {
      cause: error,
    });
  }
}

/** The address without what may be secret in it. */
function shown(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url.slice(0, 200);
}
