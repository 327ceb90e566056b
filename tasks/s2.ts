/**
 * The third source system's task, which reports its progress.
 *
 * @module
 */
import { z } from "zod";
import { type AnyTaskDefinition, defineTask } from "../queue/mod.ts";
import type { DemoOptions } from "./options.ts";

/** `test_celery`, under its short and its full name. */
export function s2Tasks({ timeScale }: DemoOptions): AnyTaskDefinition[] {
  const testCelery = defineTask(
    {
      name: "test_celery",
      args: z.tuple([z.string()]),
      channel: "test-queue",
      description: "Ten steps of a second, each of which it reports.",
    },
    async (context, word) => {
      for (let step = 1; step <= 10; step++) {
        await context.sleep(1 * timeScale);
        context.progress({ process_percent: step * 10 });
      }
      return `test task return ${word}`;
    },
  );

  return [testCelery, { ...testCelery, name: "app.worker.celery_worker.test_celery" }];
}
