/**
 * The second source system's tasks: small ones to look at, and the tasks of its workflows.
 *
 * @module
 */
import { z } from "zod";
import { type AnyTaskDefinition, defineTask } from "../queue/mod.ts";
import type { DemoOptions } from "./options.ts";

const text = z.tuple([z.string()]);
const twoNumbers = z.tuple([z.number(), z.number()]);

/** `echo`, `log`, `wait`, `progress`; `add` and `mul` for chains; `count_words` and `merge_counts` for map and reduce. */
export function s1Tasks({ timeScale }: DemoOptions): AnyTaskDefinition[] {
  const echo = defineTask(
    { name: "echo", args: text, channel: "celery", description: "Says what it was told." },
    async (context, msg) => {
      await context.sleep(1 * timeScale);
      return `echo() - message[${msg}]`;
    },
  );

  const log = defineTask(
    { name: "log", args: text, channel: "celery", description: "Logs what it was told." },
    async (context, msg) => {
      await context.sleep(1 * timeScale);
      context.log.info(msg);
      return `log() - message[${msg}]`;
    },
  );

  const wait = defineTask(
    { name: "wait", args: z.tuple([z.number().min(0)]), channel: "celery", description: "Waits." },
    async (context, secs) => {
      context.log.info(`wait() - Start, secs[${decimal(secs)}]s`);
      await context.sleep(secs * timeScale);
      const done = `wait() - Done, secs[${decimal(secs)}]s`;
      context.log.info(done);
      return done;
    },
  );

  const add = defineTask(
    { name: "add", args: twoNumbers, channel: "celery", description: "Adds two numbers, slowly." },
    async (context, x, y) => {
      await context.sleep(10 * timeScale);
      return x + y;
    },
  );

  const mul = defineTask(
    { name: "mul", args: twoNumbers, channel: "celery", description: "Multiplies two numbers, slowly." },
    async (context, x, y) => {
      await context.sleep(10 * timeScale);
      return x * y;
    },
  );

  const progress = defineTask(
    {
      name: "progress",
      args: z.tuple([z.int().min(0)]),
      channel: "celery",
      description: "Reports each second how far it is.",
    },
    async (context, secs) => {
      for (let current = 1; current <= secs; current++) {
        await context.sleep(1 * timeScale);
        context.progress({ current, total: secs });
      }
      return `progress() - Done, secs[${secs}]s`;
    },
  );

  const countWords = defineTask(
    { name: "count_words", args: text, channel: "celery", description: "Counts each word of a text." },
    (_context, text) => {
      const counts = new Map<string, number>();
      for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
        counts.set(word, (counts.get(word) ?? 0) + 1);
      }
      return Object.fromEntries(counts);
    },
  );

  const mergeCounts = defineTask(
    {
      name: "merge_counts",
      args: z.tuple([z.array(z.record(z.string(), z.number()))]),
      channel: "celery",
      description: "Adds up the counts of several texts.",
    },
    (_context, counts) => {
      const sums = new Map<string, number>();
      for (const [word, count] of counts.flatMap(Object.entries<number>)) {
        sums.set(word, (sums.get(word) ?? 0) + count);
      }
      return Object.fromEntries(sums);
    },
  );

  return [echo, log, wait, add, mul, progress, countWords, mergeCounts];
}

/** A number of seconds as S1's clients read it: `60.0`. */
function decimal(secs: number): string {
  return Number.isInteger(secs) ? secs.toFixed(1) : String(secs);
}
