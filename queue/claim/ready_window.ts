/**
 * The ready tasks at the head of a channel, as of the last look at the store. On an unshared store, one that no other
 * process can have open, a look of 500 tasks serves many claims, and what this process stores itself is known without a
 * look. On a shared one a look shows this process's share, and serves the claims of the next 50 ms.
 *
 * The window has three modes, by how many of the channel's ready tasks it knows: none, a part, or all.
 *
 * ## Nothing
 *
 * The initial mode. Also entered by `clear`: when a claim was lost, when a suspect was passed over, when the channel's
 * settings have changed, and when what was known is stale. No entry is left to take, so the next claim looks at the
 * store. Left by `fill`, for *all* when the look has met the end of the channel, else for *a part*.
 *
 * ## All
 *
 * No task stands behind the last entry, as of the last look. A task that became ready since is put in its place among
 * the entries if this process has stored it, the store is unshared, and no arrival is counted yet. Any other one is
 * only counted as an arrival. So on an unshared store `waiting` is exact, and a hand-off can tell whether it
 * would overtake a task. Once all entries are taken and no arrival is counted the window is exhausted: a look would
 * find nothing. *All* becomes *a part* when a task finds no more room among the entries.
 *
 * ## A part
 *
 * More tasks may stand behind the last entry: `waiting` is unknown, and no task is handed off. A task that this process
 * stores is put in its place if it stands before the last entry; if not, a later look finds it.
 *
 * ## Stale
 *
 * What is known, a part or all, is stale when an arrival may stand before one of the entries, or when the last look is
 * too old: 2 s on an unshared store, since a wake-up may have been lost, and 50 ms on a shared one. It is forgotten
 * when the arrival is told, or by `forgetStale` before each claim.
 *
 * ## Being read
 *
 * During a look, a task that this process stores is kept aside and is added to the answer, unless the answer shows it.
 * When `clear` is called during a look, what it shows counts as *a part*.
 *
 * @module
 */
import type { Base, Here } from "../engine.ts";
import { POLL } from "../ground/bell.ts";
import { Shares } from "./shares.ts";
import { idOf, keyAfter, placeIn, standsBefore } from "../rows/keys.ts";
import type { Entry } from "../store/port.ts";

/** Milliseconds for which a look at a shared store serves claims. */
const FRESH = 50;

/** Entries that are kept at most; what stands behind them is read when they are taken. */
const MOST = 1024;

/** A look at the store that has no answer yet. */
interface OpenLook {
  /** The tasks that this process has stored since the look began; empty on a shared store. */
  readonly stored: Entry[];
  /** `clear` was called since the look began: its answer cannot be complete. */
  cleared: boolean;
}

/** See the module's text. */
export class ReadyWindow {
  readonly #unshared: boolean;
  readonly #shares: Shares;
  /** How much is known of the channel's ready tasks. */
  #known: "nothing" | "part" | "all" = "nothing";
  #entries: Entry[] = [];
  #next = 0;
  #openLook: OpenLook | null = null;
  /** Versionstamp of the latest commit that a look has seen. */
  #seen = "";
  /** Tasks of which this process was told since the last look began, and which are not among the entries. */
  #arrivals = 0;
  /** The foremost place, as in keys, that one of these arrivals may stand at. */
  #foremost = Infinity;
  /** Monotonic time of the last look. */
  #lookedAt = -Infinity;
  /** How many times over a look at a shared store fills the free slots. */
  #rounds = 1;
  /** The last entry that was read, also when it was not kept. */
  #last: Entry | undefined;

  constructor(readonly engine: Base & Here, readonly channel: string) {
    this.#unshared = engine.store.incarnation !== null;
    this.#shares = new Shares(engine, channel);
  }

  /** Upper bound of the ready tasks that no claim has taken; `Infinity` while it is unknown, as on a shared store. */
  get waiting(): number {
    if (!this.#unshared || this.#known !== "all") return Infinity;
    return this.#entries.length - this.#next + this.#arrivals + (this.#openLook?.stored.length ?? 0);
  }

  /** Whether all is known and all of it is taken: a look would find nothing. */
  get exhausted(): boolean {
    return this.empty && this.#known === "all" && this.#arrivals === 0 && !this.#isOld;
  }

  /** Whether the last look is so old that a wake-up may have been lost since. */
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
   * @param entry its pointer, when this process has just stored it; unknown when it came back or came from elsewhere
   */
  arrived(entry?: Entry): void {
    if (entry && this.#unshared && this.#openLook) return void this.#openLook.stored.push(entry);
    if (entry && this.#unshared && this.#arrivals === 0) return this.#add(entry);
    this.#arrivals++;
    this.#foremost = Math.min(this.#foremost, entry ? placeIn(entry.key) : -1);
    if (this.#overtaken) this.clear();
  }

  /** Puts a task in its place among the entries, unless a look has seen it or it stands behind what is known. */
  #add(entry: Entry): void {
    if (entry.versionstamp <= this.#seen) return;
    const entries = this.#entries;
    let at = entries.length;
    while (at > this.#next && standsBefore(entry.key, entries[at - 1]!.key)) at--;
    if (at < entries.length) {
      entries.splice(at, 0, entry);
      if (entries.length - this.#next <= MOST) return;
      entries.pop();
      this.#known = "part";
    } else if (this.#known === "all") {
      if (at - this.#next < MOST) entries.push(entry);
      else this.#known = "part";
    }
  }

  /** Whether an arrival may stand before one of the entries. */
  get #overtaken(): boolean {
    const last = this.#entries.at(-1);
    return last !== undefined && this.#foremost < placeIn(last.key);
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
    return this.#known !== "all";
  }

  /** Forgets what was read. */
  clear(): void {
    if (this.#openLook) this.#openLook.cleared = true;
    this.#entries = [];
    this.#next = 0;
    this.#known = "nothing";
  }

  /**
   * Reads the head of the channel, or what stands behind the entries read last.
   *
   * @param want tasks that can be used now
   * @param taken ids that a claim in flight is about to remove
   */
  async fill(want: number, taken: ReadonlySet<string>, from: "head" | "behind" = "head"): Promise<void> {
    const limit = this.#limit(want, taken.size);
    const behind = from === "behind" ? this.#lastKnown : undefined;
    // Arrivals count as waiting until this look has its answer: a hand-off before that would overtake them.
    const told = this.#arrivals;
    this.#foremost = Infinity;
    // A copy: a claim that lands during the look leaves `taken`, while the answer may still show its tasks.
    const busy = new Set(taken);
    const look: OpenLook = this.#openLook = { stored: [], cleared: false };
    let entries: Entry[];
    try {
      entries = await this.#read(behind, limit);
    } catch (error) {
      this.#arrivals += look.stored.length;
      throw error;
    } finally {
      this.#openLook = null;
    }
    const free = entries.filter((entry) => !busy.has(idOf(entry.key)));
    const stretch = { behind, to: entries.length < limit ? undefined : entries.at(-1) };
    this.#entries = this.#unshared ? free : [...this.#shares.divide(free, want, stretch)];
    this.#next = 0;
    this.#arrivals -= told;
    this.#last = entries.at(-1);
    this.#known = entries.length < limit && !look.cleared ? "all" : "part";
    for (const { versionstamp } of entries) if (versionstamp > this.#seen) this.#seen = versionstamp;
    for (const entry of look.stored) this.arrived(entry);
  }

  /** The last entry that is known; on a shared store, of all that were read. */
  get #lastKnown(): Entry | undefined {
    return this.#unshared ? this.#entries.at(-1) ?? this.#last : this.#last;
  }

  #read(behind: Entry | undefined, limit: number): Promise<Entry[]> {
    const { store, keys } = this.engine;
    const start = behind && { start: keyAfter(behind.key) };
    return store.list({ ...keys.readyOf(this.channel), ...start }, { limit });
  }

  /** Entries to read. On a shared store the number doubles while looks are used up before they are old. */
  #limit(want: number, taken: number): number {
    const now = this.engine.clock.monotonic();
    const most = this.engine.store.limits.listBatch;
    if (this.#unshared) {
      this.#lookedAt = now;
      return most;
    }
    this.#rounds = now - this.#lookedAt < FRESH ? this.#rounds * 2 : Math.max(1, this.#rounds / 2);
    this.#lookedAt = now;
    const reach = this.#shares.reach(want * this.#rounds) + taken;
    if (reach > most) this.#rounds = Math.max(1, this.#rounds / 2);
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

  /** Leaves the entry that was taken last to another claim. */
  putBack(): void {
    this.#next--;
  }

  /** Forgets what is stale. */
  forgetStale(): void {
    const { clock } = this.engine;
    if (this.#unshared ? this.#overtaken || this.#isOld : clock.monotonic() - this.#lookedAt >= FRESH) {
      this.clear();
    }
  }
}
