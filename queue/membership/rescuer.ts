/**
 * The rescuer: finds workers that are lost, and gives their tasks to others.
 *
 * A worker is lost when the observer has seen its entry's versionstamp unchanged for `workerLostAfter` seconds of the
 * observer's own monotonic clock, without a gap in the observer's own heartbeats (invariant 9). On a store that no
 * other process can have open, a worker that registered in an earlier opening is lost at once: it is certainly dead.
 *
 * Rescue is two steps. First one commit deletes the worker's lanes and marks it lost, under check of the entry as
 * judged: from then on none of its commits can land (invariant 3). Then its runs are given back in batches that each
 * check and rewrite the entry, so that two rescuers never give back the same run; the last batch deletes the entry. A
 * process that finds an entry marked lost continues the rescue at once.
 *
 * @module
 */
import type { Base, Signals } from "../engine.ts";
import { INLINE_BYTES } from "../rows/payload.ts";
import { endRunUnit, requeueUnit } from "../task/moves.ts";
import { readRecords } from "../task/read.ts";
import type { RunRow, TaskRecord, WorkerRow } from "../rows/record.ts";
import { type Ending, LOST, lostTooOften, REVOKED_LOST } from "../task/endings.ts";
import { cutOff, ended } from "../task/state.ts";
import { decode } from "../rows/codec.ts";
import { idOf } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import type { Entry } from "../store/port.ts";
import { del, put, together, type Unit } from "../rows/unit.ts";

/** Most bytes that one task of a lost worker takes of a commit. */
const RECORD_BYTES = 2 * INLINE_BYTES;
/** Most rows of a commit that one task of a lost worker takes, without an error callback. */
const ROWS = 5;

/** Deliveries to workers that were lost, after which a task fails as WorkerLostError. */
const MAX_DELIVERIES = 3;

/** A worker entry as this process has seen it. */
interface Sighting {
  readonly versionstamp: string;
  /** Monotonic time since which this process has seen that versionstamp, without a gap in its own heartbeats. */
  readonly at: number;
  /** Whether the entry changed, or appeared, between two looks of this process: its worker lived then. */
  readonly changed: boolean;
  readonly row: WorkerRow;
}

/** Watches the other workers of the store. */
export class Rescuer {
  #seen = new Map<string, Sighting>();
  /** Monotonic time of the last look. */
  #lookedAt = -Infinity;

  constructor(readonly engine: Base & Signals) {}

  /** Whether there is a worker that was neither seen to live nor rescued yet. */
  get isUndecided(): boolean {
    return [...this.#seen.values()].some(({ changed }) => !changed);
  }

  /** Seconds since this process saw a worker's entry change; 0 for a worker that it has not seen. */
  ageOf(worker: string): number {
    const seen = this.#seen.get(worker);
    return seen ? (this.engine.clock.monotonic() - seen.at) / 1000 : 0;
  }

  /** The other workers that execute a channel and were seen to live within half of `workerLostAfter`. */
  executing(channel: string): string[] {
    const since = this.engine.clock.monotonic() - this.engine.settings.workerLostAfter * 500;
    return [...this.#seen].flatMap(([worker, { row, at, changed }]) =>
      changed && at > since && !row.lost && Object.hasOwn(row.channels, channel) ? [worker] : []
    );
  }

  /**
   * Looks at every other worker once, and rescues the lost ones.
   *
   * @param own this process's worker id
   * @param steadySince monotonic time since which this process had no gap between its own heartbeats: a sighting from
   *   before does not count, because this process itself stood still in between
   */
  async runOnce(own: string, steadySince: number): Promise<void> {
    const { engine } = this;
    const now = engine.clock.monotonic();
    const entries = await engine.store.list(engine.keys.workers(), { limit: engine.store.limits.listBatch });
    const lost: Entry[] = [];
    const seen = new Map<string, Sighting>();
    // Whether this process has looked before, without a gap in its heartbeats since.
    const goesOn = this.#lookedAt >= steadySince;
    for (const entry of entries) {
      const worker = idOf(entry.key);
      if (worker === own) continue;
      const before = this.#seen.get(worker);
      const same = before?.versionstamp === entry.versionstamp && before.at >= steadySince;
      const row = decode<WorkerRow>(entry.value);
      const sighting = same ? before : { versionstamp: entry.versionstamp, at: now, changed: goesOn, row };
      seen.set(worker, sighting);
      if (this.#isLost(row, now - sighting.at)) lost.push(entry);
    }
    this.#seen = seen;
    this.#lookedAt = now;
    for (const entry of lost) await this.#rescue(entry);
  }

  #isLost(row: WorkerRow, unchanged: number): boolean {
    const { incarnation } = this.engine.store;
    return row.lost === true || incarnation !== null && row.incarnation !== incarnation ||
      unchanged >= this.engine.settings.workerLostAfter * 1000;
  }

  async #rescue(entry: Entry): Promise<void> {
    const { engine } = this;
    const worker = idOf(entry.key);
    const row = { ...decode<WorkerRow>(entry.value), lost: true };
    let versionstamp: string | null = entry.versionstamp;
    if (!decode<WorkerRow>(entry.value).lost) {
      const lanes = await engine.store.list(engine.keys.lanesOf(worker), {
        limit: engine.store.limits.listBatch,
      });
      versionstamp = await engine.committer.commit({
        checks: [{ key: entry.key, versionstamp }],
        mutations: [...lanes.map((lane) => del(lane.key)), put(entry.key, row)],
      });
      if (versionstamp === null) return;
      engine.emit({ type: "lost-worker", worker });
    }
    const runs = await this.#runsOf(worker);
    const { checks, mutations, bytes } = engine.store.limits;
    const most = Math.min(checks - 2, Math.floor(mutations / ROWS) - 1, Math.floor(bytes / RECORD_BYTES) - 1);
    const size = Math.max(1, most);
    let tasks = 0;
    for (let at = 0; at < runs.length || at === 0; at += size) {
      const batch = runs.slice(at, at + size);
      const last = at + size >= runs.length;
      versionstamp = await this.#giveBack(entry, row, versionstamp, batch, last);
      // Another rescuer has rewritten the entry: it continues the rescue.
      if (versionstamp === null) return;
      tasks += batch.length;
    }
    this.#seen.delete(worker);
    engine.emit({ type: "rescued", worker, tasks });
  }

  async #runsOf(worker: string): Promise<{ id: string; run: RunRow }[]> {
    const { store, keys } = this.engine;
    const found: { id: string; run: RunRow }[] = [];
    for await (const page of pagesOf(store, keys.runs())) {
      for (const entry of page) {
        const run = decode<RunRow>(entry.value);
        if (run.worker === worker) found.push({ id: idOf(entry.key), run });
      }
    }
    return found;
  }

  /**
   * Gives a batch of runs back, and ends the tasks that must not run again.
   *
   * @returns versionstamp of the worker entry; `null`: another rescuer was faster
   */
  async #giveBack(
    entry: Entry,
    row: WorkerRow,
    versionstamp: string,
    batch: readonly { id: string; run: RunRow }[],
    last: boolean,
  ): Promise<string | null> {
    const { engine } = this;
    const { keys, store } = engine;
    const now = engine.clock.now();
    const records = await readRecords(engine, batch.map(({ id }) => id));
    const revokes = await store.getMany(batch.map(({ id }) => keys.revoke(id)));
    const finals: TaskRecord[] = [];
    const waiting: { record: TaskRecord; deliveries: number }[] = [];
    const units: Unit[] = batch.map(({ id, run }, i) => {
      const record = records[i];
      if (!record) return { checks: [], mutations: [del(keys.run(id))] };
      const outcome = lostOutcome(record, run, revokes[i] !== null);
      if (!outcome) {
        waiting.push({ record, deliveries: run.deliveries });
        return requeueUnit(keys, cutOff(record, run, "lost", now), run.deliveries, now);
      }
      const final = ended(record, run, outcome, now);
      finals.push(final);
      return endRunUnit(keys, final);
    });
    const mark: Unit = {
      checks: [{ key: entry.key, versionstamp }],
      mutations: [last ? del(entry.key) : put(entry.key, row)],
    };
    const landed = await engine.committer.commit(together(mark, ...units));
    if (landed === null) return null;
    for (const { record, deliveries } of waiting) {
      engine.emit({ type: "lost", task: record, deliveries });
      engine.wake(record.channel);
    }
    for (const final of finals) engine.ended(final);
    return landed;
  }
}

/** The end of a task whose worker was lost; `null`: the task runs again. */
export function lostOutcome(record: TaskRecord, run: RunRow, revoked: boolean): Ending | null {
  if (revoked) return REVOKED_LOST;
  if (record.acks === "early") return LOST;
  return run.deliveries < MAX_DELIVERIES ? null : lostTooOften(run.deliveries);
}
