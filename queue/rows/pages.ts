/**
 * Reading a range page by page.
 *
 * @module
 */
import type { Clock } from "../ground/clock.ts";
import type { Entry, KeyRange, Store } from "../store/port.ts";
import { idOf, keyAfter, within } from "./keys.ts";

/**
 * What one page of a list with a filter looks at: so many rows, or for so many milliseconds, so that a rare filter
 * neither holds the store up nor lets its caller wait. 10,000 rows of plain tasks take 50 to 145 ms, in memory and in a
 * file; a store that is far away, or rows that are large, come to the time first.
 */
const LOOK = { rows: 10_000, time: 200 };
/** Rows read at once while looking. */
const LOOK_BATCH = 200;

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

/** What {@link lookThrough} has found. */
export interface Look<Item> {
  readonly items: Item[];
  /** Rows looked at: those of all pages of a range add up to its rows. */
  readonly lookedAt: number;
  /** The id before which the next page looks on; `null` at the end of the range. */
  readonly before: string | null;
}

/**
 * Looks through a range of keys that end with an id, newest first, until a page is full, the range ends, or the page has
 * looked at as much as one may. So a page can be short, or empty, before the end.
 *
 * @param options.limit items of a full page
 * @param options.isWhole whether nearly every row makes an item, so that no more rows than items need be read
 * @param fitting makes the items of the rows that fit, the first `most` of them at most
 */
export async function lookThrough<Item extends { readonly id: string }>(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  range: KeyRange,
  { limit, isWhole = false }: { readonly limit: number; readonly isWhole?: boolean },
  fitting: (rows: readonly Entry[], most: number) => Item[] | Promise<Item[]>,
): Promise<Look<Item>> {
  const items: Item[] = [];
  const until = clock.monotonic() + LOOK.time;
  let before: string | undefined;
  for (let lookedAt = 0;;) {
    const most = limit - items.length;
    const batch = Math.min(isWhole ? most : LOOK_BATCH, store.limits.listBatch);
    const rows = await store.list(before === undefined ? range : within(range, { to: before }), {
      limit: batch,
      reverse: true,
    });
    if (rows.length > 0) items.push(...await fitting(rows, most));
    if (items.length === limit) {
      before = items.at(-1)!.id;
      lookedAt += rows.findIndex(({ key }) => idOf(key) === before) + 1;
      return { items, lookedAt, before };
    }
    lookedAt += rows.length;
    if (rows.length < batch) return { items, lookedAt, before: null };
    before = idOf(rows.at(-1)!.key);
    if (lookedAt >= LOOK.rows || clock.monotonic() >= until) return { items, lookedAt, before };
  }
}
