/**
 * Deletes what the audit keeps no longer.
 *
 * @module
 */
import type { Base } from "../engine.ts";
import { firstIdAt } from "../ground/ids.ts";
import { within } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import { del } from "../rows/unit.ts";

/** Milliseconds that an entry of the audit is kept: 90 days. */
const KEPT = 90 * 86_400_000;
/** Entries deleted at once. */
const STEP = 100;

/** Deletes the entries that are too old. */
export async function forgetOldAudit({ store, keys, clock, committer }: Base): Promise<void> {
  const range = within(keys.audits(), { to: firstIdAt(clock.now() - KEPT) });
  for await (const entries of pagesOf(store, range, { page: STEP })) {
    if (entries.length === 0) return;
    await committer.commit({ checks: [], mutations: entries.map(({ key }) => del(key)) });
  }
}
