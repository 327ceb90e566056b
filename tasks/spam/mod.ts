/**
 * The task that tells spam from ham. docs/spam.md describes the model.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type AnyTaskDefinition, defineThreadTask } from "../../queue/mod.ts";
import type { DemoOptions } from "../options.ts";
import { detectSpam } from "./detect_spam.ts";

/** The model that ships. */
const SHIPPED = fileURLToPath(import.meta.resolve("./model.json"));

/** `ml.detect_spam`. */
export function spamTasks({ spamModel }: Pick<DemoOptions, "spamModel">): AnyTaskDefinition[] {
  const path = spamModel ?? SHIPPED;
  return [
    defineThreadTask(
      {
        name: "ml.detect_spam",
        // A thread is given arguments and nothing else, so the path joins them after they were checked.
        args: z.tuple([z.string()]).transform(([message]): [string, string] => [message, path]),
        channel: "ml_service",
        description: "Tells spam from ham, with a probability.",
      },
      import.meta.resolve("./detect_spam.ts"),
      detectSpam,
    ),
  ];
}
