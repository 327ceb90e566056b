/**
 * The first source system's tasks.
 *
 * @module
 */
import { z } from "zod";
import { type AnyTaskDefinition, type CodeSchedule, defineTask } from "../queue/mod.ts";
import { type DemoOptions, none } from "./options.ts";

/** Runs each minute. */
const scheduledTask = defineTask(
  { name: "app.tasks.scheduled_task", args: none, channel: "celery", description: "Runs each minute." },
  (context) => {
    context.log.info("This task runs on a schedule.");
    return "Scheduled task executed by Deno.cron";
  },
);

/** The tasks behind `/add`, `/retry`, `/important` and `/long-running`, and the scheduled one. */
export function s0Tasks({ timeScale, random }: DemoOptions): AnyTaskDefinition[] {
  const add = defineTask(
    {
      name: "app.tasks.add",
      args: z.tuple([z.int(), z.int()]),
      channel: "celery",
      description: "Adds two integers, slowly.",
    },
    async (context, x, y) => {
      // A sleep of 0 s is a timer and a turn of the event loop: a quarter of what a request costs under load.
      if (timeScale > 0) await context.sleep(20 * timeScale);
      return x + y;
    },
  );

  const failingTask = defineTask(
    {
      name: "app.tasks.failing_task",
      args: none,
      channel: "celery",
      maxRetries: 3,
      retry: { delay: 5 * timeScale, factor: 1 },
      description: "Fails in half of its runs.",
    },
    () => {
      if (random() < 0.5) throw new Error("Random failure");
      return "Succeeded";
    },
  );

  const importantTask = defineTask(
    {
      name: "app.tasks.important_task",
      args: none,
      channel: "high_priority",
      description: "Does not wait behind ordinary tasks.",
    },
    (context) => {
      context.log.info("This is an important task.");
      return "Important task executed";
    },
  );

  const longRunningTask = defineTask(
    {
      name: "app.tasks.long_running_task",
      args: none,
      channel: "celery",
      description: "Takes half a minute.",
    },
    async (context) => {
      await context.sleep(30 * timeScale);
      return "Long-running task completed";
    },
  );

  return [add, failingTask, importantTask, longRunningTask, scheduledTask];
}

/** The scheduled task, each full minute. */
export function s0Schedules(): CodeSchedule[] {
  return [{ id: scheduledTask.name, task: scheduledTask, args: [], trigger: { cron: "* * * * *" } }];
}
