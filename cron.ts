/**
 * The clock: Deno's cron, which also starts an instance on Deno Deploy. It must be registered while the program's first
 * module is evaluated, so `main.ts` calls this before anything else.
 *
 * @module
 */

/** A tick ends by this second of its minute: Deno skips a minute that begins while the one before is at work. */
const LAST_SECOND = 50;

/**
 * Calls `tick` at every full minute. Each process that shares a store does so; the engine sees to it that each
 * occurrence of a schedule has one task (invariant 7).
 *
 * @param tick submits what schedules owe: `queue.tick`; told how many seconds it may work
 * @param failed told when it could not
 *
 * @example
 * ```ts ignore
 * registerCrons((seconds) => queue.tick({ seconds }), (error) => log.write("error", String(error)));
 * ```
 */
export function registerCrons(
  tick: (seconds: number) => Promise<unknown>,
  failed: (error: unknown) => void,
): void {
  // Without `backoffSchedule: []` Deno repeats a failed run up to five times on a laptop, and never on Deploy.
  Deno.cron("sluice minute tick", "* * * * *", { backoffSchedule: [] }, async () => {
    const second = Date.now() / 1000 % 60;
    await tick(Math.max(0, LAST_SECOND - second)).catch(failed);
  });
}
