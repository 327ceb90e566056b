/**
 * Entity tags (RFC 9110 §8.8.3).
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Context } from "../env.ts";

/** The strong tag of a content. */
export function entityTag(content: string | Uint8Array): string {
  return `"${createHash("sha1").update(content).digest("base64url")}"`;
}

/** Whether an `If-None-Match` header names the tag; weak and strong tags compare alike there. */
export function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((tag) => tag.trim() === "*" || tag.trim().replace(/^W\//, "") === etag);
}

/** Whether an `If-Match` header names the tag; a weak tag never does. */
export function matchesStrongly(header: string, etag: string): boolean {
  return header.split(",").some((tag) => tag.trim() === "*" || tag.trim() === etag);
}

/** Answers with the value as JSON and the tag of this text; with 304 a client that has it already. */
export function answerTagged(c: Context, value: unknown): Response {
  const content = JSON.stringify(value);
  const etag = entityTag(content);
  if (matches(c.req.header("if-none-match"), etag)) return c.body(null, 304, { etag });
  return c.body(content, 200, { "content-type": "application/json", etag });
}

/** Adds the tag to an answer. */
export function tagged<Answer extends Response>(response: Answer, etag: string): Answer {
  response.headers.append("etag", etag);
  return response;
}
