/**
 * The demonstration tasks: what the source systems' clients submit.
 *
 * @module
 */
import type { AnyTaskDefinition, CodeSchedule } from "../queue/mod.ts";
import { type DemoOptions, s0Schedules, s0Tasks } from "./s0.ts";
import { sumToNJob } from "./s3_sum.ts";
import { spamTasks } from "./spam/mod.ts";

export type { DemoOptions };

/**
 * All demonstration tasks, for `createQueue`.
 *
 * @example
 * ```ts
 * import { createQueue, memoryStore } from "@sluice/sluice";
 * import assert from "node:assert/strict";
 * import { demoSchedules, demoTasks } from "@sluice/sluice/tasks";
 *
 * const definitions = demoTasks({ timeScale: 0, random: Math.random });
 * const queue = createQueue({ store: memoryStore(), definitions, schedules: demoSchedules() });
 * assert(queue.definitions().some((definition) => definition.name === "app.tasks.add"));
 * ```
 */
export function demoTasks(options: DemoOptions): AnyTaskDefinition[] {
  return [...s0Tasks(options), sumToNJob, ...spamTasks(options)];
}

/** The schedules that belong to {@link demoTasks}. */
export function demoSchedules(): CodeSchedule[] {
  return s0Schedules();
}
