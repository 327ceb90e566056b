/**
 * The sweeper: removes final tasks whose retention is over, behind a stored cursor in id order, so that the store does
 * its deleting in small commits all the time. (A million rows left to `expireIn` stall every commit for 2.7 s when
 * they are collected.) Tasks that ended long after they were made are met again by the next day's round. When nothing
 * is left to remove, it looks at the rows of limits.
 *
 * @module
 */
import type { Loop } from "./activity.ts";
import { Bell } from "./wake/bell.ts";
import { keysHeldBy } from "./definition_keys.ts";
import type { Engine } from "./engine.ts";
import { firstIdAt } from "./ids.ts";
import { RestingLimits } from "./limits/rest.ts";
import { timeUntil } from "./limits/wall_clock.ts";
import { forget } from "./places.ts";
import { keptUntil, recordOf } from "./read.ts";
import type { IdempotencyRow, SweepRow } from "./record.ts";
import { decode, decodeEntry } from "./store/codec.ts";
import { idOf } from "./store/keys.ts";
import type { Key, Mutation } from "./store/port.ts";
import { del, put } from "./store/unit.ts";
import { isKept } from "./workflow/retention.ts";

/** Records looked at, and keys deleted, in one commit. */
const BATCH = { records: 150, keys: 200 } as const;
/** Milliseconds between two rounds over all tasks. */
const ROUND = 86_400_000;
/** Milliseconds between two looks when nothing was due. */
const PAUSE = 10_000;

/** Removes what is no longer kept. */
export class Sweeper implements Loop {
  #bell: Bell;
  /** Nothing was over at the last look. */
  #isDone = false;
  #stopping = false;
  #loop: Promise<void> | null = null;

  #limits: RestingLimits;

  constructor(readonly engine: Engine) {
    this.#bell = new Bell(engine.clock);
    this.#limits = new RestingLimits(engine);
  }

  get nextAt(): number {
    return this.#bell.isWaiting && this.#isDone ? Infinity : 0;
  }

  start(): void {
    this.#stopping = false;
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#bell.ring();
    await this.#loop;
    this.#loop = null;
  }

  async #run(): Promise<void> {
    const pause = Math.min(PAUSE, this.engine.settings.resultTtl * 100);
    while (!this.#stopping) {
      let passed = 0;
      try {
        passed = await this.runOnce();
        if (passed === 0) await this.#limits.runOnce();
      } catch (error) {
        this.engine.emit({ type: "fault", message: "Retention could not go on", error });
      }
      this.#isDone = passed === 0;
      await this.#bell.wait(passed > 0 ? 0 : pause);
    }
  }

  /** One batch. Returns how many tasks the cursor passed. */
  async runOnce(): Promise<number> {
    const { engine } = this;
    const { keys, store } = engine;
    const now = engine.clock.now();
    const [entry] = await store.getMany([keys.sweep()]);
    const row = decodeEntry<SweepRow>(entry);
    // One that began in the future was begun by a clock that has been corrected since.
    const goesOn = row !== null && timeUntil(row.startedAt + ROUND, ROUND, now) > 0;
    const after = goesOn ? row.after : "";
    // A task that took a tenth of the retention time to end is met in this round, a slower one in the next.
    const horizon = firstIdAt(now - engine.settings.resultTtl * 1100);
    const range = { ...keys.tasks(), start: keys.task(`${after}\0`), end: keys.task(horizon) };
    const entries = after >= horizon ? [] : await store.list(range, { limit: BATCH.records });
    if (entries.length === 0) return 0;

    const mutations: Mutation[] = [];
    let last = after;
    let passed = 0;
    for (const found of entries) {
      if (mutations.length >= BATCH.keys) break;
      const record = recordOf(found);
      const over = record.doneAt !== undefined && keptUntil(engine, record) <= now;
      if (over && !await isKept(engine, record, now)) {
        mutations.push(...forget(keys, record));
        for (const key of keysHeldBy(keys, record)) await this.#forgetKey(key, record.id);
      }
      last = idOf(found.key);
      passed++;
    }
    const next: SweepRow = { after: last, startedAt: goesOn ? row.startedAt : now };
    const landed = await engine.committer.commit({
      checks: [{ key: keys.sweep(), versionstamp: entry?.versionstamp ?? null }],
      mutations: [put(keys.sweep(), next), ...mutations],
    });
    // Not landed: another process sweeps.
    return landed === null ? 0 : passed;
  }

  /** Deletes an idempotency key of a task if it still names the task. */
  async #forgetKey(key: Key, id: string): Promise<void> {
    const { engine } = this;
    const [entry] = await engine.store.getMany([key]);
    if (!entry || !decode<IdempotencyRow>(entry.value).ids.includes(id)) return;
    await engine.committer.commit({ checks: [entry], mutations: [del(key)] });
  }
}
