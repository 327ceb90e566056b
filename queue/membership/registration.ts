/**
 * The registration of a process: a worker entry and its lanes, written in one commit before any other, and the
 * heartbeat that shows that the process lives. Each registration has a new worker id.
 *
 * @module
 */
import { type Clock, sleep } from "../ground/clock.ts";
import { StoreBrokenError } from "../ground/errors.ts";
import { COMMIT_DEADLINE, Lane, LaneGone, readUntilAnswered, withDeadline } from "../commit/lane.ts";
import type { MetaRow, WorkerRow } from "../rows/record.ts";
import type { Keys } from "../rows/keys.ts";
import type { Mutation, Store } from "../store/port.ts";
import { del, put } from "../rows/unit.ts";
import { dataVersion, type Upgrade, upgrade } from "./upgrades.ts";

/** A registration in good standing, as far as this process knows. */
export class Registration {
  #beat = 0;
  #versionstamp: string;

  constructor(
    readonly worker: string,
    readonly row: WorkerRow,
    versionstamp: string,
    readonly lanes: readonly Lane[],
    /** The heartbeat's own lane, so that a heartbeat waits for no other commit. */
    readonly own: Lane,
    readonly keys: Keys,
  ) {
    this.#versionstamp = versionstamp;
  }

  /** Versionstamp of the worker entry. */
  get versionstamp(): string {
    return this.#versionstamp;
  }

  /** Sends a heartbeat. @throws {LaneGone} when the process was judged lost */
  async beat(): Promise<void> {
    const row = { ...this.row, beat: ++this.#beat };
    const commit = { checks: [], mutations: [put(this.keys.worker(this.worker), row)] };
    this.#versionstamp = (await this.own.send(commit, (same) => Promise.resolve(same))).versionstamp;
  }

  /** Ends the registration: deletes the worker entry and the lanes. No commit may be in flight. */
  async retire(): Promise<void> {
    const keys = [this.keys.worker(this.worker), ...[...this.lanes, this.own].map((lane) => lane.key)];
    try {
      await this.own.send({ checks: [], mutations: keys.map(del) }, (same) => Promise.resolve(same));
    } catch (error) {
      // The commit landed but its answer was lost, or this worker was judged lost: the registration is gone either way.
      if (!(error instanceof LaneGone)) throw error;
    }
  }
}

/**
 * Registers this process, once the stored data are of its version. Tries until the store answers.
 *
 * @param worker a new worker id
 * @throws {StoreBrokenError} when the stored data cannot be brought to its version, or the store can serve no more
 */
export async function register(
  store: Store,
  keys: Keys,
  clock: Clock,
  worker: string,
  row: WorkerRow,
  upgrades?: readonly Upgrade[],
): Promise<Registration> {
  const laneKeys = Array.from({ length: store.limits.lanes + 1 }, (_, n) => keys.lane(worker, n));
  for (;;) {
    const meta = await upgrade(store, keys, clock, upgrades);
    const mutations: Mutation[] = [
      put(keys.worker(worker), row),
      ...laneKeys.map((key): Mutation => ({ type: "set", key, value: 0 })),
    ];
    if (!meta) mutations.push(put(keys.meta(), { version: dataVersion(upgrades) } satisfies MetaRow));
    const checks = [
      { key: keys.worker(worker), versionstamp: null },
      { key: keys.meta(), versionstamp: meta?.versionstamp ?? null },
    ];
    let versionstamp: string | null = null;
    try {
      versionstamp = await withDeadline(clock, COMMIT_DEADLINE, store.commit(checks, mutations));
    } catch (error) {
      if (error instanceof StoreBrokenError) throw error;
      await sleep(clock, 100);
    }
    // The commit may have landed all the same: its answer was lost, or the store's client has repeated it and the
    // repeat has failed. The worker entry tells.
    versionstamp ??= (await readUntilAnswered(store, clock, [keys.worker(worker)]))[0]?.versionstamp ?? null;
    if (versionstamp !== null) {
      const [own, ...lanes] = laneKeys.map((key) => new Lane(store, key, versionstamp, clock));
      return new Registration(worker, row, versionstamp, lanes, own!, keys);
    }
  }
}
