/**
 * The commands that look at the database or copy it, and end: `doctor`, `backup` and `restore`. Each returns its exit code.
 *
 * @module
 */
import {
  type AnyTaskDefinition,
  backup,
  diagnose,
  openStore,
  restore,
  StoreBrokenError,
} from "../queue/mod.ts";
import type { Settings } from "../routes/mod.ts";
import { type Command, UsageError } from "./command.ts";
import { report, tell } from "./explain.ts";

/**
 * `doctor`: examines what is stored.
 *
 * @param definitionsOf the program's task definitions, wanted once the database is open
 * @returns 0 when all is well, 1 when something is broken, 2 when the database could not be examined
 */
export async function examine(
  { KV_PATH: path, NAMESPACE: namespace }: Settings,
  { usage, repair, json }: Command,
  definitionsOf: () => Promise<readonly AnyTaskDefinition[]>,
): Promise<number> {
  const isFile = !/^https?:|^:/.test(path);
  if (isFile) assertFile(path, usage);
  try {
    const store = await openStore(path, { namespace });
    const definitions = await definitionsOf();
    const { broken } = await diagnose(store, { namespace, definitions, repair, json, tell });
    store.close();
    return broken > 0 ? 1 : 0;
  } catch (error) {
    report(error);
    if (isFile && error instanceof StoreBrokenError && error.message.includes(" is in use ")) {
      tell(
        "A file that a process has open is examined as a copy: deno task backup copy.kv, then KV_PATH=copy.kv deno task doctor",
      );
    }
    return 2;
  }
}

/** `backup`: copies the database into a new file, while others work with it. */
export async function backUp({ KV_PATH, NAMESPACE }: Settings, { file }: Command): Promise<number> {
  await backup(KV_PATH, file, { namespace: NAMESPACE });
  tell(`Copied '${KV_PATH}' into '${file}': ${(Deno.statSync(file).size / 1e6).toFixed(1)} MB`);
  return 0;
}

/** `restore`: puts the rows of such a file into the database. */
export async function restoreFrom(
  { KV_PATH, NAMESPACE }: Settings,
  { file, force, usage }: Command,
): Promise<number> {
  assertFile(file, usage);
  const [source, target] = [await openStore(file), await openStore(KV_PATH)];
  const rows = await restore(source, target, { namespace: NAMESPACE, force });
  source.close();
  target.close();
  tell(`Restored '${file}' into '${KV_PATH}': ${rows} rows`);
  return 0;
}

/** Refuses a path that names no file, because opening a database that is not there would make it. */
function assertFile(path: string, usage: string): void {
  try {
    if (Deno.statSync(path).isFile) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
  }
  throw new UsageError(`There is no database file '${path}'`, usage);
}
