/**
 * Opens the store at a KV server: denokv, or the managed KV of Deno Deploy from outside. Any number of processes share
 * a server. The client is Deno's own, which itself reads the token from `DENO_KV_ACCESS_TOKEN`.
 *
 * @module
 */
import { StoreBrokenError } from "../ground/errors.ts";
import { kvStore } from "./kv_store.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { type OutageOptions, withOutages } from "./outage.ts";
import type { Store } from "./port.ts";
import { isRefused, openingHint } from "./server_errors.ts";
import { watchedDoorbell } from "./watched_doorbell.ts";

/** A key that is never written; a read of it shows whether a server answers. */
const PROBE = ["__probe"];

/** Whether a path names a KV server. */
export function isServer(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/** Options of {@link openServer}. */
interface ServerOptions extends Omit<OutageOptions, "connect"> {
  /** Namespace of the keys that wake-ups are written to. */
  readonly namespace: string;
}

/**
 * Connects to a server.
 *
 * @param url `http://` or `https://`
 * @throws {StoreBrokenError} when the server does not serve this process; the hint says what to do
 */
export async function openServer(url: string, options: ServerOptions): Promise<Store> {
  let kv: Deno.Kv;
  try {
    kv = await Deno.openKv(url);
  } catch (error) {
    throw unusable(url, error);
  }
  return storeOnServer(kv, url, options);
}

/**
 * Makes the store of a connection to a server.
 *
 * @param url where to connect anew after an outage; `undefined`: the database that Deno Deploy has assigned
 */
export function storeOnServer(kv: Deno.Kv, url: string | undefined, options: ServerOptions): Store {
  const { namespace, random } = options;
  const doorbell = watchedDoorbell(kv, namespace, random);
  const connection = (kv: Deno.Kv) => ({
    store: kvStore(kv, { limits: SERVER_LIMITS, doorbell, random }),
    takeOver: () => doorbell.moveTo(kv),
  });

  async function connect() {
    try {
      const kv = await Deno.openKv(url);
      await kv.get(PROBE);
      return connection(kv);
    } catch (error) {
      throw isRefused(error) ? unusable(url, error) : error;
    }
  }

  return withOutages(connection(kv), { ...options, connect });
}

function unusable(url: string | undefined, error: unknown): StoreBrokenError {
  const { message, hint } = openingHint(error);
  const which = url === undefined ? "The assigned database" : `KV server '${shown(url)}'`;
  return new StoreBrokenError(`${which} cannot be used: ${message}`, hint, { cause: error });
}

/** The address without the parts that may be secret. */
function shown(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url.slice(0, 200);
}
