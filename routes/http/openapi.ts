/**
 * Parts of route descriptions that all of them share.
 *
 * @module
 */
import { createRoute, type RouteConfig, z } from "@hono/zod-openapi";
import { givenId } from "../contract/form.ts";
import { Problem } from "../contract/mod.ts";

/** An answer: what it means, and its body. */
export function json<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { "application/json": { schema } } };
}

/** A request with a JSON body. */
export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { "application/json": { schema } } };
}

/** A request with a merge patch. */
export function patchBody<Schema extends z.ZodType>(schema: Schema) {
  return {
    required: true,
    content: { "application/merge-patch+json": { schema }, "application/json": { schema } },
  };
}

/** The path of a task or a workflow. */
export const ID_PARAMS = z.object({ id: givenId });

/** Every other answer of every route. */
export const PROBLEM = {
  description: "A problem.",
  content: { "application/problem+json": { schema: Problem } },
};

/** The answers of a route that has done what was asked (200), or has accepted it (202). */
export function doneOrAccepted<Schema extends z.ZodType>(done: string, accepted: string, schema: Schema) {
  return { 200: json(done, schema), 202: json(accepted, schema), default: PROBLEM };
}

/** A route that only reads: `GET` of the path answers 200 with this body, or a problem. */
export function get<
  const Path extends string,
  Schema extends z.ZodType,
  Request extends NonNullable<RouteConfig["request"]> = Record<never, never>,
>(path: Path, summary: string, answer: ReturnType<typeof json<Schema>>, request: Request = {} as Request) {
  return createRoute({ method: "get", path, summary, request, responses: { 200: answer, default: PROBLEM } });
}

/** A route that reads one task or workflow: it can wait for the end, and answers 304 while nothing has changed. */
export function getTagged<const Path extends string, Schema extends z.ZodType>(
  path: Path,
  summary: string,
  answer: ReturnType<typeof json<Schema>>,
) {
  return createRoute({
    method: "get",
    path,
    summary,
    parameters: [PREFER, IF_NONE_MATCH],
    request: { params: ID_PARAMS },
    responses: { 200: answer, 304: { description: "Not changed." }, default: PROBLEM },
  });
}

/** A request header that a handler reads itself, because validating headers copies all of them on every request. */
export function header(
  name: string,
  description: string,
  { pattern, required = false }: { pattern?: string; required?: boolean } = {},
) {
  const schema = { type: "string" as const, ...pattern !== undefined && { pattern } };
  return { in: "header" as const, name, description, required, schema };
}

/** The header of routes that submit something once for each key. */
export const IDEMPOTENCY_KEY = header(
  "Idempotency-Key",
  "1 to 255 visible ASCII characters; repeats get the first answer.",
  { pattern: "^[\\x21-\\x7e]{1,255}$" },
);

/** The header of routes that can wait for an end. */
export const PREFER = header(
  "Prefer",
  "`wait=10`: answer at the end, or after so many seconds (30 at most).",
);

/** The header of routes whose answers have an ETag. */
const IF_NONE_MATCH = header(
  "If-None-Match",
  "An earlier answer's ETag: 304 while nothing has changed.",
);
