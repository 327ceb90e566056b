/**
 * Answers the methods that a path does not serve: OPTIONS with 204, the others with 405, both with `Allow`.
 *
 * @module
 */
import type { Hono } from "hono";
import type { Context, Env } from "../env.ts";
import { RequestError } from "./problems.ts";

/** The handler of one path, to be added after the path's own: `app.all(path, otherMethods("GET, POST, OPTIONS"))`. */
export function otherMethods(allow: string): (c: Context) => Response {
  return function otherMethods(c) {
    if (c.req.method !== "OPTIONS") refuseMethod(c, allow);
    return c.body(null, 204, { allow });
  };
}

/** Throws the 405 of a path. */
export function refuseMethod(c: Context, allow: string): never {
  throw new RequestError("method-not-allowed", `${c.req.path} answers ${allow}: got ${c.req.method}`, {
    headers: { allow },
  });
}

/** Adds {@link otherMethods} to each path of an app that has none yet. */
export function answerOtherMethods(app: Hono<Env>): void {
  const methods = new Map<string, Set<string>>();
  for (const route of app.routes) {
    const known = methods.get(route.path) ?? new Set();
    methods.set(route.path, known.add(route.method));
  }
  for (const [path, known] of methods) {
    if (known.has("ALL")) continue;
    if (known.has("GET")) known.add("HEAD");
    app.all(path, otherMethods([...known, "OPTIONS"].join(", ")));
  }
}
