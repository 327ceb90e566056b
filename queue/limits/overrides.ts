/**
 * Overrides: the settings that people have made for channels at run time, for all processes: pause, slots, rate, depth
 * cap. Each channel has one row, or none while the defaults hold.
 *
 * On a store that others share a claim checks the row as this process knows it, so no claim lands after a change that
 * this process has not seen. Where no other process can write, the rows in memory are exact.
 *
 * @module
 */
import type { Base } from "../engine.ts";
import { readUntilAnswered } from "../commit/lane.ts";
import type { ChannelRow } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import { idOf } from "../rows/keys.ts";
import type { Check, Entry, Mutation } from "../store/port.ts";
import { del, put } from "../rows/unit.ts";
import { parseRate, type Rate } from "../ground/rate.ts";

/** A row as this process knows it. */
interface Known {
  readonly row: ChannelRow;
  readonly rate: Rate | null;
  readonly versionstamp: string | null;
}

const DEFAULTS: Known = { row: {}, rate: null, versionstamp: null };

/** The channels' rows, as this process knows them. */
export class Overrides {
  #known = new Map<string, Known>();

  /**
   * @param engineOf gives the engine, which is not made yet when its overrides are
   * @param changed called with each channel whose row has changed
   */
  constructor(readonly engineOf: () => Base, readonly changed: (channel: string) => void) {}

  get engine(): Base {
    return this.engineOf();
  }

  /** Whether other processes may change the rows. */
  get shared(): boolean {
    return this.engine.store.incarnation === null;
  }

  /** The settings made for a channel. */
  of(channel: string): ChannelRow {
    return this.#get(channel).row;
  }

  /** The rate set for a channel. */
  rateOf(channel: string): Rate | null {
    return this.#get(channel).rate;
  }

  /** Whether no task of the channel may be claimed: it is paused, or being purged. */
  isPaused(channel: string): boolean {
    const { paused, purging } = this.of(channel);
    return paused === true || purging !== undefined;
  }

  /** Whether any setting was made for a channel. */
  has(channel: string): boolean {
    return this.#known.has(channel);
  }

  /** Whether any channel has a depth cap. */
  get isCapped(): boolean {
    return [...this.#known.values()].some(({ row }) => row.maxDepth !== undefined);
  }

  /** Checks for a commit that moves ready tasks of the channel: the row is still the one that this process knows. */
  checks(channel: string): Check[] {
    if (!this.shared) return [];
    return [{ key: this.engine.keys.channel(channel), versionstamp: this.#get(channel).versionstamp }];
  }

  /** Reads every row anew, and ends the pauses of purges whose process has died. */
  async refresh(): Promise<void> {
    const { store, keys } = this.engine;
    const entries = await store.list(keys.channels(), { limit: store.limits.listBatch });
    const found = new Map(entries.map((entry) => [idOf(entry.key), entry]));
    for (const channel of new Set([...found.keys(), ...this.#known.keys()])) {
      this.#note(channel, found.get(channel) ?? null);
    }
    for (const entry of entries) await this.#endDeadPurge(entry);
  }

  /** Reads one row anew. */
  async reread(channel: string): Promise<void> {
    const [entry] = await this.engine.store.getMany([this.engine.keys.channel(channel)]);
    this.#note(channel, entry ?? null);
  }

  /**
   * Rewrites a row under check of it, and starts again whenever another process has changed it in between.
   *
   * @param change makes the new row from the present one; an empty one is deleted
   * @param options.patient whether to wait for a store that does not answer. @default {false}
   * @param options.also makes what is written with the new row
   */
  async change(
    channel: string,
    change: (row: ChannelRow) => ChannelRow,
    { patient = false, also }: {
      patient?: boolean;
      also?: (before: ChannelRow, after: ChannelRow) => Mutation;
    } = {},
  ): Promise<void> {
    const { store, keys, committer, clock } = this.engine;
    const key = keys.channel(channel);
    for (;;) {
      const [entry] = await (patient ? readUntilAnswered(store, clock, [key]) : store.getMany([key]));
      const before = entry ? decode<ChannelRow>(entry.value) : {};
      const next = change(before);
      const isEmpty = Object.keys(next).length === 0;
      const versionstamp = await committer.commit({
        checks: [{ key, versionstamp: entry?.versionstamp ?? null }],
        mutations: [isEmpty ? del(key) : put(key, next), ...also ? [also(before, next)] : []],
        patient,
      });
      if (versionstamp === null) continue;
      return this.#set(
        channel,
        isEmpty ? DEFAULTS : { row: next, rate: parseRate(next.rateLimit, next.burst), versionstamp },
      );
    }
  }

  #get(channel: string): Known {
    return this.#known.get(channel) ?? DEFAULTS;
  }

  #note(channel: string, entry: Entry | null): void {
    if (!entry) return this.#set(channel, DEFAULTS);
    const { versionstamp } = entry;
    const row = decode<ChannelRow>(entry.value);
    this.#set(channel, { row, rate: parseRate(row.rateLimit, row.burst), versionstamp });
  }

  #set(channel: string, known: Known): void {
    if (this.#get(channel).versionstamp === known.versionstamp) return;
    if (known === DEFAULTS) this.#known.delete(channel);
    else this.#known.set(channel, known);
    this.changed(channel);
  }

  async #endDeadPurge(entry: Entry): Promise<void> {
    const { purging } = decode<ChannelRow>(entry.value);
    if (purging === undefined) return;
    const [worker] = await this.engine.store.getMany([this.engine.keys.worker(purging)]);
    if (worker) return;
    await this.change(
      idOf(entry.key),
      ({ purging: by, ...row }) => by === undefined || by === purging ? row : { ...row, purging: by },
    );
  }
}
