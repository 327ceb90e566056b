/**
 * The ready tasks at the head of a channel, as of the last look at the store. On a store that no other process can
 * change, one look of 500 tasks serves many claims, and what this process stores itself is known without a look;
 * elsewhere a look shows what is this process's share, and serves the claims of a moment.
 *
 * @module
 */
import type { Base, Here } from "../engine.ts";
import { POLL } from "../ground/bell.ts";
import { placeOf, Shares, standsBefore } from "./shares.ts";
import { idOf } from "../rows/keys.ts";
import type { Entry } from "../store/port.ts";

/** Milliseconds for which a look at a store that others change serves claims. */
const FRESH = 50;

/** Tasks that are known at most; what stands behind them is read when they are taken. */
const MOST = 1024;

/** What is known of a channel's ready range. */
export class ReadyWindow {
  readonly #unshared: boolean;
  readonly #shares: Shares;
  #entries: Entry[] = [];
  #next = 0;
  /** Stored by this process while the channel is being read; `null` while it is not. */
  #meanwhile: Entry[] | null = null;
  /** The latest commit that a look has seen: what it stored was seen as well. */
  #seen = "";
  /** Nothing stood behind the window's last entry when it was read. */
  #complete = false;
  /** Tasks that became ready since the window began to be read and are not in it, as far as this process was told. */
  #arrivals = 0;
  /** The foremost place, as in keys, that one of them may stand at. */
  #foremost = Infinity;
  /** It was forgotten while it was being read. */
  #outdated = false;
  /** Monotonic time of the last look, and for how many tasks' worth it was at a store that others change. */
  #lookedAt = -Infinity;
  #looks = 1;
  /** The last entry that was read. */
  #last: Entry | undefined;

  constructor(readonly engine: Base & Here, readonly channel: string) {
    this.#unshared = engine.store.incarnation !== null;
    this.#shares = new Shares(engine, channel);
  }

  /** Ready tasks that no claim has taken: at most so many. Known only where no other process can submit. */
  get waiting(): number {
    if (!this.#unshared || !this.#complete) return Infinity;
    return this.#entries.length - this.#next + this.#arrivals + (this.#meanwhile?.length ?? 0);
  }

  /** Whether the last look has shown all there was, all of it is taken, and no more has become ready that is known of. */
  get exhausted(): boolean {
    return this.empty && this.#complete && this.#arrivals === 0 && !this.#isOld;
  }

  /** Whatever it was not told of, a poll's time later it looks. */
  get #isOld(): boolean {
    return this.#unshared && this.engine.clock.monotonic() - this.#lookedAt >= POLL.last;
  }

  /** Whether nothing is left to take. */
  get empty(): boolean {
    return this.#next === this.#entries.length;
  }

  /**
   * A task became ready.
   *
   * @param entry of one that this process has just stored; not known of one that comes back from somewhere
   */
  arrived(entry?: Entry): void {
    if (entry && this.#meanwhile) return void this.#meanwhile.push(entry);
    if (entry && this.#unshared && this.#arrivals === 0) return this.#add(entry);
    this.#arrivals++;
    this.#foremost = Math.min(this.#foremost, entry ? placeOf(entry) : -1);
    if (this.#overtaken) this.clear();
  }

  /** Puts a task in its place, unless a look has seen it or it stands behind what is known. */
  #add(entry: Entry): void {
    if (entry.versionstamp <= this.#seen) return;
    const entries = this.#entries;
    let at = entries.length;
    while (at > this.#next && standsBefore(entry, entries[at - 1]!)) at--;
    if (at < entries.length) {
      entries.splice(at, 0, entry);
      if (entries.length - this.#next <= MOST) return;
      entries.pop();
      this.#complete = false;
    } else if (this.#complete && at - this.#next < MOST) entries.push(entry);
    else this.#complete = false;
  }

  /** A task became ready that stands before an entry of the window. */
  get #overtaken(): boolean {
    const last = this.#entries.at(-1);
    return last !== undefined && this.#foremost < placeOf(last);
  }

  /** Monotonic time at which a task that is left to other processes may be taken. */
  get due(): number {
    return this.#shares.due;
  }

  /** A claim took so many milliseconds, from the look to its answer. */
  took(milliseconds: number): void {
    this.#shares.took(milliseconds);
  }

  /** Whether something may stand behind what was read. */
  get more(): boolean {
    return !this.#complete;
  }

  /** Forgets what was read. */
  clear(): void {
    this.#outdated = true;
    this.#entries = [];
    this.#next = 0;
    this.#complete = false;
  }

  /**
   * Reads the head of the channel, or what stands behind the entries read last.
   *
   * @param want tasks that can be used now
   * @param taken ids that a claim in flight is about to remove
   */
  async fill(want: number, taken: ReadonlySet<string>, from: "head" | "behind" = "head"): Promise<void> {
    const { store, keys } = this.engine;
    const limit = this.#unshared ? store.limits.listBatch : this.#reach(want, taken.size);
    const known = this.#unshared ? this.#entries.at(-1) ?? this.#last : this.#last;
    const last = from === "behind" ? known : undefined;
    const start = last && { start: [...last.key.slice(0, -1), `${idOf(last.key)}\0`] };
    // They count as waiting until the answer tells; a hand-off in between would overtake them.
    const told = this.#arrivals;
    this.#foremost = Infinity;
    // As of now: a claim that lands meanwhile is forgotten before this look's answer, which may not know of it.
    const busy = new Set(taken);
    this.#meanwhile = this.#unshared ? [] : null;
    this.#outdated = false;
    if (this.#unshared) this.#lookedAt = this.engine.clock.monotonic();
    const entries = await store.list({ ...keys.readyOf(this.channel), ...start }, { limit }).catch(
      (error) => {
        this.#arrivals += this.#meanwhile?.length ?? 0;
        this.#meanwhile = null;
        throw error;
      },
    );
    const meanwhile = this.#meanwhile ?? [];
    this.#meanwhile = null;
    const free = entries.filter((entry) => !busy.has(idOf(entry.key)));
    const span = { behind: last, to: entries.length < limit ? undefined : entries.at(-1) };
    this.#entries = this.#unshared ? free : [...this.#shares.divide(free, want, span)];
    this.#next = 0;
    this.#arrivals -= told;
    this.#last = entries.at(-1);
    this.#complete = entries.length < limit && !this.#outdated;
    for (const { versionstamp } of entries) if (versionstamp > this.#seen) this.#seen = versionstamp;
    for (const entry of meanwhile) this.arrived(entry);
  }

  /** Entries to read of a store that others change: more while looks are used up before they are old. */
  #reach(want: number, taken: number): number {
    const now = this.engine.clock.monotonic();
    this.#looks = now - this.#lookedAt < FRESH ? this.#looks * 2 : Math.max(1, this.#looks / 2);
    this.#lookedAt = now;
    const reach = this.#shares.reach(want * this.#looks) + taken;
    const most = this.engine.store.limits.listBatch;
    if (reach > most) this.#looks = Math.max(1, this.#looks / 2);
    return Math.min(most, reach);
  }

  /** Takes the first entry that is left. */
  take(): Entry | undefined {
    if (this.empty) return undefined;
    const entry = this.#entries[this.#next++]!;
    if (!this.#unshared) this.#shares.take(entry);
    else if (this.#next === MOST) this.#entries.splice(0, this.#next, entry), this.#next = 1;
    return entry;
  }

  /** The entry taken last is left for another claim. */
  putBack(): void {
    this.#next--;
  }

  /** Forgets what is old. */
  expire(): void {
    const { clock } = this.engine;
    if (this.#unshared ? this.#overtaken || this.#isOld : clock.monotonic() - this.#lookedAt >= FRESH) {
      this.clear();
    }
  }
}
