/**
 * Parts of route descriptions that all of them share.
 *
 * @module
 */
import type { z } from "@hono/zod-openapi";
import { Problem } from "../contract/mod.ts";

/** An answer: what it means, and its body. */
export function json<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { "application/json": { schema } } };
}

/** Every other answer of every route. */
export const PROBLEM = {
  description: "A problem.",
  content: { "application/problem+json": { schema: Problem } },
};

/** A request header that a handler reads itself: validating headers would copy all of them, on every request. */
export function header(name: string, description: string) {
  return { in: "header" as const, name, description, required: false, schema: { type: "string" as const } };
}

/** Of the routes that submit something once for each key. */
export const IDEMPOTENCY_KEY = header(
  "Idempotency-Key",
  "1 to 255 visible ASCII characters; repeats get the first answer.",
);

/** Of the routes that can wait for an end. */
export const PREFER = header(
  "Prefer",
  "`wait=10`: answer at the end, or after so many seconds (30 at most).",
);

/** Of the routes whose answers have an ETag. */
export const IF_NONE_MATCH = header(
  "If-None-Match",
  "An earlier answer's ETag: 304 while nothing has changed.",
);
