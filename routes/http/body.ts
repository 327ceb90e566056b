/**
 * What routes of every folder share, one HTTP matter a file: bodies, headers, entity tags, problems, OpenAPI. The folder
 * imports `routes/contract/` and `queue/mod.ts`.
 *
 * This file reads a request's body up to a limit, before anything parses it.
 *
 * @module
 */
import type { MiddlewareHandler } from "../env.ts";
import { RequestError } from "./problems.ts";

/**
 * Refuses a larger body (413), without reading it when its length is announced.
 *
 * Hono's own `bodyLimit` looks at `request.body`, which costs the fast path of Deno's `request.text()`.
 *
 * @param limit bytes
 */
export function limitBody(limit: number): MiddlewareHandler {
  return async function limitBody(c, next) {
    const announced = c.req.header("content-length");
    if (announced !== undefined) {
      if (Number(announced) > limit) throw tooLarge(limit, `${announced} bytes`);
    } else if (c.req.raw.body) {
      c.req.raw = new Request(c.req.raw, { body: await read(c.req.raw.body, limit) });
    }
    await next();
  };
}

/** Reads a body into a blob, because a body of text would bring a content type along. */
async function read(body: ReadableStream<Uint8Array<ArrayBuffer>>, limit: number): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) throw tooLarge(limit, "more");
    chunks.push(chunk);
  }
  return new Blob(chunks);
}

function tooLarge(limit: number, found: string): RequestError {
  return new RequestError("too-large", `Request body must be at most ${limit} bytes: got ${found}`);
}
