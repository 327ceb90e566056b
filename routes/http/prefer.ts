/**
 * `Prefer: wait=10` (RFC 7240): the client waits for an end instead of polling.
 *
 * @module
 */
import type { Queue, Task } from "../../queue/mod.ts";
import type { Context } from "../env.ts";

/** The longest wait, in seconds: below the idle limits of common proxies. */
const LONGEST_WAIT = 30;

/**
 * Waits as long as the client asked for, and says in `Preference-Applied` how long that was at most.
 *
 * @returns the result of `wait`, or `null` when the client did not ask
 */
export async function waitAsPreferred<Seen>(
  c: Context,
  wait: (options: { timeout: number; signal: AbortSignal }) => Promise<Seen>,
): Promise<Seen | null> {
  const seconds = waitPreference(c.req.header("prefer"));
  if (seconds === null) return null;
  const seen = await wait({ timeout: seconds, signal: c.req.raw.signal });
  c.header("preference-applied", `wait=${seconds}`);
  return seen;
}

/** Waits for a task, as {@link waitAsPreferred} does. */
export function preferredWait(c: Context, queue: Queue, id: string): Promise<Task | null> {
  return waitAsPreferred(c, (wait) => queue.wait(id, wait));
}

/** One preference of the list; a comma within a quoted text separates nothing, nor does one after a quote left open. */
const PREFERENCE = /(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|[^,"])+/g;

/** Seconds of a `Prefer` header's first `wait`; a malformed preference is ignored, as the RFC demands. */
function waitPreference(header: string | undefined): number | null {
  for (const preference of header?.match(PREFERENCE) ?? []) {
    const [, plain, quoted] = /^\s*wait\s*=\s*(?:(\d{1,9})|"(\d{1,9})")\s*(?:;|$)/i.exec(preference) ?? [];
    const seconds = plain ?? quoted;
    if (seconds !== undefined) return Math.min(Number(seconds), LONGEST_WAIT);
  }
  return null;
}
