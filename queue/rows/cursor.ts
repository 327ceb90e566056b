/**
 * Opaque cursors: a list as JSON, in URL-safe Base64.
 *
 * @module
 */

/** Makes a cursor of the parts that are needed to go on after a page. */
export function makeCursor(parts: readonly unknown[]): string {
  const bytes = new TextEncoder().encode(JSON.stringify(parts));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Reads the parts of a cursor; `null` for any other text. The caller checks the parts: anybody can make a cursor. */
export function readCursor(cursor: string): readonly unknown[] | null {
  try {
    const bytes = Uint8Array.fromBase64(cursor, { alphabet: "base64url" });
    const parts = JSON.parse(new TextDecoder().decode(bytes));
    return Array.isArray(parts) ? parts : null;
  } catch {
    return null;
  }
}
