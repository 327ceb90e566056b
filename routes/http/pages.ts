/**
 * Lists a page at a time: the link to the next page (RFC 8288).
 *
 * @module
 */
import type { Context } from "../env.ts";

/** Adds `Link: rel="next"`, the same query with the next page's cursor, unless this page is the last. */
export function linkNext<Answer extends Response>(
  c: Context,
  response: Answer,
  cursor: string | null,
): Answer {
  if (cursor === null) return response;
  const next = new URLSearchParams({ ...c.req.query(), cursor });
  response.headers.append("link", `<${c.req.path}?${next}>; rel="next"`);
  return response;
}
