/**
 * The tasks of the simulation. Each run is told to the ledger, and each success leaves a row of its own in the
 * database, with its result: two of them for one task would be two ends.
 *
 * @module
 */
import { z } from "zod";
import type { AnyTaskDefinition, Clock, CodeSchedule } from "../../queue/mod.ts";
import { encode } from "../../queue/rows/codec.ts";
import { task } from "../support/held_task.ts";
import type { Ledger } from "./ledger.ts";

/** First part of the keys of those rows. */
export const SETTLED = "settled";

/** What the schedules promise: each period has an occurrence, and what may become of it. */
export const SCHEDULES = [
  // As the demonstration has it: one task stands for minutes that were missed.
  { id: "app.tasks.scheduled_task", period: 60_000, outcomes: ["submitted", "missed", "skipped"] },
  // One that catches up has a task for each, whatever happens.
  { id: "minutely", period: 60_000, outcomes: ["submitted"] },
  { id: "hourly", period: 3_600_000, outcomes: ["submitted"] },
] as const;

/** Members of a chord's header. */
export const CHORD = 3;

const number = z.tuple([z.int()]);

/** The definitions and schedules of a simulation. */
export function work(ledger: Ledger, clock: Clock) {
  let runs = 0;
  const counted = (definition: AnyTaskDefinition): AnyTaskDefinition => ({
    ...definition,
    async handler(context, ...args) {
      ledger.started(context.id, clock.now());
      context.commit.set([SETTLED, context.id, runs++], encode(null));
      return await definition.handler(context, ...args);
    },
  });

  const define = (...of: Parameters<typeof task>) => counted(task(...of));

  const scheduled = SCHEDULES.map(({ id }) =>
    define(id, () => null, { args: z.tuple([]), channel: "celery" })
  );
  const definitions = [
    ...scheduled,
    define("quick", (context) => context.sleep(0.2), { args: number }),
    define("flaky", (context, n) => {
      if (context.retries < Number(n) % 3) throw new Error("not yet");
    }, { args: number, maxRetries: 3, retry: { delay: 10, factor: 1 } }),
    define("long", (context) => context.sleep(45), { args: number, timeLimit: 90 }),
    define("part", async (context, n) => {
      await context.sleep(0.5);
      return n;
    }, { args: number }),
    define("total", (_context, parts) => (parts as number[]).length, {
      args: z.tuple([z.array(z.int()), z.int()]),
    }),
  ];
  const schedules: CodeSchedule[] = SCHEDULES.map(({ id, period, outcomes }, n) => ({
    id,
    task: scheduled[n]!,
    args: [],
    trigger: { cron: period < 3_600_000 ? "* * * * *" : "0 * * * *" },
    ...outcomes.length === 1 && { catchUp: "all" },
  }));
  return { definitions, schedules };
}
