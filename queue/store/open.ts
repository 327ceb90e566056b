/**
 * Opens the store that a path names: Deno KV in memory, in a file or on a server. A file is opened by one process at a
 * time, because two processes would not hear each other's wake-ups for up to a minute and would refuse each other's
 * commits (see `kv_store.ts`). A server is for any number of processes.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { StoreBrokenError } from "../ground/errors.ts";
import { assertReadable } from "./damage.ts";
import { makeShrinkable, shrink, thinIndex } from "./file.ts";
import { kvDoorbell } from "./doorbell.ts";
import { brokenHint } from "./kv_errors.ts";
import { kvStore } from "./kv_store.ts";
import { type FileLock, lockFile } from "./lock.ts";
import type { Store } from "./port.ts";
import { isServer, openServer } from "./server.ts";

/** Options of {@link openStore}. */
export interface OpenStoreOptions {
  /** Wake-ups of another namespace in the same database are ignored. @default {"sluice"} */
  readonly namespace?: string;
  /** See `KvStoreOptions.random`. @default {Math.random} */
  readonly random?: () => number;
  /** Called with `null` when a KV server does not answer any more, and with the outage's length when it does again. */
  readonly onOutage?: (ended: { readonly seconds: number } | null) => void;
}

/**
 * Opens a store.
 *
 * @param path `:memory:`, the address of a KV server (`http://` or `https://`), or the path of a file; the file and its
 *   folder are made when they do not exist
 * @throws {StoreBrokenError} when the store cannot be opened; the message names the path, the hint says what to do
 */
export async function openStore(path: string, options: OpenStoreOptions = {}): Promise<Store> {
  const { namespace = "sluice", random = Math.random } = options;
  if (path === ":memory:") return await storeOf(await Deno.openKv(path), () => {});
  if (isServer(path)) return await openServer(path, { ...options, namespace, random });
  assertFilePath(path);
  let lock: FileLock | null = null;
  try {
    const realPath = makeFile(path);
    lock = lockFile(`${realPath}.lock`, path);
    // Fails here for a file that must not be written to; SQLite would open it and fail at the first commit.
    Deno.openSync(realPath, { write: true }).close();
    assertReadable(realPath);
    if (Deno.statSync(realPath).size === 0) await makeTables(realPath);
    else shrink(realPath);
    thinIndex(realPath);
    return await storeOf(await Deno.openKv(realPath), lock.release);
  } catch (error) {
    lock?.release();
    throw openError(path, error);
  }

  async function storeOf(kv: Deno.Kv, onClose: () => void): Promise<Store> {
    try {
      const doorbell = await kvDoorbell(kv, namespace);
      return kvStore(kv, { incarnation: crypto.randomUUID(), doorbell, random, onClose });
    } catch (error) {
      kv.close();
      throw error;
    }
  }
}

function assertFilePath(path: string): void {
  if (path !== "" && !path.startsWith(":") && !/^\w{2,}:\/\//.test(path)) return;
  throw new StoreBrokenError(
    `Database must be a file, ':memory:' or a KV server's address: '${path}'`,
    "Name a file, such as './data/sluice.kv', or ':memory:', or a server, such as 'https://kv.example:4512'",
  );
}

/** Makes a database of an empty file. */
async function makeTables(path: string): Promise<void> {
  makeShrinkable(path);
  (await Deno.openKv(path)).close();
}

/** Makes the file and its folder where they are missing, and returns the one real path behind any links. */
function makeFile(path: string): string {
  try {
    const realPath = Deno.realPathSync(path);
    if (Deno.statSync(realPath).isDirectory) throw new Deno.errors.IsADirectory("It is a folder");
    return realPath;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.openSync(path, { write: true, create: true }).close();
  return Deno.realPathSync(path);
}

function openError(path: string, error: unknown): StoreBrokenError {
  if (error instanceof StoreBrokenError) return error;
  const { message } = error as Error;
  return new StoreBrokenError(`Database '${path}' cannot be opened: ${message}`, hintFor(path, error), {
    cause: error,
  });
}

function hintFor(path: string, error: unknown): string {
  const folder = dirname(path);
  if (error instanceof Deno.errors.NotCapable) {
    return `Run Deno with --allow-read=${folder} --allow-write=${folder}`;
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return `Give this user write permission on '${path}' and on its folder`;
  }
  if (error instanceof Deno.errors.IsADirectory) {
    return `'${path}' is a folder: name a file in it, such as '${join(path, "sluice.kv")}'`;
  }
  if (error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.AlreadyExists) {
    return `A part of '${folder}' is a file: name a folder for '${basename(path)}'`;
  }
  return brokenHint(error) ?? `Look whether '${path}' is a database file, and whether its disk is well`;
}
