/**
 * The names that people give: of tasks and channels. A name may be a segment of a path, a header of a table, and a label.
 *
 * @module
 */
import { MALFORMED } from "./well_formed.ts";

/** Whether a name has a URL: `.` and `..`, escaped or not, are steps in a path (RFC 3986 §5.2.4) and never reach a server. */
export function isAddressable(name: string): boolean {
  return name !== "." && name !== "..";
}

/** Says what a name must be; `null` when it is. */
export function nameFault(name: unknown): string | null {
  if (typeof name !== "string" || name === "" || name.length > 200) {
    return "must be a text of 1 to 200 characters";
  }
  if (!name.isWellFormed()) return MALFORMED;
  return isAddressable(name) ? null : "must not be '.' or '..', which no URL can name";
}
