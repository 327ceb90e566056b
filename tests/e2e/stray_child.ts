/**
 * The program with tasks that leave errors behind.
 *
 * @module
 */
import { createProgram } from "../../program/mod.ts";
import type { TaskContext } from "../../queue/mod.ts";
import { task } from "../support/held_task.ts";

const stray = task("stray", async ({ signal }: TaskContext, kind) => {
  const fail = () => {
    throw new Error(`stray ${kind}`);
  };
  switch (kind) {
    case "timer":
      setTimeout(fail);
      break;
    case "rejection":
      Promise.reject(new Error("stray rejection"));
      break;
    case "listener":
      signal.addEventListener("abort", fail);
      break;
  }
  // A listener that was added after the one that throws hears of the abort, too.
  await new Promise<void>((resolve) => {
    if (kind === "listener") signal.addEventListener("abort", () => resolve());
    else setTimeout(resolve, 10);
  });
  return kind;
}, { softTimeLimit: 0.1 });

await createProgram({
  args: [],
  env: Deno.env.toObject(),
  tasks: () => Promise.resolve({ definitions: [stray], taskRoutes: {}, schedules: [] }),
}).run();
