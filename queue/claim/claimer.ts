/**
 * Claims the ready tasks of a channel: one unit deletes up to as many pointers as a commit can check, and writes their
 * `run` rows. While a claim is being committed, the next one is prepared.
 *
 * Tasks that have limits are claimed in a unit of their own. So the other tasks do not wait until the limits have been
 * read, and do not fail with them.
 *
 * @module
 */
import { type Candidate, Choice, type Choosing, isSuspect } from "./choice.ts";
import { LateKeys } from "./late_keys.ts";
import type { RecordCache } from "./record_cache.ts";
import { sleep } from "../ground/clock.ts";
import type { AnyTaskDefinition } from "../task/define.ts";
import type { Here, Signals } from "../engine.ts";
import type { Limits } from "../limits/limits.ts";
import { StoreBrokenError } from "../ground/errors.ts";
import { isOver } from "../ground/is_over.ts";
import { admit, type Verdict } from "../limits/admission.ts";
import { Parking } from "../limits/parking.ts";
import { claimUnit } from "../task/moves.ts";
import { readRecords } from "../task/read.ts";
import { ReadyWindow } from "./ready_window.ts";
import type { Room } from "./room.ts";
import type { RunRow, TaskRecord } from "../rows/record.ts";
import { together, type Unit } from "../rows/unit.ts";
import type { Results } from "../workflow/results.ts";

/** Milliseconds between two attempts to read the records of claimed tasks. */
const READ_PAUSE = 100;

/** The records of candidates, in their order. */
type Records = readonly (TaskRecord | null)[];

/** The consumer as its claimer sees it: takes claimed tasks and runs them. */
export interface Taker {
  readonly room: Room;
  /** The worker id of the current registration. */
  worker(): string;
  /** Runs a task that was claimed. Its slot is taken. */
  begin(definition: AnyTaskDefinition, run: RunRow, record: TaskRecord): void;
}

/** The parts of the engine that a claim takes. */
export interface Claiming extends Choosing, Signals, Here {
  readonly limits: Limits;
  readonly records: RecordCache;
  readonly results: Results;
}

/** Claims for one channel. */
export class Claimer {
  readonly window: ReadyWindow;
  /** Ids that a claim, or a parking, in flight is about to remove. */
  #claiming = new Set<string>();
  #inFlight = 0;
  #reading = 0;
  #rereading: Promise<void> | null = null;
  #parking: Parking;
  #lateKeys: LateKeys;
  #progressAt: number;
  /** Monotonic time until which the channel's rate lets nothing through. */
  #restUntil = -Infinity;

  constructor(readonly engine: Claiming, readonly channel: string, readonly taker: Taker) {
    this.window = new ReadyWindow(engine, channel);
    this.#parking = new Parking(engine, channel, this.#claiming, () => this.window.clear());
    this.#lateKeys = new LateKeys(engine, channel, this.#claiming, () => this.window.clear());
    this.#progressAt = engine.clock.monotonic();
  }

  /** Tasks being claimed. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Claims whose records are being read. */
  get reading(): number {
    return this.#reading;
  }

  /** Monotonic time of the last sign of progress: a claim that landed, or a look that found nothing to claim. */
  get progressAt(): number {
    return this.#progressAt;
  }

  /** Milliseconds until a task that is left to other processes may be taken. */
  get turn(): number {
    return this.window.due - this.engine.clock.monotonic();
  }

  /** Milliseconds until the channel's rate lets something through. */
  get rest(): number {
    return this.#restUntil - this.engine.clock.monotonic();
  }

  /** Forgets what was known under the channel's former settings. */
  changed(): void {
    this.#restUntil = -Infinity;
    this.window.clear();
  }

  /** Notes progress: a channel that has nothing to claim is not stalled. */
  idle(): void {
    this.#progressAt = this.engine.clock.monotonic();
  }

  /**
   * Looks for tasks and starts to claim them.
   *
   * @param worker the worker id in whose name tasks are claimed
   * @returns `null` when there was nothing to claim; else the claim, which never rejects
   */
  async claim(worker: string): Promise<{ done: Promise<void> } | null> {
    const { window, engine: { clock }, taker: { room } } = this;
    const begin = clock.monotonic();
    // The settings of the channel as known now: if they change during the look, the claim must fail.
    const known: Unit = { checks: this.engine.overrides.checks(this.channel), mutations: [] };
    const want = () => Math.min(room.left, this.#reach);
    window.forgetStale();
    if (window.empty) await window.fill(want(), this.#claiming);
    const choice = new Choice(this.engine, this.channel, this.#parking, {
      worker,
      most: this.#most,
      reach: this.#reach,
    });
    choice.takeFrom(window, room, this.#claiming);
    // Suspects that were passed over do not hide the tasks behind them: the look goes on behind the window.
    while (choice.skipped && choice.mayTake(room) && window.more) {
      // If this read fails, the tasks chosen before are claimed all the same.
      const read = window.fill(want(), this.#claiming, "behind").then(() => true, () => false);
      if (!await read) break;
      choice.takeFrom(window, room, this.#claiming);
    }
    const { candidates, limited, strangers, unkeyed } = choice;
    // Suspects that were passed over are still in `ready`: they are read again once the running one has ended.
    if (choice.skipped) window.clear();
    window.forgetStale();
    const claims: Promise<unknown>[] = [];
    if (candidates.length > 0) claims.push(this.#commitAll(candidates, worker, known));
    if (limited.length > 0) claims.push(this.#admit(limited, worker, known));
    await this.#parking.parkAll(strangers);
    if (unkeyed.length > 0) await this.#lateKeys.make(unkeyed);
    if (claims.length > 0) {
      return { done: Promise.all(claims).then(() => window.took(clock.monotonic() - begin)) };
    }
    if (this.#inFlight === 0) this.idle();
    return strangers.size + unkeyed.length > 0 ? { done: Promise.resolve() } : null;
  }

  /** Pointers that one commit can check beside its lane and the channel. */
  get #most(): number {
    return this.engine.store.limits.checks - 1 - this.engine.overrides.checks(this.channel).length;
  }

  /** Most pointers that one claim takes: on a shared store it may make as many commits as the process has lanes. */
  get #reach(): number {
    const { overrides, store } = this.engine;
    return overrides.shared ? this.#most * store.limits.lanes : this.#most;
  }

  /** Claims the limited tasks that may start now, and parks the others. */
  async #admit(
    limited: readonly Candidate[],
    worker: string,
    known: Unit,
  ): Promise<void> {
    const { engine, channel } = this;
    for (const { id } of limited) this.#claiming.add(id);
    this.#inFlight += limited.length;
    try {
      const verdict = await engine.limits.exclusive(async () => {
        const rate = engine.overrides.rateOf(channel);
        const found = await admit(engine, channel, rate, limited).catch((error) => {
          this.window.clear();
          this.#return(limited);
          this.#inFlight -= limited.length;
          throw error;
        });
        const admitted = new Set(found.admitted);
        this.#return(limited.filter((candidate) => !admitted.has(candidate)));
        this.#inFlight -= limited.length;
        const started = found.admitted.length === 0 ||
          await this.#commit(found.admitted, worker, together(known, found.rows));
        // A claim that failed has used nothing of the channel's rate, so the channel does not rest.
        return started ? found : { ...found, left: [] };
      });
      await this.#obey(verdict, limited);
    } catch (error) {
      this.#fault(error);
    }
    for (const { id } of limited) this.#claiming.delete(id);
  }

  /** Parks the tasks that may not start yet. If they are more than half of those chosen, more of the channel is read and parked in one sweep. */
  async #obey({ parked, left, nextAt, due }: Verdict<Candidate>, met: readonly Candidate[]): Promise<void> {
    const { engine } = this;
    this.idle();
    for (const [by, at] of due) engine.parked(by, at);
    if (left.length > 0) {
      this.#restUntil = engine.clock.monotonic() + nextAt - engine.clock.now();
      this.window.clear();
    }
    if (parked.size === 0) return;
    const waiting = new Map([...parked].map(([by, list]) => [by, list.map(({ entry }) => entry)]));
    await this.#parking.parkAll(waiting);
    const count = [...parked.values()].reduce((sum, list) => sum + list.length, 0);
    if (2 * count > met.length) await this.#parking.sweep([...parked.keys()], met.at(-1)!.entry);
  }

  /** Claims tasks that have no limits, as many in a commit as it can check. */
  async #commitAll(
    candidates: readonly Candidate[],
    worker: string,
    under: Unit,
  ): Promise<void> {
    const most = this.#most;
    const records = this.#records(candidates);
    await Promise.all(
      Array.from({ length: Math.ceil(candidates.length / most) }, (_, n) => {
        const [from, to] = [n * most, (n + 1) * most];
        const ours = "then" in records ? records.then((all) => all.slice(from, to)) : records.slice(from, to);
        return this.#commit(candidates.slice(from, to), worker, under, ours);
      }),
    );
  }

  /** Claims tasks in one commit and begins them. @returns whether the claim has landed */
  async #commit(
    candidates: readonly Candidate[],
    worker: string,
    under: Unit,
    records = this.#records(candidates),
  ): Promise<boolean> {
    const { engine, channel } = this;
    const contested = engine.overrides.shared;
    for (const { id } of candidates) this.#claiming.add(id);
    this.#inFlight += candidates.length;
    let landed = false;
    try {
      const unit = claimUnit(engine.keys, candidates, worker, under);
      landed = await engine.committer.commit({ ...unit, contested }) !== null;
      engine.emit({ type: "claim", channel, tasks: candidates.length, landed });
      // Known records are not awaited: these tasks start before those that the same commit hands off.
      const read = !landed ? [] : "then" in records ? await records : records;
      // If this process was judged lost meanwhile, the rescue gives the tasks back.
      if (this.taker.worker() !== worker) landed = false;
      else read.forEach((record, i) => this.#begin(candidates[i]!, record));
      if (landed) this.idle();
      else if (contested) await (this.#rereading ??= this.#reread());
    } catch (error) {
      this.#fault(error);
    }
    for (const { id } of candidates) this.#claiming.delete(id);
    this.#inFlight -= candidates.length;
    if (landed) return true;
    // Another process took one of them, or this process was fenced: the next claim looks at the store again.
    this.window.clear();
    this.#return(candidates);
    return false;
  }

  /** Reads the channel's settings after a lost claim, which may have failed because they have changed. */
  async #reread(): Promise<void> {
    try {
      await this.engine.overrides.reread(this.channel);
    } finally {
      this.#rereading = null;
    }
  }

  /** Frees the slots of candidates that are not claimed after all. */
  #return(candidates: readonly Candidate[]): void {
    if (candidates.length > 0) this.taker.room.take(-candidates.length);
    for (const { run } of candidates) if (isSuspect(run)) this.engine.suspects.count--;
  }

  #fault(error: unknown): void {
    if (isOver(error)) return;
    this.engine.emit({ type: "fault", message: `Channel ${this.channel} could not be claimed from`, error });
  }

  #begin({ id, definition, run }: Candidate, record: TaskRecord | null): void {
    if (record) return this.taker.begin(definition, run, record);
    this.taker.room.take(-1);
    if (isSuspect(run)) this.engine.suspects.count--;
    const message = `Task ${id} was ready but has no record`;
    this.engine.emit({ type: "fault", message, error: new Error(message) });
  }

  /** The candidates' records: from the cache, else read while the claim is being committed. */
  #records(candidates: readonly Candidate[]): Records | Promise<Records> {
    const { engine } = this;
    const records = candidates.map(({ id, entry }) => engine.records.take(id, entry.versionstamp));
    const missing = candidates.filter((_, i) => records[i] === null).map(({ id }) => id);
    if (missing.length === 0) return records;
    this.#reading++;
    return this.#read(missing, 2 * engine.peers(this.channel).length).then((read) => {
      this.#reading--;
      let next = 0;
      return records.map((record) => record ?? read[next++] ?? null);
    });
  }

  /** Reads records until the store answers: the claim may have landed already, so the tasks have to run. */
  async #read(ids: readonly string[], among: number): Promise<(TaskRecord | null)[]> {
    for (;;) {
      try {
        return await readRecords(this.engine, ids, among);
      } catch (error) {
        if (error instanceof StoreBrokenError) return [];
        await sleep(this.engine.clock, READ_PAUSE);
      }
    }
  }
}
