/**
 * Concurrency keys: what a definition makes of its arguments, so that of the tasks with one key only so many run at a
 * time, in all processes together.
 *
 * The row `slots` of a key names the tasks that may run under it. A task is entered by the very commit that writes its
 * `run` row, under check of `slots`; and it counts only while that row exists. So nothing has to be written when a run
 * ends, fails, is given back or rescued: whoever needs the place sees that the run is gone, and drops it from the row
 * with the next commit that rewrites it. That is safe: were the task started again in between, its new start would have
 * rewritten `slots`, and the commit that drops it would fail.
 *
 * @module
 */
import type { AnyTaskDefinition } from "./define.ts";
import type { Namespace } from "../rows/keys.ts";
import { InvalidTaskError } from "../ground/errors.ts";
import type { Standing } from "../rows/record.ts";
import type { Json } from "../ground/task.ts";

/** Most tasks of a key that may run at a time: their row must fit into a value. */
export const MOST_OF_A_KEY = 250;

/** Characters of a key. */
const LONGEST_KEY = 200;

/**
 * The concurrency key that a definition makes of arguments.
 *
 * @param at JSON pointer of the arguments
 * @throws {InvalidTaskError} when what it makes is no key
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

/** How many tasks of a key a definition lets run at a time. */
export function limitOf(definition: AnyTaskDefinition): number {
  // Submitted by a program whose definition still had a key.
  return definition.concurrencyKey ? definition.concurrencyLimit ?? 1 : Infinity;
}

/** Where the tasks of a limit's row stand. */
interface Stands {
  readonly running: readonly Standing[];
  readonly ready: readonly Standing[];
}

/** Looks where tasks stand; those that have ended, or wait elsewhere, are in neither list. */
export async function standsOf(engine: Namespace, tasks: readonly Standing[]): Promise<Stands> {
  const { keys, store } = engine;
  // Two keys a task: reads by ten keep them in one snapshot, so none is missed on its way from the one to the other.
  const found = await store.getMany(
    tasks.flatMap(([id, channel, priority]) => [keys.run(id), keys.ready(channel, priority, id)]),
  );
  return {
    running: tasks.filter((_, i) => found[2 * i]),
    ready: tasks.filter((_, i) => !found[2 * i] && found[2 * i + 1]),
  };
}
