/**
 * The `Idempotency-Key` header: a client that saw no answer repeats its request, and gets the answer to the first one.
 *
 * @module
 */
import { basePath } from "hono/route";
import { canonicalJson, type Idempotency } from "../../queue/mod.ts";
import type { Context } from "../env.ts";
import { invalidRequest } from "./problems.ts";

/**
 * The request's idempotency, if it has a key. Its fingerprint covers the path and the body, whatever the order of
 * the body's fields, so that one key cannot stand for two requests.
 *
 * @param body the body as it was validated
 */
export async function idempotency(c: Context, body: unknown): Promise<Idempotency | undefined> {
  const key = c.req.header("idempotency-key");
  if (key === undefined) return undefined;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    const detail = "must be 1 to 255 visible ASCII characters: got " +
      (key.length > 255 ? `${key.length} characters` : JSON.stringify(key));
    throw invalidRequest([{ in: "header", pointer: "/idempotency-key", detail }]);
  }
  const content = new TextEncoder().encode(`${c.req.path}\n${canonical(body)}`);
  const fingerprint = new Uint8Array(await crypto.subtle.digest("SHA-256", content)).toBase64();
  const actor = c.get("actor");
  // One key's clients do not get the tasks of another's.
  return { scope: actor?.kind === "key" ? `http:${actor.name}` : "http", key, fingerprint };
}

/**
 * Adds to the answer of a submission where the thing is, and whether a former request with this key made it.
 *
 * @param location the path from `/v1` on, before which a mounted app's prefix is put; `null`: there are several
 */
export function submitted<Answer extends Response>(
  c: Context,
  response: Answer,
  location: string | null,
  replayed: boolean,
): Answer {
  if (location !== null) response.headers.append("location", prefixOf(c) + location);
  if (replayed) response.headers.append("idempotent-replayed", "true");
  return response;
}

/** Where the app is mounted, with the values of the parameters there; empty at the root. */
function prefixOf(c: Context): string {
  return basePath(c).replace(/\/$/, "");
}

function canonical(body: unknown): string {
  try {
    return canonicalJson(body);
  } catch (error) {
    // The stack is used up: JSON that can be parsed can still be too deep to be written.
    if (!(error instanceof RangeError)) throw error;
    throw invalidRequest([{ in: "body", pointer: "", detail: "must not be nested so deeply" }]);
  }
}
