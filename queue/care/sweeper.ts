/**
 * The sweeper: removes final tasks whose retention is over, behind a stored cursor in id order, so that the store does
 * its deleting in small commits all the time. (A million rows left to `expireIn` stall every commit for 2.7 s when
 * they are collected.) Tasks that ended long after they were made are met again by the next round. Now and then the
 * sweeper looks at the rows of limits.
 *
 * @module
 */
import { Loop } from "../ground/loop.ts";
import { keysHeldBy } from "../request/definition_keys.ts";
import type { Base } from "../engine.ts";
import { firstIdAt } from "../ground/ids.ts";
import { forgetOldAudit } from "./old_audit.ts";
import { RestingLimits } from "./rest.ts";
import { timeUntil } from "../ground/wall_clock.ts";
import { forget } from "../task/moves.ts";
import { keptUntil, recordOf } from "../task/read.ts";
import type { IdempotencyRow, SweepRow, TaskRecord } from "../rows/record.ts";
import { decode, decodeEntry } from "../rows/codec.ts";
import { keyId } from "../store/key_id.ts";
import { idOf } from "../rows/keys.ts";
import type { Mutation } from "../store/port.ts";
import { del, put } from "../rows/unit.ts";
import { isKept } from "../workflow/retention.ts";

/** Keys of tasks deleted in one unit. Units of one look share commits where the store takes that many. */
const KEYS = 200;
/** Milliseconds after which a round over all tasks begins anew; the retention time, if that is shorter. */
const ROUND = 86_400_000;
/** Milliseconds between two looks when nothing was due. */
const PAUSE = 10_000;

/** The loop that removes tasks whose retention is over, and rows of limits at rest. */
export class Sweeper extends Loop {
  readonly #pause: number;
  readonly #limits: RestingLimits;
  /** Monotonic time before which the rows of limits are not looked at. */
  #limitsAt = -Infinity;

  constructor(readonly engine: Base) {
    const pause = Math.min(PAUSE, engine.settings.resultTtl * 100);
    super(engine.clock, { idle: { first: pause, last: pause } });
    this.#pause = pause;
    this.#limits = new RestingLimits(engine);
  }

  protected override reset(): void {
    this.#limitsAt = -Infinity;
  }

  protected async round(): Promise<boolean> {
    const { clock } = this;
    let passed = 0;
    try {
      passed = await this.runOnce();
      // Limits have their turn by time, so that a backlog of tasks to remove cannot keep them waiting.
      if (clock.monotonic() >= this.#limitsAt && !await this.#limits.runOnce()) {
        this.#limitsAt = clock.monotonic() + this.#pause;
      }
    } catch (error) {
      this.engine.emit({ type: "fault", message: "Retention could not go on", error });
    }
    return passed > 0;
  }

  /** Looks once at the tasks behind the cursor. @returns how many tasks the cursor passed */
  async runOnce(): Promise<number> {
    const { engine } = this;
    const { keys, store, settings } = engine;
    const now = engine.clock.now();
    const round = Math.min(ROUND, settings.resultTtl * 1000);
    const [entry] = await store.getMany([keys.sweep()]);
    const row = decodeEntry<SweepRow>(entry);
    // A round that began in the future was begun by a clock that has been corrected since: a new one begins.
    const goesOn = row !== null && timeUntil(row.startedAt + round, round, now) > 0;
    const after = goesOn ? row.after : "";
    // A task that took a tenth of the retention time to end is met in this round, a slower one in the next.
    const horizon = firstIdAt(now - settings.resultTtl * 1100);
    const range = { ...keys.tasks(), start: keys.task(`${after}\0`), end: keys.task(horizon) };
    const entries = after >= horizon ? [] : await store.list(range, { limit: store.limits.listBatch });
    if (entries.length === 0) return 0;

    const over: TaskRecord[] = [];
    for (const found of entries) {
      const record = recordOf(found);
      if (record.doneAt === undefined || keptUntil(engine, record) > now) continue;
      if (!await isKept(engine, record, now)) over.push(record);
    }
    // Keys go before records, because a record lives at least as long as its task's keys (invariant 6).
    await this.#forgetKeys(over);
    const { committer } = engine;
    await Promise.all(this.#units(over).map((mutations) => committer.commit({ checks: [], mutations })));
    const next: SweepRow = { after: idOf(entries.at(-1)!.key), startedAt: goesOn ? row.startedAt : now };
    const landed = await committer.commit({
      checks: [{ key: keys.sweep(), versionstamp: entry?.versionstamp ?? null }],
      mutations: [put(keys.sweep(), next)],
    });
    // Once a round, and by the process that has begun it.
    if (landed !== null && !goesOn) await forgetOldAudit(engine);
    // The cursor does not move if another process sweeps.
    return landed === null ? 0 : entries.length;
  }

  /** The deletions of all keys of these tasks, cut into units. */
  #units(records: readonly TaskRecord[]): Mutation[][] {
    const units: Mutation[][] = [];
    for (const record of records) {
      const last = units.at(-1);
      const mutations = forget(this.engine.keys, record);
      if (last && last.length < KEYS) last.push(...mutations);
      else units.push(mutations);
    }
    return units;
  }

  /** Deletes the idempotency keys that still name one of these tasks. */
  async #forgetKeys(records: readonly TaskRecord[]): Promise<void> {
    const { keys, store, committer } = this.engine;
    // Tasks that were submitted together share the request's key.
    const held = new Map(
      records.flatMap((record) => keysHeldBy(keys, record).map((key) => [keyId(key), { key, record }])),
    );
    const entries = await store.getMany([...held.values()].map(({ key }) => key));
    await Promise.all([...held.values()].map(async ({ record }, n) => {
      const entry = entries[n];
      if (!entry || !decode<IdempotencyRow>(entry.value).ids.includes(record.id)) return;
      await committer.commit({ checks: [entry], mutations: [del(entry.key)] });
    }));
  }
}
