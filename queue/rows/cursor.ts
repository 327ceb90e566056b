/**
 * Opaque cursors: a list as JSON, in URL-safe Base64.
 *
 * @module
 */

/** Makes a cursor of what is needed to go on behind a page. */
export function makeCursor(parts: readonly unknown[]): string {
  const bytes = new TextEncoder().encode(JSON.stringify(parts));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** What a cursor was made of; `null` when it is none. The parts are for the caller to check: anybody can make one. */
export function readCursor(cursor: string): readonly unknown[] | null {
  try {
    const bytes = Uint8Array.fromBase64(cursor, { alphabet: "base64url" });
    const parts = JSON.parse(new TextDecoder().decode(bytes));
    return Array.isArray(parts) ? parts : null;
  } catch {
    return null;
  }
}
