/**
 * Claims the ready tasks of a channel: one unit deletes up to as many pointers as a commit can check, and writes their
 * `run` rows. While a claim is being committed, the next one is prepared.
 *
 * @module
 */
import { sleep } from "./clock.ts";
import type { AnyTaskDefinition } from "./define.ts";
import type { Engine } from "./engine.ts";
import { FencedError, StoppedError, StoreBrokenError } from "./errors.ts";
import { claimUnit, parkUnit } from "./places.ts";
import { readRecords } from "./read.ts";
import { ReadyWindow } from "./ready_window.ts";
import type { Pointer, RunRow, TaskRecord } from "./record.ts";
import { decode } from "./store/codec.ts";
import { idOf } from "./store/keys.ts";
import type { Entry } from "./store/port.ts";

/** Lost hand-overs after which a task runs alone of its kind, so that a poison task takes no neighbours along. */
const SUSPECT = 2;
/** Milliseconds between two attempts to read what was claimed. */
const READ_PAUSE = 100;

/** A ready task that a claim takes. */
interface Candidate {
  readonly entry: Entry;
  readonly id: string;
  readonly definition: AnyTaskDefinition;
  readonly run: RunRow;
}

/** What was found in the window. */
interface Chosen {
  readonly candidates: Candidate[];
  /** Of names that nobody here knows. */
  readonly strangers: { entry: Entry; pointer: Pointer }[];
  /** A suspect was left where it stands. */
  skipped: boolean;
}

/** What the consumer does with claimed tasks. */
export interface Taker {
  /** Slots free now. */
  readonly free: number;
  /** The worker id of the current registration. */
  worker(): string;
  /** Slots are taken for so many tasks, or given back. */
  take(count: number): void;
  /** A task was claimed: run it. Its slot is taken. */
  begin(definition: AnyTaskDefinition, run: RunRow, record: TaskRecord): void;
}

/** A run that was handed over so often before that it may be what kills its workers. */
export function isSuspect(run: RunRow): boolean {
  return run.deliveries > SUSPECT;
}

/** Claims for one channel. */
export class Claimer {
  readonly window: ReadyWindow;
  /** Ids that a claim in flight is about to remove. */
  #claiming = new Set<string>();
  #progressAt: number;

  constructor(readonly engine: Engine, readonly channel: string) {
    this.window = new ReadyWindow(engine, channel);
    this.#progressAt = engine.clock.monotonic();
  }

  /** Tasks being claimed. */
  get inFlight(): number {
    return this.#claiming.size;
  }

  /** Monotonic time of the last sign of progress: a claim that landed, or a look that found nothing to claim. */
  get progressAt(): number {
    return this.#progressAt;
  }

  /**
   * Looks for tasks and starts to claim them.
   *
   * @param worker in whose name
   * @returns `null` when there was nothing to claim; else the claim, which never rejects
   */
  async claim(taker: Taker, worker: string): Promise<{ done: Promise<void> } | null> {
    const { window, engine } = this;
    const most = engine.store.limits.checks - 1;
    const want = () => Math.min(taker.free, most);
    if (window.empty) await window.fill(want(), this.#claiming);
    const chosen = this.#choose(taker, worker);
    // Suspects that have to wait do not hide what stands behind them.
    while (chosen.skipped && taker.free > 0 && chosen.candidates.length < most && window.more) {
      // What was chosen is claimed even when no more can be read.
      const read = window.fill(want(), this.#claiming, "behind").then(() => true, () => false);
      if (!await read) break;
      this.#choose(taker, worker, chosen);
    }
    const { candidates, strangers } = chosen;
    window.expire();
    const done = candidates.length > 0 ? this.#commit(candidates, taker, worker) : null;
    await this.#park(strangers);
    if (done) return { done };
    if (this.#claiming.size === 0) this.#progressAt = engine.clock.monotonic();
    return strangers.length > 0 ? { done: Promise.resolve() } : null;
  }

  /**
   * Takes tasks from the window, and a slot for each at once: a hand-off may take slots while a claim waits. What is
   * not known here is to be parked, and of suspects one runs at a time.
   */
  #choose(
    taker: Taker,
    worker: string,
    chosen: Chosen = { candidates: [], strangers: [], skipped: false },
  ): Chosen {
    const { engine, window } = this;
    const { candidates, strangers } = chosen;
    const startedAt = engine.clock.now();
    while (taker.free > 0 && candidates.length < engine.store.limits.checks - 1) {
      const entry = window.take();
      if (!entry) break;
      const pointer = decode<Pointer>(entry.value);
      const definition = engine.definitions.get(pointer.name);
      if (!definition) {
        strangers.push({ entry, pointer });
        continue;
      }
      const run: RunRow = { worker, deliveries: pointer.deliveries + 1, startedAt };
      if (isSuspect(run)) {
        if (engine.suspects.count > 0) {
          chosen.skipped = true;
          continue;
        }
        engine.suspects.count++;
      }
      taker.take(1);
      candidates.push({ entry, id: idOf(entry.key), definition, run });
    }
    return chosen;
  }

  /** Tasks whose name this process does not know wait where they stand in nobody's way. */
  async #park(strangers: readonly { entry: Entry; pointer: Pointer }[]): Promise<void> {
    const { keys, committer } = this.engine;
    await Promise.all(strangers.map(({ entry, pointer }) => {
      const to = { ...pointer, channel: this.channel, priority: 9 - Number(entry.key.at(-2)) };
      return committer.commit(parkUnit(keys, entry, idOf(entry.key), to)).catch((error) =>
        this.#fault(error)
      );
    }));
  }

  async #commit(candidates: readonly Candidate[], taker: Taker, worker: string): Promise<void> {
    const { engine } = this;
    for (const { id } of candidates) this.#claiming.add(id);
    let landed = false;
    try {
      const records = this.#records(candidates);
      landed = await engine.committer.commit(claimUnit(engine.keys, candidates, worker)) !== null;
      const read = landed ? await records : [];
      // Judged lost meanwhile: the rescue gives them back.
      if (taker.worker() !== worker) landed = false;
      else read.forEach((record, i) => this.#begin(candidates[i]!, record, taker));
      if (landed) this.#progressAt = engine.clock.monotonic();
    } catch (error) {
      this.#fault(error);
    }
    for (const { id } of candidates) this.#claiming.delete(id);
    if (landed) return;
    // Somebody else took one of them, or this process was fenced: look again.
    this.window.clear();
    taker.take(-candidates.length);
    for (const { run } of candidates) if (isSuspect(run)) engine.suspects.count--;
  }

  #fault(error: unknown): void {
    if (error instanceof FencedError || error instanceof StoppedError || error instanceof StoreBrokenError) {
      return;
    }
    this.engine.emit({ type: "fault", message: `Channel ${this.channel} could not be claimed from`, error });
  }

  #begin({ id, definition, run }: Candidate, record: TaskRecord | null, taker: Taker): void {
    if (record) return taker.begin(definition, run, record);
    taker.take(-1);
    if (isSuspect(run)) this.engine.suspects.count--;
    const message = `Task ${id} was ready but has no record`;
    this.engine.emit({ type: "fault", message, error: new Error(message) });
  }

  /** The candidates' records: as this process wrote them, else read while the claim is being committed. */
  async #records(candidates: readonly Candidate[]): Promise<(TaskRecord | null)[]> {
    const { engine } = this;
    const records = candidates.map(({ id, entry }) => engine.records.take(id, entry.versionstamp));
    const missing = candidates.filter((_, i) => records[i] === null).map(({ id }) => id);
    if (missing.length === 0) return records;
    const read = await this.#read(missing);
    let next = 0;
    return records.map((record) => record ?? read[next++] ?? null);
  }

  /** Reads until the store answers: the tasks may be ours already. */
  async #read(ids: readonly string[]): Promise<(TaskRecord | null)[]> {
    for (;;) {
      try {
        return await readRecords(this.engine, ids);
      } catch (error) {
        if (error instanceof StoreBrokenError) return [];
        await sleep(this.engine.clock, READ_PAUSE);
      }
    }
  }
}
