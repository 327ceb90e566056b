/**
 * Reading a range page by page.
 *
 * @module
 */
import type { Entry, KeyRange, Store } from "../store/port.ts";
import { keyAfter } from "./keys.ts";

/** How much {@link pagesOf} reads. */
export interface PageSizes {
  /** Entries read at once. @default {as many as the store gives} */
  readonly page?: number;
  /** Entries read in all. @default {Infinity} */
  readonly most?: number;
}

/**
 * Reads the entries of a range in key order, each page in a snapshot of its own. A page is read when the caller has
 * handled the page before it. A page that is not full is the last.
 */
export async function* pagesOf(
  store: Store,
  range: KeyRange,
  { page = store.limits.listBatch, most = Infinity }: PageSizes = {},
): AsyncGenerator<Entry[], void> {
  for (let from: Partial<KeyRange> = {}; most > 0;) {
    const limit = Math.min(page, most);
    const entries = await store.list({ ...range, ...from }, { limit });
    yield entries;
    if (entries.length < limit) return;
    from = { start: keyAfter(entries.at(-1)!.key) };
    most -= entries.length;
  }
}
