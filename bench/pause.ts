/**
 * Time that has to pass by itself: what is looked at belongs to another program.
 *
 * @module
 */

/** Resolves after so many milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
