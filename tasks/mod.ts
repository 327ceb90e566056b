/**
 * The demonstration tasks, which the source systems' clients submit: a file for each system (`s0.ts` to `s4.ts`), e-mail,
 * and spam. They import `queue/mod.ts` and packages, and know nothing of HTTP or of the environment.
 *
 * @module
 */
import type { AnyTaskDefinition, CodeSchedule } from "../queue/mod.ts";
import { emailTasks } from "./email.ts";
import type { DemoOptions, SmtpOptions } from "./options.ts";
import { s0Schedules, s0Tasks } from "./s0.ts";
import { s1Tasks } from "./s1.ts";
import { s2Tasks } from "./s2.ts";
import { s3Tasks } from "./s3.ts";
import { s4Routes, s4Tasks } from "./s4.ts";
import { spamTasks } from "./spam/mod.ts";

export type { DemoOptions, SmtpOptions };

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
  return [
    ...s0Tasks(options),
    ...s1Tasks(options),
    ...emailTasks(options),
    ...s2Tasks(options),
    ...s3Tasks(options),
    ...s4Tasks(options),
    ...spamTasks(options),
  ];
}

/** The schedules that belong to {@link demoTasks}. */
export function demoSchedules(): CodeSchedule[] {
  return s0Schedules();
}

/** Channels by patterns of names, for the {@link demoTasks} that name no channel: `taskRoutes` of `createQueue`. */
export const demoRoutes = s4Routes;
