/**
 * Pieces that the schemas of several resources share; every message says what must be there, and what was found.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";

/** Ten years: the longest delay, expiry or time limit, in seconds. */
export const LONGEST = 315_360_000;

/** The message of a zod error: what must be there, and what was found. */
export function must(be: string): { error: (issue: { input?: unknown }) => string } {
  return { error: ({ input }) => `must be ${be}: got ${shown(input)}` };
}

function shown(input: unknown): string {
  if (input === undefined) return "nothing";
  if (Array.isArray(input)) return "an array";
  if (typeof input === "object" && input !== null) return "an object";
  const text = JSON.stringify(input) ?? String(input);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** An object that refuses unknown fields; their message lists the known ones, for `http/faults.ts` to find the nearest. */
export function strict<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? Object.keys(shape).join(" ")
        : `must be an object: got ${shown(issue.input)}`,
  });
}

/** The range of integers that JSON carries exactly (RFC 8259 §6), for the document. */
export const SAFE = { minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };

/** An integer within a range. */
export function integer(from: number, to: number) {
  const wrong = must(`an integer from ${from} to ${to}`);
  return z.int(wrong).min(from, wrong).max(to, wrong);
}

/** Seconds, fractions allowed. */
export function seconds(positive: boolean) {
  const wrong = must(`${positive ? "a positive number" : "a number"} of seconds up to ${LONGEST}`);
  return positive
    ? z.number(wrong).positive(wrong).max(LONGEST, wrong)
    : z.number(wrong).min(0, wrong).max(LONGEST, wrong);
}

/** A text of some length, named in the message. */
export function text(what: string, longest: number) {
  const wrong = must(`${what} of 1 to ${longest} characters`);
  return z.string(wrong).min(1, wrong).max(longest, wrong);
}

/** A moment in a request. */
export const time = z.iso.datetime({ offset: true, ...must("a time like 2026-01-31T08:00:00Z (RFC 3339)") });

/** An id of the engine. */
export const id = z.string().openapi({ format: "uuid" });
/** An id of the engine in a path or a query: its letters may have either case (RFC 9562 §4). */
export const givenId = z.string(must("one id")).toLowerCase().openapi({ format: "uuid" });

/** A moment in an answer. */
export const moment = z.iso.datetime();

/** Why a task, or a workflow, failed. */
export const taskError = z.object({ type: z.string(), message: z.string(), traceback: z.string().nullable() })
  .nullable();

/** How many rows of a list a page has at most. */
export const pageLimit = (standard: number) =>
  z.string().regex(/^(?:[1-9]\d?|[1-4]\d\d|500)$/, must("an integer from 1 to 500")).optional()
    .openapi({ type: "integer", minimum: 1, maximum: 500, default: standard });

/** Where a page of a list begins. */
export const pageCursor = z.string(must("one cursor")).optional()
  .openapi({ description: "next_cursor of the page before." });

/** Where a page ends: the cursor of the next one. */
export const nextCursor = z.string().nullable();

/** Where a page of what fits a filter ends, and how much it looked at. */
export const filteredEnd = {
  next_cursor: nextCursor.openapi({
    description:
      "null at the end. A page looks at a bounded number of records, so it can be short, or empty, " +
      "and still have a cursor: go on until this is null.",
  }),
  looked_at: z.int().openapi({ description: "Records that the page looked at, whether they fit or not." }),
};

/** The fields of a task request but its time. */
export const taskFields = {
  name: text("a task name", 200).describe("Full name of a task definition."),
  args: z.array(z.any(), must("an array of positional arguments")).default([]).describe(
    "Positional arguments.",
  ),
  channel: text("a channel name", 200).optional().describe("Overrides the definition's channel."),
  priority: integer(0, 9).optional().describe("9 runs first; 5 unless the definition says otherwise."),
  expires: seconds(true).optional().describe(
    "Seconds after which the task is REVOKED unless it has started; later than `delay` or `run_at`.",
  ),
  max_retries: integer(0, 1000).optional(),
  soft_time_limit: seconds(true).optional().describe("Seconds until the handler's signal aborts."),
  time_limit: seconds(true).optional().describe(
    "Seconds until the run is ended. The task then fails at once, unless `retry_on_timeout`.",
  ),
  retry_on_timeout: z.boolean(must("true or false")).optional().describe(
    "Repeat a run that reached `time_limit`, as long as `max_retries` allows.",
  ),
  ignore_result: z.boolean(must("true or false")).optional().describe(
    "Keep the outcome, not the return value.",
  ),
  tags: z.array(text("a tag", 100), must("an array of tags")).max(20, must("at most 20 tags")).optional(),
};

/** The fields of a task request. */
export const taskRequest = {
  ...taskFields,
  delay: seconds(false).optional().describe("Seconds until it may run; not together with run_at."),
  run_at: time.optional().describe("Moment from which it may run; a past one runs at once."),
};

/** Refuses two moments for one task. */
export function oneMoment(request: { delay?: unknown; run_at?: unknown }, context: z.RefinementCtx): void {
  if (request.delay === undefined || request.run_at === undefined) return;
  context.addIssue({ code: "custom", path: ["run_at"], message: "must not be given together with delay" });
}
