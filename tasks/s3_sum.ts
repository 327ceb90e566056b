/**
 * The task behind `/producer/api/sum`.
 *
 * @module
 */
import { z } from "zod";
import { defineThreadTask } from "../queue/mod.ts";
import { sumToN } from "./sum_to_n.ts";

/** Keeps a thread busy, and the event loop free. */
export const sumToNJob = defineThreadTask(
  {
    name: "sum_to_n_job",
    args: z.tuple([z.int()]),
    channel: "celery",
    description: "Adds up the integers from 1 to a number, in a thread.",
  },
  import.meta.resolve("./sum_to_n.ts"),
  sumToN,
);
