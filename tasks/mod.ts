/**
 * The demonstration tasks: what the source systems' clients submit.
 *
 * @module
 */
import type { AnyTaskDefinition, CodeSchedule, Random } from "../queue/mod.ts";
import { s0Schedules, s0Tasks } from "./s0.ts";

/** How the demonstration tasks behave. */
export interface DemoOptions {
  /** Factor on every duration; 0 does not wait. */
  readonly timeScale: number;
  /** Decides which runs fail. */
  readonly random: Random;
}

/**
 * All demonstration tasks, for `createQueue`.
 *
 * @example
 * ```ts
 * import { createQueue, memoryStore } from "@sluice/sluice";
 * import { demoSchedules, demoTasks } from "@sluice/sluice/tasks";
 *
 * const definitions = demoTasks({ timeScale: 0, random: Math.random });
 * const queue = createQueue({ store: memoryStore(), definitions, schedules: demoSchedules() });
 * console.assert(queue.definitions().some((definition) => definition.name === "app.tasks.add"));
 * ```
 */
export function demoTasks(options: DemoOptions): AnyTaskDefinition[] {
  return s0Tasks(options);
}

/** The schedules that belong to {@link demoTasks}. */
export function demoSchedules(): CodeSchedule[] {
  return s0Schedules();
}
