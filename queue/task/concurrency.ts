/**
 * Concurrency keys: a definition makes a key from a task's arguments, and only a limited number of tasks with one key
 * run at a time, in all processes together. The key is made at submission, or, when arguments come late, by a claim
 * (`claim/late_keys.ts`).
 *
 * The row `slots` of a key names the tasks that may run under it. A task is entered into `slots`, under a check of that
 * row, by the same commit that writes its `run` row, or that releases it from `blocked` to `ready`. Against a claim a
 * task counts only while its `run` row exists. So the key needs no write when a run ends, is retried, given back or
 * rescued: a claim that finds the key full looks for runs that are gone, and its commit drops them from the row. If
 * such a task were started again in between, its start would have rewritten `slots`, and the commit that drops it would
 * fail.
 *
 * @module
 */
import type { AnyTaskDefinition } from "./define.ts";
import type { Namespace } from "../rows/keys.ts";
import { InvalidTaskError } from "../ground/errors.ts";
import type { Standing } from "../rows/record.ts";
import type { Json } from "../ground/task.ts";

/** Most tasks of one key that may run at a time: their `slots` row must fit into a value. */
export const MOST_OF_A_KEY = 250;

/** Most characters of a key. */
const LONGEST_KEY = 200;

/**
 * Makes the concurrency key that a definition gives to these arguments; `null` when it gives none.
 *
 * @param at JSON pointer of the arguments
 * @throws {InvalidTaskError} when the definition's function throws, or returns no valid key
 */
export function keyOf(definition: AnyTaskDefinition, args: readonly Json[], at: string): string | null {
  if (!definition.concurrencyKey) return null;
  let detail: string;
  try {
    const key: unknown = definition.concurrencyKey(...definition.args.parse(args));
    if (key === null) return null;
    if (typeof key === "string" && key !== "" && key.length <= LONGEST_KEY && key.isWellFormed()) return key;
    const found = typeof key === "string" ? `${key.length} characters` : typeof key;
    detail = `must make a concurrency key of 1 to ${LONGEST_KEY} characters: got ${found}`;
  } catch (error) {
    detail = `must make a concurrency key: concurrencyKey of '${definition.name}' threw ${error}`;
  }
  throw new InvalidTaskError([{ pointer: at, detail }]);
}

/** The number of tasks of one key that a definition lets run at a time. */
export function limitOf(definition: AnyTaskDefinition): number {
  // A task has a key although its definition has none when an earlier version of the program submitted it.
  return definition.concurrencyKey ? definition.concurrencyLimit ?? 1 : Infinity;
}

/** The tasks of a limit's row that run, and those that are ready. */
interface Stands {
  readonly running: readonly Standing[];
  readonly ready: readonly Standing[];
}

/** Reads which of these tasks run and which are ready. Tasks that have ended or wait elsewhere are in neither list. */
export async function standsOf(engine: Namespace, tasks: readonly Standing[]): Promise<Stands> {
  const { keys, store } = engine;
  // Ten keys are read in one snapshot, so the two keys of a task are: a task that is claimed meanwhile is not missed.
  const found = await store.getMany(
    tasks.flatMap(([id, channel, priority]) => [keys.run(id), keys.ready(channel, priority, id)]),
  );
  return {
    running: tasks.filter((_, i) => found[2 * i]),
    ready: tasks.filter((_, i) => !found[2 * i] && found[2 * i + 1]),
  };
}
