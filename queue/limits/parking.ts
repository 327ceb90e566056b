/**
 * Parking: moves the ready tasks of a channel that may not start yet to where they stand in nobody's way, as many in a
 * commit as it can check.
 *
 * @module
 */
import type { Base, Signals } from "../engine.ts";
import type { Overrides } from "./overrides.ts";
import { isOver } from "../ground/errors.ts";
import { parkUnit } from "../task/moves.ts";
import type { Pointer } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import { idOf, keyAfter } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import type { Entry } from "../store/port.ts";
import { limitOfBlocked, limitsOf } from "./admission.ts";

/** Parks tasks of one channel. */
export class Parking {
  /** Limits for which tasks are being parked wherever they stand. */
  #sweeping = new Set<string>();

  /**
   * @param busy ids that a commit in flight is about to remove
   * @param outdated what was read of the channel holds no more
   */
  constructor(
    readonly engine: Base & Signals & { readonly overrides: Overrides },
    readonly channel: string,
    readonly busy: Set<string>,
    readonly outdated: () => void,
  ) {}

  /** Whether tasks with one of these limits are being parked: they are not to be claimed meanwhile. */
  isSweeping(limits: readonly string[]): boolean {
    return limits.some((limit) => this.#sweeping.has(limit));
  }

  /** Parks tasks, by what they wait for. Never rejects. */
  async parkAll(waiting: ReadonlyMap<string, readonly Entry[]>): Promise<void> {
    await Promise.all([...waiting].map(([by, entries]) => this.#park(entries, by)));
  }

  /**
   * Parks, page by page, what stands behind an entry and waits for one of these as well, until that is the lesser part
   * of a page. So what a look has met of one key is parked at once, however few slots there are to look for.
   */
  async sweep(bys: readonly string[], behind: Entry): Promise<void> {
    const { engine, channel } = this;
    const { store, keys } = engine;
    const limits = new Map(bys.map((by) => [limitOfBlocked(by), by]));
    for (const limit of limits.keys()) if (this.#sweeping.has(limit)) limits.delete(limit);
    if (limits.size === 0) return;
    for (const limit of limits.keys()) this.#sweeping.add(limit);
    try {
      const range = { ...keys.readyOf(channel), start: keyAfter(behind.key) };
      for await (const page of pagesOf(store, range)) {
        const waiting = Map.groupBy(page, (entry) => this.#heldBy(entry, limits));
        waiting.delete(null);
        await this.parkAll(waiting as Map<string, Entry[]>);
        engine.wake(channel);
        const parked = [...waiting.values()].reduce((sum, entries) => sum + entries.length, 0);
        if (2 * parked < page.length) break;
      }
    } finally {
      for (const limit of limits.keys()) this.#sweeping.delete(limit);
      this.outdated();
    }
  }

  /** Which of these limits a ready task has; `null` for none, and for one that is being claimed. */
  #heldBy({ key, value }: Entry, limits: ReadonlyMap<string, string>): string | null {
    if (this.busy.has(idOf(key))) return null;
    const pointer = decode<Pointer>(value);
    const definition = this.engine.definitions.get(pointer.name);
    const found = definition && limitsOf(pointer, definition, null).find((limit) => limits.has(limit));
    return found === undefined ? null : limits.get(found)!;
  }

  async #park(entries: readonly Entry[], by: string): Promise<void> {
    const { engine, channel, busy } = this;
    const { overrides } = engine;
    // A purge looks for what is parked before it looks for what is ready.
    if (overrides.isPaused(channel)) return;
    const under = overrides.checks(channel);
    const size = engine.store.limits.checks - 1 - under.length;
    const units = Array.from(
      { length: Math.ceil(entries.length / size) },
      (_, n) => parkUnit(engine.keys, entries.slice(n * size, (n + 1) * size), channel, by, under),
    );
    for (const { key } of entries) busy.add(idOf(key));
    try {
      const landed = await Promise.all(units.map((unit) => engine.committer.commit(unit)));
      // One of them was revoked, or taken by somebody else, or the channel was changed: look again.
      if (landed.includes(null)) {
        this.outdated();
        if (overrides.shared) await overrides.reread(channel);
      }
    } catch (error) {
      this.outdated();
      this.#fault(error);
    }
    for (const { key } of entries) busy.delete(idOf(key));
    engine.parked(by);
  }

  #fault(error: unknown): void {
    if (isOver(error)) return;
    this.engine.emit({ type: "fault", message: `Channel ${this.channel}: tasks could not be parked`, error });
  }
}
