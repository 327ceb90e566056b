/**
 * The variables of a request, which middleware and handlers share, and Hono's types with them.
 *
 * @module
 */
import type { OpenAPIHonoOptions } from "@hono/zod-openapi";
import type * as hono from "hono";
import type { Actor, Scope } from "../queue/mod.ts";

/** Variables of a request. */
export interface Env {
  Variables: {
    requestId: string;
    /** Who has sent the request, where the routes ask for that. */
    actor: Actor | undefined;
    /** What they may do; everything, where no token is set. */
    scopes: readonly Scope[] | undefined;
    /** Whether the request has gone through {@link identify} of `http/gate.ts`. */
    identified: boolean | undefined;
    /** Whether the request submits something although it is a GET: some routes of the source systems do. */
    submits: boolean | undefined;
    /** The place in the body of the task requests that the engine's pointers start from. */
    bodyPrefix: string | undefined;
  };
}

export type Context = hono.Context<Env>;
export type MiddlewareHandler = hono.MiddlewareHandler<Env>;
export type ErrorHandler = hono.ErrorHandler<Env>;
export type NotFoundHandler = hono.NotFoundHandler<Env>;
export type Hook = NonNullable<OpenAPIHonoOptions<Env>["defaultHook"]>;
