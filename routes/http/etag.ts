/**
 * Entity tags (RFC 9110 §8.8.3).
 *
 * @module
 */
import { createHash } from "node:crypto";

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
