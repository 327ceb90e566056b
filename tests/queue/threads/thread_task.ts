/**
 * Thread tasks of the functions beside this file.
 *
 * @module
 */
import {
  type AnyTaskDefinition,
  defineThreadTask,
  type Queue,
  systemClock,
  type Task,
  type ThreadContext,
  type ThreadTaskOptions,
} from "../../../queue/mod.ts";
import { anyArgs } from "../../support/held_task.ts";
import { type OpenOptions, type OpenQueue, openQueue } from "../../support/open_queue.ts";

const FUNCTIONS = import.meta.resolve("./functions.ts");

/** A task that runs one of the functions in a thread. */
export function threadTask(
  // deno-lint-ignore no-explicit-any -- functions of any arguments
  handler: (context: ThreadContext, ...args: any[]) => unknown,
  options: Partial<ThreadTaskOptions> = {},
): AnyTaskDefinition {
  return defineThreadTask({ name: handler.name, args: anyArgs, ...options }, FUNCTIONS, handler);
}

/** A queue with two threads that runs by the real clock, as threads do. */
export function openThreads(
  definitions: AnyTaskDefinition[],
  options: Omit<OpenOptions, "definitions"> = {},
): Promise<OpenQueue> {
  return openQueue({ clock: systemClock, store: "own", threads: 2, ...options, definitions });
}

/** The task as soon as its thread has reported progress: it runs. */
export async function reported(queue: Queue, id: string): Promise<Task> {
  for (;;) {
    const task = await queue.get(id);
    if (task.progress !== null) return task;
    await turn();
  }
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
