/**
 * Stray errors: what nobody catches, such as the rejection of a promise that nobody awaits, or what a timer or a listener
 * of `ctx.signal` throws. Deno ends the process at each of them, and with it every run of the process.
 *
 * @module
 */
import { complain, harmless, stackOf } from "./observer.ts";

/** What kind of error nobody has caught. */
export type StrayKind = "uncaught error" | "unhandled rejection";

/**
 * Has the process survive stray errors from now on, and tells of each. Their code has ended where it threw, whosever
 * it was; the engine and the other listeners of the same signal go on. No run fails by them, because nothing says to
 * which run a timer or a listener belongs.
 *
 * @param tell called with each error; what it throws is said once on standard error. @default {a line on standard error}
 * @returns ends it
 *
 * @example
 * ```ts
 * import { surviveStrayErrors } from "@sluice/sluice";
 *
 * const stop = surviveStrayErrors((kind, error) => console.error(kind, error));
 * stop();
 * ```
 */
export function surviveStrayErrors(
  tell: (kind: StrayKind, error: unknown) => unknown = (kind, error) =>
    complain(`${kind}: ${stackOf(error)}`),
): () => void {
  const observe = harmless("The observer of stray errors", tell);
  const thrown = (event: ErrorEvent) => {
    event.preventDefault();
    observe("uncaught error", event.error);
  };
  const rejected = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    observe("unhandled rejection", event.reason);
  };
  globalThis.addEventListener("error", thrown);
  globalThis.addEventListener("unhandledrejection", rejected);
  return () => {
    globalThis.removeEventListener("error", thrown);
    globalThis.removeEventListener("unhandledrejection", rejected);
  };
}
