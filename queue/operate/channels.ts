/**
 * Operating channels while everything runs: pause and resume, slots, rate, depth cap, purge.
 *
 * @module
 */
import type { Base, Here, Signals } from "../engine.ts";
import type { Overrides } from "../limits/overrides.ts";
import {
  ChannelNotFoundError,
  type Fault,
  InvalidChannelError,
  StoreUnavailableError,
} from "../ground/errors.ts";
import { knownChannels } from "../task/options.ts";
import { endWaitingUnit } from "../task/moves.ts";
import { readRecords } from "../task/read.ts";
import type { ChannelRow, ParkedPointer } from "../rows/record.ts";
import { PURGED } from "../task/endings.ts";
import { ended } from "../task/state.ts";
import { decode } from "../rows/codec.ts";
import { audit, difference } from "../rows/audit.ts";
import { familyOf, idOf, scopeOf } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import type { Entry, KeyRange } from "../store/port.ts";
import { nearest } from "../ground/suggest.ts";
import { burstFault, parseRate, RATE_FORM } from "../ground/rate.ts";

/** Most slots that a channel can be given in each process. */
const MOST_SLOTS = 9999;
/** Largest depth cap: the depth is measured by listing tasks, up to the cap. */
const MOST_DEPTH = 100_000;
/** Most tasks that a purge reads and ends together. */
const PIECE = 200;

/** Changes of a channel's settings. `null` restores the default; a setting that is left out stays as it is. */
export interface ChannelChange {
  readonly paused?: boolean | null;
  /** How many tasks of the channel each process that executes it runs at a time. */
  readonly slots?: number | null;
  /** How often tasks of the channel start, in all processes together: `"10/m"`. */
  readonly rateLimit?: string | null;
  /** How many tasks the rate lets start at once, 1 to its number. A rate that is taken away takes its burst along. */
  readonly burst?: number | null;
  /** Number of ready tasks from which on submissions are refused. */
  readonly maxDepth?: number | null;
}

/** The parts of the engine that a change or a purge of a channel takes. */
interface Controlling extends Base, Signals, Here {
  readonly overrides: Overrides;
}

/**
 * See `Queue.changeChannel`.
 *
 * @throws {ChannelNotFoundError}
 * @throws {InvalidChannelError}
 */
export async function changeChannel(
  engine: Controlling,
  channel: string,
  change: ChannelChange,
): Promise<void> {
  assertKnown(engine, channel);
  const faults = faultsOf(change);
  if (faults.length > 0) throw new InvalidChannelError(faults);
  const { paused, ...rest } = change;
  await engine.overrides.change(channel, (row) => {
    const next: Record<string, unknown> = { ...row, ...rest };
    if (paused !== undefined) next.paused = paused || null;
    if (next.rateLimit === null && (rest.burst ?? null) === null) next.burst = null;
    const set: ChannelRow = Object.fromEntries(
      Object.entries(next).filter(([, value]) => value !== null && value !== undefined),
    );
    const wrong = burstFault(set.rateLimit, set.burst);
    if (wrong !== null) throw new InvalidChannelError([{ pointer: "/burst", detail: wrong }]);
    return set;
  }, {
    also: (before, after) =>
      audit(engine, { action: "channel.change", target: channel, ...difference(before, after) }),
  });
  await takeEffect(engine, channel);
}

/**
 * Brings a changed row into effect. If the channel is paused, waits until no task that this process took before is
 * still about to start. On a shared store, has the other processes look at the channel.
 */
async function takeEffect(engine: Controlling, channel: string): Promise<void> {
  if (engine.overrides.isPaused(channel)) await engine.consumer(channel)?.quiet();
  if (engine.overrides.shared) engine.wake(channel);
}

/**
 * Ends the ready, delayed and parked tasks of a channel that were submitted before this moment; runs go on. Meanwhile
 * the channel is paused in all processes. If this process dies, the others (on a local file: the next one) end the
 * pause, and the tasks that were not ended by then stay. See `Queue.purge`.
 *
 * @returns how many tasks were ended
 * @throws {ChannelNotFoundError}
 */
export async function purge(engine: Controlling, channel: string): Promise<number> {
  const { overrides, keys } = engine;
  assertKnown(engine, channel);
  const worker = engine.worker();
  try {
    await overrides.change(channel, (row) => ({ ...row, purging: worker }), {
      also: () => audit(engine, { action: "channel.purge", target: channel }),
    });
    await takeEffect(engine, channel);
    const before = engine.nextId();
    const ranges = [keys.delayedAll(), keys.blockedAll(), keys.readyOf(channel)];
    let purged = 0;
    // Until a round finds nothing: a task may have moved from one place to another while the places were read.
    for (let found = 1; found > 0;) {
      found = 0;
      for (const range of ranges) found += await purgeRange(engine, range, channel, before);
      purged += found;
    }
    await endPause();
    return purged;
  } catch (error) {
    const paused = endPause();
    // The caller does not wait for a store that does not answer. The end of the pause does, so the channel is not left
    // paused.
    if (error instanceof StoreUnavailableError) paused.catch(() => {});
    else await paused;
    throw error;
  }

  async function endPause(): Promise<void> {
    await overrides.change(
      channel,
      ({ purging: by, ...row }) => by === undefined || by === worker ? row : { ...row, purging: by },
      { patient: true },
    );
    await takeEffect(engine, channel);
  }
}

/** Ends the tasks of a range that belong to a channel and have a lower id than `before`. @returns how many */
async function purgeRange(
  engine: Base & Signals,
  range: KeyRange,
  channel: string,
  before: string,
): Promise<number> {
  let purged = 0;
  for await (const page of pagesOf(engine.store, range, { page: PIECE })) {
    const own = page.filter((entry) => idOf(entry.key) < before && channelOf(entry) === channel);
    purged += await endAll(engine, own);
  }
  return purged;

  function channelOf(entry: Entry): string {
    return familyOf(entry.key) === "ready" ? scopeOf(entry.key) : decode<ParkedPointer>(entry.value).channel;
  }
}

async function endAll(engine: Base & Signals, entries: readonly Entry[]): Promise<number> {
  const now = engine.clock.now();
  const records = await readRecords(engine, entries.map((entry) => idOf(entry.key)));
  const landed = await Promise.all(entries.map(async (entry, i) => {
    const record = records[i];
    if (!record) return false;
    const final = ended(record, null, PURGED, now);
    // Not landed: the task was moved, claimed or ended meanwhile.
    if (await engine.committer.commit(endWaitingUnit(engine.keys, final, entry)) === null) return false;
    engine.ended(final);
    return true;
  }));
  return landed.filter(Boolean).length;
}

function assertKnown(engine: Pick<Base, "slots" | "channels">, channel: string): void {
  const known = knownChannels(engine);
  if (!known.has(channel)) throw new ChannelNotFoundError(channel, nearest(channel, known));
}

function faultsOf({ paused, slots, rateLimit, maxDepth }: ChannelChange): Fault[] {
  const faults: Fault[] = [];
  const demand = (pointer: string, value: unknown, holds: boolean, must: string) => {
    if (value === undefined || value === null || holds) return;
    faults.push({
      pointer,
      detail: `must be ${must}, or null: got ${JSON.stringify(value) ?? typeof value}`,
    });
  };
  const within = (value: unknown, most: number) =>
    Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most;
  demand("/paused", paused, typeof paused === "boolean", "true or false");
  demand("/slots", slots, within(slots, MOST_SLOTS), `an integer from 1 to ${MOST_SLOTS}`);
  demand("/rate_limit", rateLimit, parseRate(rateLimit) !== null, RATE_FORM);
  demand("/max_depth", maxDepth, within(maxDepth, MOST_DEPTH), `an integer from 1 to ${MOST_DEPTH}`);
  return faults;
}
