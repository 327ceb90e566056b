/**
 * The rescuer: finds workers that are lost, and gives their tasks to others.
 *
 * A worker is lost when its entry's versionstamp stayed the same for so long by the observer's own monotonic clock,
 * without a gap in the observer's own heartbeats (invariant 9). Or, on a store that nobody else can have open, when
 * it registered in an earlier opening: then it is dead for certain, and need not be waited for.
 *
 * Rescue is two steps. First one commit deletes the worker's lanes and marks it lost, under check of the entry as
 * judged: from then on nothing of its can land (invariant 3). Then its runs are given back in batches that each check
 * and rewrite the entry, so that two rescuers never give back the same run; the last batch deletes the entry. Whoever
 * finds an entry marked lost goes on with it at once.
 *
 * @module
 */
import type { Base, Signals } from "../engine.ts";
import { INLINE_BYTES } from "../rows/payload.ts";
import { endRunUnit, requeueUnit } from "../task/moves.ts";
import { readRecords } from "../task/read.ts";
import type { RunRow, TaskRecord, WorkerRow } from "../rows/record.ts";
import { type Ending, LOST, lostTooOften, REVOKED_LOST } from "../task/endings.ts";
import { ended } from "../task/state.ts";
import { decode } from "../rows/codec.ts";
import { idOf } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import type { Entry } from "../store/port.ts";
import { del, put, together, type Unit } from "../rows/unit.ts";

/** No record of a task that ends with its worker takes more of a commit. */
const RECORD_BYTES = 2 * INLINE_BYTES;

/** Hand-overs to workers that were lost after which a task fails as WorkerLostError. */
const MAX_DELIVERIES = 3;

/** When an observer saw a worker entry change, by its own monotonic clock. */
interface Sighting {
  readonly versionstamp: string;
  readonly at: number;
  /** The entry was seen to change: its process lives, or lived after the observer had begun to look. */
  readonly changed: boolean;
  readonly row: WorkerRow;
}

/** Watches the other workers of the store. */
export class Rescuer {
  #seen = new Map<string, Sighting>();
  /** Monotonic time of the last look. */
  #lookedAt = -Infinity;

  constructor(readonly engine: Base & Signals) {}

  /** Whether some worker may be lost that was neither seen to live nor rescued. */
  get isUndecided(): boolean {
    return [...this.#seen.values()].some(({ changed }) => !changed);
  }

  /** Seconds since a worker's entry was seen to change. */
  ageOf(worker: string): number {
    const seen = this.#seen.get(worker);
    return seen ? (this.engine.clock.monotonic() - seen.at) / 1000 : 0;
  }

  /** The other workers that execute a channel and were seen to live lately. */
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
   * @param steadySince monotonic time since which this process had no gap between its own heartbeats: what it saw
   *   before, it saw before it was stopped itself
   */
  async runOnce(own: string, steadySince: number): Promise<void> {
    const { engine } = this;
    const now = engine.clock.monotonic();
    const entries = await engine.store.list(engine.keys.workers(), { limit: engine.store.limits.listBatch });
    const lost: Entry[] = [];
    const seen = new Map<string, Sighting>();
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
    const { checks, bytes } = engine.store.limits;
    const size = Math.max(1, Math.min(checks - 2, Math.floor(bytes / RECORD_BYTES) - 1));
    let tasks = 0;
    for (let at = 0; at < runs.length || at === 0; at += size) {
      const batch = runs.slice(at, at + size);
      const last = at + size >= runs.length;
      versionstamp = await this.#giveBack(entry, row, versionstamp, batch, last);
      // Another rescuer goes on with it.
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

  /** Gives a batch of runs back, or ends those that were revoked or lost too often. */
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
        return requeueUnit(keys, record, run.deliveries, now, false);
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

/** How a run of a lost worker ends; `null`: it is repeated. */
export function lostOutcome(record: TaskRecord, run: RunRow, revoked: boolean): Ending | null {
  if (revoked) return REVOKED_LOST;
  if (record.acks === "early") return LOST;
  return run.deliveries < MAX_DELIVERIES ? null : lostTooOften(run.deliveries);
}
