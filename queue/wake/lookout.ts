/**
 * The lookout: finds changes that other processes make to awaited rows. A change made in this process rings the waiters'
 * bells at once. On a KV server awaited rows are watched, so that a change is told within a millisecond and its writer
 * pays nothing. A watch is a hint (invariant 8): below it, one loop reads the rows again and again, ten in a read.
 *
 * @module
 */
import type { Bell } from "../ground/bell.ts";
import type { Clock } from "../ground/clock.ts";
import type { Sight } from "../task/read.ts";
import { keyId } from "../store/key_id.ts";
import type { Key, Store } from "../store/port.ts";

/** Milliseconds between two looks at a row that others may write: doubled each time, from `first` to `last`. */
const SHARED = { first: 100, last: 1000, tick: 100 } as const;
/** The same where no other process can write: a look then only finds a change whose ring was lost (invariant 8). */
const ALONE = { first: 10_000, last: 10_000, tick: 1000 } as const;

/** Milliseconds for which rows are gathered before they are watched: what ends sooner in this process is never watched. */
const GATHER = 10;
/** Rows of a watch, and watches at a time: each is a request that stays open. Further rows are found by reading. */
const WATCH = { rows: 10, most: 16 } as const;

/** A watch of rows, or the place for one. */
interface Watching {
  readonly rows: Set<AwaitedRow>;
  end: () => void;
}

/** A row whose change is awaited. */
interface AwaitedRow {
  readonly key: Key;
  readonly bells: Set<Bell>;
  /** Versionstamp that all waiters know; `null`: the row was absent; `undefined`: they know different ones. */
  seen: string | null | undefined;
  /** Milliseconds between the last look and the next. */
  pause: number;
  /** Monotonic time of the next look. */
  at: number;
  watching: Watching | null;
}

/** Watches rows, and rings the bells of their waiters. */
export class Lookout {
  readonly #rows = new Map<string, AwaitedRow>();
  readonly #pauses: { readonly first: number; readonly last: number; readonly tick: number };
  readonly #watching: readonly Watching[];
  #gathering: (() => void) | null = null;
  #cancel: (() => void) | null = null;
  #looking = false;

  constructor(readonly store: Store, readonly clock: Clock) {
    this.#pauses = store.incarnation === null ? SHARED : ALONE;
    const most = store.doorbell?.watch ? WATCH.most : 0;
    this.#watching = Array.from({ length: most }, () => ({ rows: new Set(), end: () => {} }));
  }

  /**
   * Rings the bell whenever one of the rows has changed.
   *
   * @returns ends the watch
   */
  watch(rows: readonly Sight[], bell: Bell): () => void {
    const ids = rows.map((row) => this.#add(row, bell));
    this.#schedule();
    return () => {
      for (const id of ids) this.#remove(id, bell);
    };
  }

  #add({ key, versionstamp }: Sight, bell: Bell): string {
    const id = keyId(key);
    const { first } = this.#pauses;
    const at = this.clock.monotonic() + first;
    const present = this.#rows.get(id);
    if (!present) {
      this.#rows.set(id, {
        key,
        bells: new Set([bell]),
        seen: versionstamp,
        pause: first,
        at,
        watching: null,
      });
      this.#gather();
      return id;
    }
    present.bells.add(bell);
    if (present.seen !== versionstamp) present.seen = undefined;
    present.pause = first;
    present.at = Math.min(present.at, at);
    return id;
  }

  #remove(id: string, bell: Bell): void {
    const row = this.#rows.get(id);
    row?.bells.delete(bell);
    if (row?.bells.size !== 0) return;
    this.#rows.delete(id);
    const { watching } = row;
    watching?.rows.delete(row);
    if (watching?.rows.size === 0) this.#watch(watching);
    if (watching) this.#gather();
    if (this.#rows.size > 0) return;
    this.#cancel?.();
    this.#gathering?.();
    this.#gathering = null;
  }

  /** Has rows that are not watched watched soon, as far as there is room. */
  #gather(): void {
    if (this.#watching.length === 0) return;
    this.#gathering ??= this.clock.after(GATHER, () => {
      this.#gathering = null;
      const unwatched = [...this.#rows.values()].filter(({ watching }) => !watching);
      while (unwatched.length > 0) {
        const emptiest = this.#watching.reduce((a, b) => b.rows.size < a.rows.size ? b : a);
        const room = WATCH.rows - emptiest.rows.size;
        if (room === 0) return;
        for (const row of unwatched.splice(0, room)) {
          row.watching = emptiest;
          emptiest.rows.add(row);
        }
        this.#watch(emptiest);
      }
    });
  }

  /** Watches these rows from now on. The first that a watch tells is the rows as they are, so nothing is missed. */
  #watch(watching: Watching): void {
    watching.end();
    const rows = [...watching.rows];
    watching.end = rows.length === 0 ? () => {} : this.store.doorbell!.watch!(
      rows.map(({ key }) => key),
      (versionstamps) => rows.forEach((row, i) => this.#note(row, versionstamps[i]!, this.#pauses.last)),
    );
  }

  #schedule(): void {
    if (this.#cancel || this.#looking || this.#rows.size === 0) return;
    const cancel = this.clock.after(this.#pauses.tick, () => {
      this.#cancel = null;
      this.#looking = true;
      this.#look().finally(() => {
        this.#looking = false;
        this.#schedule();
      });
    });
    this.#cancel = () => {
      this.#cancel = null;
      cancel();
    };
  }

  /** Looks at all rows that are due. Never rejects: rows that could not be read stay due. */
  async #look(): Promise<void> {
    const now = this.clock.monotonic();
    const due = [...this.#rows.values()].filter(({ at }) => at <= now);
    for (let n = 0; n < due.length; n += 10) {
      const some = due.slice(n, n + 10);
      try {
        const entries = await this.store.getMany(some.map(({ key }) => key));
        some.forEach((row, i) => this.#note(row, entries[i]?.versionstamp ?? null));
      } catch {
        return;
      }
    }
  }

  /** @param first milliseconds to the next look at a row that has changed, and at least to that at another */
  #note(row: AwaitedRow, versionstamp: string | null, first: number = this.#pauses.first): void {
    const changed = row.seen !== versionstamp;
    row.seen = versionstamp;
    row.pause = changed ? first : Math.min(Math.max(row.pause * 2, first), this.#pauses.last);
    row.at = this.clock.monotonic() + row.pause;
    if (changed) { for (const bell of row.bells) bell.ring(); }
  }
}
