/**
 * Tasks that run in threads: for handlers that compute, and would hold up the event loop and with it everything else.
 *
 * @module
 */
import type { z } from "zod";
import {
  type AnyTaskDefinition,
  type ArgsSchema,
  type DefinedTask,
  defineTask,
  type TaskContext,
  type TaskOptions,
} from "../task/define.ts";

/** The context of a function in a thread. A thread has no access to the database, so no `commit` and no `lock`. */
export type ThreadContext = Pick<
  TaskContext,
  "id" | "name" | "retries" | "maxRetries" | "idempotencyKey" | "signal" | "log" | "progress" | "retry"
>;

/** A task definition whose handler runs in a thread. */
export interface ThreadTaskOptions<Schema extends ArgsSchema = ArgsSchema> extends TaskOptions<Schema> {
  /** Megabytes of JavaScript heap at which a run fails as OutOfMemoryError; buffers are not counted. @default {256} */
  readonly memory?: number;
}

/** Megabytes of heap for tasks whose definition names none. */
const DEFAULT_MEMORY = 256;

/**
 * Defines a task that runs in a thread. The thread imports the module and calls the export that has the function's
 * name; arguments and result are copied. See docs/pools.md.
 *
 * @param options name, arguments and defaults, as for `defineTask`, and `memory`
 * @param module the URL of the module that exports the function: `import.meta.url`, or `import.meta.resolve("./sums.ts")`
 * @param handler the function; in a loop that never awaits, it sees `context.signal.aborted` change all the same
 * @returns the definition, to be given to `createQueue` and to `queue.submit`
 * @throws {TypeError} when the function has no name, the module is no URL, or the memory is not from 8 to 65536
 *
 * @example
 * ```ts ignore
 * import { defineThreadTask } from "@sluice/sluice";
 * import { z } from "zod";
 * import { sumToN } from "./sum_to_n.ts";
 *
 * const sum = defineThreadTask(
 *   { name: "sum", args: z.tuple([z.int()]), timeLimit: 60 },
 *   import.meta.resolve("./sum_to_n.ts"),
 *   sumToN,
 * );
 * ```
 */
export function defineThreadTask<const Schema extends ArgsSchema, Result>(
  { memory = DEFAULT_MEMORY, ...options }: ThreadTaskOptions<Schema>,
  module: string,
  handler: (context: ThreadContext, ...args: z.output<Schema>) => Result | Promise<Result>,
): DefinedTask<Schema, Result> {
  const faults: string[] = [];
  if (handler.name === "") faults.push("its function must have the name under which its module exports it");
  if (!URL.canParse(module)) faults.push(`its module must be a URL: got '${module}'`);
  if (!(memory >= 8 && memory <= 65_536)) {
    faults.push(`memory must be megabytes from 8 to 65536: got ${memory}`);
  }
  if (faults.length > 0) throw new TypeError(`Cannot define task '${options.name}': ${faults.join("; ")}`);
  return { ...defineTask(options, handler), thread: { module, export: handler.name, memory } };
}

/**
 * Refuses tasks whose handler a thread would not find in their module, before any of them runs.
 *
 * @throws {TypeError} naming the task and its module
 */
export async function checkThreadTasks(definitions: Iterable<AnyTaskDefinition>): Promise<void> {
  for (const { name, handler, thread } of definitions) {
    if (!thread) continue;
    const fault = (what: string) => new TypeError(`Cannot run task '${name}' in a thread: ${what}`);
    if (thread.module === Deno.mainModule) {
      throw fault(`${thread.module} is the program itself, which would run again in each thread`);
    }
    const exports = await import(thread.module);
    if (exports[thread.export] !== handler) {
      throw fault(`${thread.module} does not export its handler as '${thread.export}'`);
    }
  }
}
