/**
 * Statistics of the whole: how many tasks stand in each place, which workers live, and what this process has done.
 *
 * @module
 */
import type { Base } from "../engine.ts";
import type { Overrides } from "../limits/overrides.ts";
import { listUpToCap, viewChannels } from "./views.ts";
import type { Membership } from "../membership/membership.ts";
import type { WorkerRow } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import type { Counts, Tally } from "./tally.ts";
import type { Channel } from "../ground/task.ts";

/** See `Queue.stats`. Each number of tasks is counted up to 10,000. */
export interface Stats {
  /** This process's registration; `null` before its first commit. */
  readonly worker: string | null;
  readonly startedAt: number;
  /** Seconds. */
  readonly uptime: number;
  /** Tasks by the place where they stand, and those that ended otherwise than in SUCCESS and are still kept. */
  readonly tasks: {
    readonly ready: number;
    readonly delayed: number;
    readonly blocked: number;
    /** Tasks of workflows that are not released yet. */
    readonly waiting: number;
    readonly running: number;
    readonly failure: number;
    readonly revoked: number;
  };
  readonly workers: { readonly alive: number; readonly lost: number };
  readonly channels: readonly Channel[];
  /** Counts of this process, since it started. */
  readonly sinceStart: Counts;
  /** Tasks that ended in this process per second, over the last minute or since its start. */
  readonly rate: number;
}

/** Reads the statistics. */
export async function viewStats(
  engine: Base & { readonly overrides: Overrides },
  membership: Membership,
  tally: Tally,
): Promise<Stats> {
  const { keys, store } = engine;
  const count = async (range: Parameters<typeof listUpToCap>[1]) => (await listUpToCap(engine, range)).length;
  const [channels, rows, delayed, blocked, waiting, running, failure, revoked] = await Promise.all([
    viewChannels(engine),
    store.list(keys.workers(), { limit: store.limits.listBatch }),
    count(keys.delayedAll()),
    count(keys.blockedAll()),
    count(keys.under(["waiting"])),
    count(keys.runs()),
    count(keys.endedAs("FAILURE")),
    count(keys.endedAs("REVOKED")),
  ]);
  const lost = rows.filter(({ value }) => decode<WorkerRow>(value).lost).length;
  return {
    worker: membership.worker || null,
    startedAt: tally.startedAt,
    uptime: tally.uptime,
    tasks: {
      ready: channels.reduce((sum, { ready }) => sum + ready, 0),
      delayed,
      blocked,
      waiting,
      running,
      failure,
      revoked,
    },
    workers: { alive: rows.length - lost, lost },
    channels,
    sinceStart: tally.counts,
    rate: tally.rate,
  };
}
