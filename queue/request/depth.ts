/**
 * The depth cap of channels: a submission to a channel is refused when it would bring the ready tasks above the cap.
 * The depth is measured by listing, up to the cap, and kept for a second; meanwhile this process adds to it the tasks
 * that it lets through.
 *
 * @module
 */
import type { Reading } from "../task/read.ts";
import { OverCapacityError } from "../ground/errors.ts";
import type { ChannelRow, TaskRecord } from "../rows/record.ts";
import { pagesOf } from "../rows/pages.ts";

/** Milliseconds that a measured depth is kept. */
const KEPT = 1000;

/** The ports to measure depths, and the caps that are set. */
export interface Capped extends Reading {
  readonly overrides: { readonly isCapped: boolean; of(channel: string): ChannelRow };
}

/** A measured depth of a channel, for all submissions within {@link KEPT}. */
interface Measurement {
  readonly at: number;
  readonly cap: number;
  readonly depth: Promise<Depth>;
}

interface Depth {
  /** Tasks that were ready when the depth was measured, and tasks let through since. */
  tasks: number;
}

/** The depths of the channels that have a cap. */
export class Depths {
  #measurements = new Map<string, Measurement>();

  /** @throws {OverCapacityError} when one of the channels has no room for all of its tasks */
  async refuseFull(engine: Capped, records: readonly TaskRecord[]): Promise<void> {
    const { overrides } = engine;
    if (!overrides.isCapped) return;
    const counts = new Map<string, number>();
    for (const { channel } of records) counts.set(channel, (counts.get(channel) ?? 0) + 1);
    const capped = await Promise.all([...counts].flatMap(([channel, count]) => {
      const { maxDepth } = overrides.of(channel);
      if (maxDepth === undefined) return [];
      return this.#depthOf(engine, channel, maxDepth).then((depth) => ({ channel, count, maxDepth, depth }));
    }));
    // No await from here on: other submissions may have passed during the measurements, but cannot pass now.
    for (const { channel, count, maxDepth, depth } of capped) {
      if (depth.tasks + count > maxDepth) throw new OverCapacityError(channel, maxDepth);
    }
    for (const { count, depth } of capped) depth.tasks += count;
  }

  #depthOf(engine: Capped, channel: string, cap: number): Promise<Depth> {
    const now = engine.clock.monotonic();
    const last = this.#measurements.get(channel);
    if (last && now - last.at < KEPT && last.cap === cap) return last.depth;
    const depth = this.#measure(engine, channel, cap);
    this.#measurements.set(channel, { at: now, cap, depth });
    return depth;
  }

  async #measure({ store, keys }: Capped, channel: string, cap: number): Promise<Depth> {
    let tasks = 0;
    for await (const page of pagesOf(store, keys.readyOf(channel), { most: cap })) tasks += page.length;
    return { tasks };
  }
}
