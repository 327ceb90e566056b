/**
 * Which errors are the end of a registration, a queue or a store, and no fault of the operation that met them.
 *
 * @module
 */
import { FencedError, StoppedError, StoreBrokenError } from "./errors.ts";

/**
 * Whether an error says that this registration, queue or store has ended. The place that finds such an end out reports
 * it, so other places do not report the error again.
 */
export function isOver(error: unknown): boolean {
  return error instanceof FencedError || error instanceof StoppedError || error instanceof StoreBrokenError;
}
