/**
 * JSON merge patch (RFC 7396): what an edit leaves out stays, what it sets to null goes back to its default.
 *
 * @module
 */

/** Any JSON object. */
export type JsonObject = { readonly [field: string]: unknown };

/** The object with the patch applied. */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const merged = new Map(Object.entries(target));
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) merged.delete(field);
    else merged.set(field, isObject(value) ? mergePatch(objectOr(merged.get(field)), value) : value);
  }
  return Object.fromEntries(merged);
}

/** Whether a JSON value is an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objectOr(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}
