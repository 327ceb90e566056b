/**
 * The lookout: finds changes of awaited rows by reading them again and again. A change made in this process rings the
 * waiters' bells at once; a change made elsewhere is found here. One loop reads all awaited rows, ten in a read.
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
}

/** Watches rows, and rings the bells of their waiters. */
export class Lookout {
  readonly #rows = new Map<string, AwaitedRow>();
  readonly #pauses: { readonly first: number; readonly last: number; readonly tick: number };
  #cancel: (() => void) | null = null;
  #looking = false;

  constructor(readonly store: Store, readonly clock: Clock) {
    this.#pauses = store.incarnation === null ? SHARED : ALONE;
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
      this.#rows.set(id, { key, bells: new Set([bell]), seen: versionstamp, pause: first, at });
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
    if (row?.bells.size === 0) this.#rows.delete(id);
    if (this.#rows.size === 0) this.#cancel?.();
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

  #note(row: AwaitedRow, versionstamp: string | null): void {
    const changed = row.seen !== versionstamp;
    row.seen = versionstamp;
    row.pause = changed ? this.#pauses.first : Math.min(row.pause * 2, this.#pauses.last);
    row.at = this.clock.monotonic() + row.pause;
    if (changed) { for (const bell of row.bells) bell.ring(); }
  }
}
