/**
 * Parking: moves tasks that may not start yet from `ready` to `blocked`, where no look for ready tasks meets them. One
 * commit moves as many as it can check.
 *
 * @module
 */
import type { Base, Signals } from "../engine.ts";
import type { Overrides } from "./overrides.ts";
import { isOver } from "../ground/is_over.ts";
import { parkUnit } from "../task/moves.ts";
import type { Pointer } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import { idOf, keyAfter } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import type { Entry } from "../store/port.ts";
import { limitOfBlocked, limitsOf } from "./admission.ts";

/** Parks tasks of one channel. */
export class Parking {
  /** Limits whose tasks a sweep is parking, as `limitsOf` names them. */
  #sweeping = new Set<string>();

  /**
   * @param busy ids of the tasks that a commit in flight is about to remove from `ready`
   * @param outdated called when the tasks read ahead may no longer be in `ready`
   */
  constructor(
    readonly engine: Base & Signals & { readonly overrides: Overrides },
    readonly channel: string,
    readonly busy: Set<string>,
    readonly outdated: () => void,
  ) {}

  /** Whether a sweep is parking tasks of one of these limits: they must not be claimed meanwhile. */
  isSweeping(limits: readonly string[]): boolean {
    return limits.some((limit) => this.#sweeping.has(limit));
  }

  /** Parks tasks, given by the scope of `blocked` that they go to. Never rejects. */
  async parkAll(waiting: ReadonlyMap<string, readonly Entry[]>): Promise<void> {
    await Promise.all([...waiting].map(([by, entries]) => this.#park(entries, by)));
  }

  /**
   * Parks the tasks that stand in `ready` behind an entry and have one of these limits too. Reads page by page, and
   * stops after a page of which less than half was parked. So a long row of tasks with one key is parked at once, even
   * if the channel has few slots and a claim chooses only a few tasks at a time.
   *
   * @param scopes of `blocked`
   */
  async sweep(scopes: readonly string[], behind: Entry): Promise<void> {
    const { engine, channel } = this;
    const { store, keys } = engine;
    const limits = new Map(scopes.map((by) => [limitOfBlocked(by), by]));
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

  /** The scope of `blocked` for a limit that a ready task has; `null`: it has none of these, or is being claimed. */
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
    // A purge reads `blocked` before `ready`, so it would miss a task that is parked meanwhile.
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
      // A task was revoked or claimed elsewhere, or the channel's settings have changed: look again.
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
