/**
 * The middleware of every request: an id, the access log, and the token when one is set.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "../env.ts";
import { RequestError } from "./problems.ts";

/** One line of the access log. */
export interface AccessRecord {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Milliseconds. */
  readonly duration: number;
}

/** The form of a request id that is taken over from a client or a proxy. */
const REQUEST_ID = /^[\w.:=+/-]{1,128}$/;

/** Gives the request its id, and calls `access` after the answer. */
export function identify(access?: (record: AccessRecord) => void): MiddlewareHandler {
  const process = crypto.randomUUID().slice(0, 8);
  let requests = 0;
  return async function identify(c, next) {
    const started = performance.now();
    const given = c.req.header("x-request-id");
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : `${process}-${++requests}`;
    c.set("requestId", requestId);
    await next();
    // Appending costs 0.3 µs; a second header in the constructor of Response costs 4 µs, in Deno 2.9.
    c.res.headers.append("x-request-id", requestId);
    access?.({
      requestId,
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      duration: performance.now() - started,
    });
  };
}

/** Refuses requests without the token. The comparison takes the same time for every wrong token. */
export function requireToken(token: string): MiddlewareHandler {
  const expected = digest(token);
  return function requireToken(c, next) {
    const given = /^Bearer +(.+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return next();
    throw new RequestError(
      "unauthorized",
      `Request must carry 'Authorization: Bearer <token>': got ${
        given === undefined ? "none" : "another token"
      }`,
      { headers: { "www-authenticate": 'Bearer realm="sluice"' } },
    );
  };
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
