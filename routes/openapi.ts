/**
 * Parts of route descriptions that all of them share.
 *
 * @module
 */
import type { z } from "@hono/zod-openapi";
import { Problem } from "./contract.ts";

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
