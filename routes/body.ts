/**
 * Reads a request's body up to a limit, before anything parses it.
 *
 * @module
 */
import type { MiddlewareHandler } from "./env.ts";
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
    if (announced === undefined) {
      c.req.raw = new Request(c.req.raw, { body: await readText(c.req.raw.body, limit) });
    } else if (Number(announced) > limit) throw tooLarge(limit, `${announced} bytes`);
    await next();
  };
}

async function readText(body: ReadableStream<Uint8Array> | null, limit: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "", size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > limit) throw tooLarge(limit, "more");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function tooLarge(limit: number, found: string): RequestError {
  return new RequestError("too-large", `Request body must be at most ${limit} bytes: got ${found}`);
}
