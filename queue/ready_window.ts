/**
 * The ready tasks at the head of a channel, as of the last look at the store. On a store that no other process can
 * change, one look of 500 tasks serves many claims; elsewhere each claim looks for itself.
 *
 * @module
 */
import type { Engine } from "./engine.ts";
import { idOf } from "./store/keys.ts";
import type { Entry } from "./store/port.ts";

/** What is known of a channel's ready range. */
export class ReadyWindow {
  readonly #unshared: boolean;
  #entries: Entry[] = [];
  #next = 0;
  /** Nothing stood behind the window's last entry when it was read. */
  #complete = false;
  /** Tasks that became ready since the window began to be read, as far as this process was told. */
  #arrivals = 0;

  constructor(readonly engine: Engine, readonly channel: string) {
    this.#unshared = engine.store.incarnation !== null;
  }

  /** Ready tasks that no claim has taken: at most so many. Known only where no other process can submit. */
  get waiting(): number {
    return this.#unshared && this.#complete ? this.#entries.length - this.#next + this.#arrivals : Infinity;
  }

  /** Whether nothing is left to take. */
  get empty(): boolean {
    return this.#next === this.#entries.length;
  }

  /**
   * A task became ready.
   *
   * @param priority of a task just submitted, which stands behind all others of its priority; unknown for a task that
   *   comes back from somewhere
   */
  arrived(priority?: number): void {
    this.#arrivals++;
    const last = this.#entries.at(-1);
    if (last && (priority === undefined || 9 - priority < Number(last.key.at(-2)))) this.clear();
  }

  /** Forgets what was read. */
  clear(): void {
    this.#entries = [];
    this.#next = 0;
    this.#complete = false;
  }

  /**
   * Reads the head of the channel.
   *
   * @param want tasks that can be used now
   * @param taken ids that a claim in flight is about to remove
   */
  async fill(want: number, taken: ReadonlySet<string>): Promise<void> {
    const { store, keys } = this.engine;
    const limit = this.#unshared
      ? store.limits.listBatch
      : Math.min(store.limits.listBatch, want + taken.size);
    this.#arrivals = 0;
    // As of now: a claim that lands meanwhile is forgotten before this look's answer, which may not know of it.
    const busy = new Set(taken);
    const entries = await store.list(keys.readyOf(this.channel), { limit });
    this.#entries = entries.filter((entry) => !busy.has(idOf(entry.key)));
    this.#next = 0;
    this.#complete = entries.length < limit;
  }

  /** Takes the first entry that is left. */
  take(): Entry | undefined {
    return this.empty ? undefined : this.#entries[this.#next++];
  }

  /** Shared stores: what was read is old by the next claim. */
  expire(): void {
    if (!this.#unshared) this.clear();
  }
}
