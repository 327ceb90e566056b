/**
 * JSON merge patch (RFC 7396): what an edit leaves out stays, what it sets to null goes back to its default.
 *
 * @module
 */

/** Any JSON object. */
export type JsonObject = { readonly [field: string]: unknown };

/** The object with the patch applied; objects are merged as deep as the target has them. */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const merged = new Map(Object.entries(target));
  for (const [field, value] of Object.entries(patch)) {
    const former = merged.get(field);
    if (value === null) merged.delete(field);
    else merged.set(field, isObject(value) && isObject(former) ? mergePatch(former, value) : value);
  }
  return Object.fromEntries(merged);
}

/** Whether a JSON value is an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
