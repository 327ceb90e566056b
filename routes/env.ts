/**
 * What a request carries between middleware and handlers, and Hono's types with it filled in.
 *
 * @module
 */
import type { OpenAPIHonoOptions } from "@hono/zod-openapi";
import type * as hono from "hono";

/** Variables of a request. */
export interface Env {
  Variables: {
    requestId: string;
    /** Where in the body the task requests stand that the engine's pointers start from. */
    bodyPrefix: string | undefined;
  };
}

export type Context = hono.Context<Env>;
export type MiddlewareHandler = hono.MiddlewareHandler<Env>;
export type ErrorHandler = hono.ErrorHandler<Env>;
export type NotFoundHandler = hono.NotFoundHandler<Env>;
export type Hook = NonNullable<OpenAPIHonoOptions<Env>["defaultHook"]>;
