/**
 * What routes of every folder share, one HTTP matter a file: bodies, headers, entity tags, problems, OpenAPI. The folder
 * imports `routes/contract/` and `queue/mod.ts`.
 *
 * This file reads a request's body up to a limit, as UTF-8, before anything parses it.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from "../env.ts";
import { brokenOff, RequestError, unsupportedMediaType } from "./problems.ts";

/**
 * The content types of a JSON body (RFC 8259 §8.1: UTF-8); a PATCH may be a merge patch. Hono and its validators take any
 * `application/…+json` in any charset.
 */
const JSON_TYPE = /^application\/(?:(merge-patch\+)?json)\s*(?:;\s*charset="?utf-8"?\s*)?;?\s*$/i;

/**
 * Refuses a body of another type than JSON (415), and a larger one (413), without reading it when its length is announced.
 * Has `c.req.json()` and `c.req.text()` fail for a body that is not UTF-8: `request.text()` would put U+FFFD in place of
 * what it cannot read.
 *
 * Hono's own `bodyLimit` looks at `request.body`, which costs the fast path of Deno's `request.arrayBuffer()`.
 *
 * @param limit bytes
 * @param options.required refuses a request without a body, for which Hono's validators put `{}`: for schemas that take
 *   that. @default {false}
 */
export function limitBody(limit: number, { required = false } = {}): MiddlewareHandler {
  return async function limitBody(c, next) {
    const type = c.req.header("content-type");
    // A type that is missing is refused after the body's length is known, because there may be no body.
    if (type !== undefined && !isJson(type, c.req.method)) throw unsupportedMediaType(type);
    const announced = c.req.header("content-length");
    if (announced !== undefined && Number(announced) > limit) throw tooLarge(limit, `${announced} bytes`);
    // An app that this one is mounted in may have read the body, and Hono keeps that text. Its encoding, and the limit of
    // a body without an announced length, are then that app's matter.
    if (c.req.raw.bodyUsed) return await next();
    if (announced !== undefined) {
      if (required && announced === "0") throw noBody();
      keepText(c, c.req.raw.arrayBuffer());
    } else {
      const body = c.req.raw.body && await read(c.req.raw.body, limit);
      if (required && !body?.size) throw noBody();
      if (body) keepText(c, body.arrayBuffer());
    }
    await next();
  };
}

/** Has `c.req.json()` and `c.req.text()` read these bytes, once the route wants them. */
function keepText(c: Context, bytes: Promise<ArrayBuffer>): void {
  const text = bytes.then(decode);
  // A route that never asks for its body answers without it.
  text.catch(() => {});
  // Hono keeps promises here, although its type has the values.
  Object.assign(c.req.bodyCache, { text });
}

function decode(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new RequestError("bad-json", "Request body must be UTF-8: it has bytes that are no character");
  }
}

/** Reads a body up to the limit. */
async function read(body: ReadableStream<Uint8Array<ArrayBuffer>>, limit: number): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > limit) throw tooLarge(limit, "more");
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof RequestError ? error : brokenOff();
  }
  return new Blob(chunks);
}

function isJson(type: string, method: string): boolean {
  // The type that nearly every client sends needs no expression.
  if (type === "application/json") return true;
  const found = JSON_TYPE.exec(type);
  return found !== null && (found[1] === undefined || method === "PATCH");
}

function noBody(): RequestError {
  return new RequestError("bad-json", "Request must have a body of JSON: got none");
}

function tooLarge(limit: number, found: string): RequestError {
  return new RequestError("too-large", `Request body must be at most ${limit} bytes: got ${found}`);
}
