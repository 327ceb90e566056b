/**
 * Faults of a request, each with its place, what must stand there, and what was found; made from zod's issues and from the
 * engine's errors.
 *
 * @module
 */
import type { z } from "@hono/zod-openapi";
import { type Fault, nearest } from "../../queue/mod.ts";
import type { Problem } from "../contract/mod.ts";

/** One entry of a problem's `errors`. */
export type RequestFault = NonNullable<z.output<typeof Problem>["errors"]>[number];

/** The part of a request that a pointer points into. */
export type RequestPart = RequestFault["in"];

/** Every issue of a zod error as a fault. */
export function zodFaults(part: RequestPart, error: z.ZodError): RequestFault[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== "unrecognized_keys") {
      return { in: part, pointer: pointer(issue.path), detail: issue.message };
    }
    return issue.keys.map((key) => ({
      in: part,
      pointer: pointer([...issue.path, key]),
      detail: unknownField(key, issue.message.split(" ")),
    }));
  });
}

/**
 * The engine's faults, whose pointers start at a task request.
 *
 * @param prefix where that request stands in the body: "" or "/tasks"
 */
export function engineFaults(part: RequestPart, faults: readonly Fault[], prefix: string): RequestFault[] {
  return faults.map((fault) => ({ in: part, pointer: prefix + fault.pointer, detail: fault.detail }));
}

/** A schema's faults, and after them those of the engine that stand at places not named yet. */
export function withFound(faults: readonly RequestFault[], found: readonly RequestFault[]): RequestFault[] {
  const known = new Set(faults.map(({ pointer }) => pointer));
  return [...faults, ...found.filter(({ pointer }) => !known.has(pointer))];
}

function unknownField(field: string, known: readonly string[]): string {
  if (field === "kwargs" && known.includes("args")) {
    return "Arguments are positional: put them in 'args', in the order of the definition";
  }
  const near = nearest(field, known);
  return near === null
    ? `Unknown field; known are ${known.join(", ")}`
    : `Unknown field; did you mean '${near}'?`;
}

/** JSON pointer (RFC 6901) of a path. */
function pointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
