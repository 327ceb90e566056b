/**
 * The fourth source system's tasks: the jobs that its producer publishes.
 *
 * @module
 */
import { z } from "zod";
import { type AnyTaskDefinition, defineTask, defineThreadTask } from "../queue/mod.ts";
import { type DemoOptions, none } from "./options.ts";
import { sumToN } from "./sum_to_n.ts";

/** Keeps a thread busy, and the event loop free. */
const sumToNJob = defineThreadTask(
  {
    name: "sum_to_n_job",
    args: z.tuple([z.int()]),
    channel: "celery",
    description: "Adds up the integers from 1 to a number, in a thread.",
  },
  import.meta.resolve("./sum_to_n.ts"),
  sumToN,
);

/** The tasks behind `/producer/api`. */
export function s3Tasks({ timeScale }: DemoOptions): AnyTaskDefinition[] {
  const waitAndReturn = defineTask(
    { name: "wait_and_return", args: none, channel: "celery", description: "Says hello, after a while." },
    async (context) => {
      await context.sleep(20 * timeScale);
      return "Hello World!";
    },
  );

  return [waitAndReturn, sumToNJob];
}
