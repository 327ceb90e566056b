/**
 * The depth cap of channels: submissions to a channel in which as many tasks stand ready are refused. The depth is
 * measured by listing, up to the cap, and kept for a second, in which this process counts what it lets through.
 *
 * @module
 */
import type { Engine } from "../engine.ts";
import { OverCapacityError } from "../errors.ts";
import type { TaskRecord } from "../record.ts";
import { idOf } from "../store/keys.ts";

/** Milliseconds that a measured depth is kept. */
const KEPT = 1000;

interface Depth {
  readonly at: number;
  /** Ready tasks when it was measured, and those let through since. */
  tasks: number;
}

/** The depths of the channels that have a cap. */
export class Depths {
  #known = new Map<string, Promise<Depth>>();

  /** @throws {OverCapacityError} when one of the channels has no room for all of its tasks */
  async refuseFull(engine: Engine, records: readonly TaskRecord[]): Promise<void> {
    const { overrides } = engine;
    if (!overrides.isCapped) return;
    const counts = new Map<string, number>();
    for (const { channel } of records) counts.set(channel, (counts.get(channel) ?? 0) + 1);
    const passing: [Depth, number][] = [];
    for (const [channel, count] of counts) {
      const { maxDepth } = overrides.of(channel);
      if (maxDepth === undefined) continue;
      const depth = await this.#depthOf(engine, channel, maxDepth);
      if (depth.tasks + count > maxDepth) throw new OverCapacityError(channel, maxDepth);
      passing.push([depth, count]);
    }
    for (const [depth, count] of passing) depth.tasks += count;
  }

  async #depthOf(engine: Engine, channel: string, cap: number): Promise<Depth> {
    const now = engine.clock.monotonic();
    const known = await this.#known.get(channel)?.catch(() => null);
    if (known && now - known.at < KEPT) return known;
    const measuring = this.#measure(engine, channel, cap, now);
    this.#known.set(channel, measuring);
    return await measuring;
  }

  async #measure({ store, keys }: Engine, channel: string, cap: number, at: number): Promise<Depth> {
    const range = keys.readyOf(channel);
    let tasks = 0;
    let start = {};
    for (;;) {
      const limit = Math.min(store.limits.listBatch, cap - tasks);
      const entries = limit > 0 ? await store.list({ ...range, ...start }, { limit }) : [];
      tasks += entries.length;
      if (entries.length < limit || tasks >= cap) return { at, tasks };
      const last = entries.at(-1)!.key;
      start = { start: [...last.slice(0, -1), `${idOf(last)}\0`] };
    }
  }
}
