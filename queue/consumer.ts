/**
 * A channel's consumer: claims ready tasks while it has free slots, and runs them. One queue of removers a process.
 *
 * @module
 */
import { Bell, POLL } from "./bell.ts";
import type { AnyTaskDefinition } from "./define.ts";
import type { Engine } from "./engine.ts";
import { FencedError } from "./errors.ts";
import { claimUnit, parkUnit } from "./places.ts";
import { readRecords } from "./read.ts";
import type { Pointer, RunRow, TaskRecord } from "./record.ts";
import { Run } from "./run.ts";
import { decode } from "./store/codec.ts";
import { idOf } from "./store/keys.ts";
import type { Entry, Key } from "./store/port.ts";

/** Claims in flight at once: while one is committed, the next is listed. */
const CLAIMS_IN_FLIGHT = 2;
/** Lost hand-overs after which a task runs alone of its kind, so that a poison task takes no neighbours along. */
const SUSPECT = 2;

/** A ready task that a claim is about to take. */
interface Candidate {
  readonly entry: Entry;
  readonly id: string;
  readonly definition: AnyTaskDefinition;
  readonly run: RunRow;
}

/** Claims and runs the tasks of one channel. */
export class Consumer {
  #runs = new Map<string, Run>();
  /** Slots taken by runs and by claims in flight. */
  #taken = 0;
  /** Ids that a claim in flight is about to remove. */
  #claiming = new Set<string>();
  #claims = 0;
  /** Tasks that became ready, as far as this process was told. */
  #arrivals = 0;
  /** Ready tasks that no claim has taken yet: at most so many, known only where no other process can submit. */
  #waiting = Infinity;
  /** Runs that ended while their handlers have not returned. */
  #zombies = 0;
  #bell: Bell;
  #stopping = false;
  #loop: Promise<void> | null = null;
  #progressAt: number;

  constructor(
    readonly engine: Engine,
    readonly channel: string,
    readonly slots: number,
    /** The worker id of the current registration. */
    readonly worker: () => string,
  ) {
    this.#bell = new Bell(engine.clock);
    this.#progressAt = engine.clock.monotonic();
  }

  /** Open runs by task id. */
  get runs(): ReadonlyMap<string, Run> {
    return this.#runs;
  }

  /** Slots that could take a task now. */
  get free(): number {
    return Math.max(0, this.slots - this.#taken);
  }

  /** As many handlers as there are slots ignore that their runs have ended: nothing more is claimed. */
  get exhausted(): boolean {
    return this.#zombies >= this.slots;
  }

  /** Monotonic time of the last sign of progress: a claim that landed, or a look that found nothing to claim. */
  get progressAt(): number {
    return this.#progressAt;
  }

  /** A task became ready. */
  ring(): void {
    this.#arrivals++;
    this.#waiting++;
    this.#bell.ring();
  }

  /**
   * Takes a slot for a task about to be submitted, if there is one that no waiting task needs. Saves two of six
   * mutations and one of three commits (docs/performance.md).
   *
   * @returns the `run` row to be written with the task; to be followed by `begin` or `withdraw`
   */
  reserve(): RunRow | null {
    if (this.free <= this.#waiting || this.exhausted || this.#stopping) return null;
    this.#taken++;
    this.#claims++;
    return { worker: this.worker(), deliveries: 1, startedAt: this.engine.clock.now() };
  }

  /** The task of a reservation is stored: run it. */
  begin(run: RunRow, record: TaskRecord): void {
    // Stored under a registration that was judged lost since: the rescue gives it back.
    if (run.worker !== this.worker()) return this.withdraw();
    this.#claims--;
    this.#begin(this.engine.definitions.get(record.name)!, run, record);
    if (this.#stopping) this.#bell.ring();
  }

  /** The task of a reservation is not to be run here: its slot is free again. */
  withdraw(): void {
    this.#claims--;
    this.#taken--;
    this.#bell.ring();
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Stops claiming; runs go on. Resolves when no claim is in flight. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#bell.ring();
    await this.#loop;
  }

  /** The registration was judged lost: its runs end here, and nothing of them is stored. */
  drop(worker: string): void {
    for (const run of [...this.#runs.values()]) if (run.row.worker === worker) run.drop();
  }

  async #run(): Promise<void> {
    let poll: number = POLL.first;
    let exhausted = false;
    while (!this.#stopping) {
      let found = false;
      if (this.exhausted && !exhausted) this.engine.emit({ type: "exhausted", channel: this.channel });
      exhausted = this.exhausted;
      if (
        this.free > 0 && !exhausted &&
        this.#claiming.size < CLAIMS_IN_FLIGHT * this.engine.store.limits.checks
      ) {
        try {
          found = await this.#claim();
        } catch (error) {
          this.#fault(`Channel ${this.channel} could not be read`, error);
        }
      }
      if (found) {
        poll = POLL.first;
        continue;
      }
      const rang = await this.#bell.wait(poll);
      poll = rang ? POLL.first : Math.min(poll * 2, POLL.last);
    }
    while (this.#claims > 0) await this.#bell.wait(POLL.last);
  }

  /** Lists ready tasks and starts to claim them. `false` when there are none to claim. */
  async #claim(): Promise<boolean> {
    const { engine } = this;
    const want = Math.min(this.free, engine.store.limits.checks - 1);
    const worker = this.worker();
    const candidates: Candidate[] = [];
    const strangers: { entry: Entry; pointer: Pointer }[] = [];
    const range = engine.keys.readyOf(this.channel);
    let suspect = engine.suspects.count > 0;
    let start: { start?: Key } = {};
    let more = false;
    const arrivals = this.#arrivals;
    const startedAt = engine.clock.now();
    while (candidates.length < want) {
      const limit = Math.min(engine.store.limits.listBatch, want - candidates.length + this.#claiming.size);
      const entries = await engine.store.list({ ...range, ...start }, { limit });
      for (const entry of entries) {
        const id = idOf(entry.key);
        if (this.#claiming.has(id)) continue;
        if (candidates.length === want) {
          more = true;
          break;
        }
        const pointer = decode<Pointer>(entry.value);
        const definition = engine.definitions.get(pointer.name);
        if (!definition) {
          strangers.push({ entry, pointer });
          continue;
        }
        if (pointer.deliveries >= SUSPECT) {
          if (suspect) continue;
          suspect = true;
        }
        candidates.push({
          entry,
          id,
          definition,
          run: { worker, deliveries: pointer.deliveries + 1, startedAt },
        });
      }
      if (entries.length < limit) break;
      more = candidates.length === want;
      const last = entries.at(-1)!.key;
      start = { start: [...last.slice(0, -1), `${idOf(last)}\0`] };
    }
    this.#waiting = more || engine.store.incarnation === null ? Infinity : this.#arrivals - arrivals;
    await this.#park(strangers);
    if (candidates.length === 0) {
      if (this.#claims === 0) this.#progressAt = engine.clock.monotonic();
      return strangers.length > 0;
    }
    this.#take(candidates, worker);
    return true;
  }

  /** Tasks whose name this process does not know wait where they stand in nobody's way. */
  async #park(strangers: readonly { entry: Entry; pointer: Pointer }[]): Promise<void> {
    await Promise.all(strangers.map(({ entry, pointer }) => {
      const priority = 9 - Number(entry.key.at(-2));
      const to = { ...pointer, channel: this.channel, priority };
      return this.engine.committer.commit(parkUnit(this.engine.keys, entry, idOf(entry.key), to));
    }));
  }

  /** Commits the claim and starts the runs; the loop goes on meanwhile. */
  async #take(candidates: readonly Candidate[], worker: string): Promise<void> {
    const { engine } = this;
    this.#claims++;
    this.#taken += candidates.length;
    for (const { id, run } of candidates) {
      this.#claiming.add(id);
      if (isSuspect(run)) engine.suspects.count++;
    }
    const started = new Set<Candidate>();
    try {
      const records = this.#records(candidates);
      const versionstamp = await engine.committer.commit(claimUnit(engine.keys, candidates, worker));
      if (versionstamp !== null) {
        const read = await records;
        this.#progressAt = engine.clock.monotonic();
        candidates.forEach((candidate, i) => {
          const record = read[i];
          if (record) this.#begin(candidate.definition, candidate.run, record);
          else this.#fault(`Task ${candidate.id} is ready but has no record`);
          if (record) started.add(candidate);
        });
      } else this.ring();
    } catch (error) {
      if (!(error instanceof FencedError)) {
        engine.emit({
          type: "fault",
          message: `Tasks of channel ${this.channel} could not be claimed`,
          error,
        });
      }
    } finally {
      this.#claims--;
      this.#taken -= candidates.length - started.size;
      for (const candidate of candidates) {
        this.#claiming.delete(candidate.id);
        if (isSuspect(candidate.run) && !started.has(candidate)) engine.suspects.count--;
      }
      this.#bell.ring();
    }
  }

  /** The candidates' records: as this process wrote them, else read while the claim is being committed. */
  async #records(candidates: readonly Candidate[]): Promise<(TaskRecord | null)[]> {
    const { engine } = this;
    const records = candidates.map(({ id, entry }) => engine.records.take(id, entry.versionstamp));
    const missing = candidates.filter((_, i) => records[i] === null).map(({ id }) => id);
    if (missing.length === 0) return records;
    const read = await readRecords(engine, missing);
    let next = 0;
    return records.map((record) => record ?? read[next++]!);
  }

  #begin(definition: AnyTaskDefinition, row: RunRow, record: TaskRecord): void {
    const { engine } = this;
    const run = new Run(engine, record, definition, row, this.#closed, this.#left);
    this.#runs.set(record.id, run);
    const waited = (engine.clock.now() - record.runAt) / 1000;
    engine.emit({ type: "started", task: record, retries: record.retries, waited });
    run.execute();
  }

  #fault(message: string, error: unknown = new Error(message)): void {
    this.engine.emit({ type: "fault", message, error });
  }

  #closed = (run: Run): void => {
    this.#runs.delete(run.record.id);
    this.#taken--;
    this.#zombies++;
    if (isSuspect(run.row)) this.engine.suspects.count--;
    if (this.#waiting > 0 || this.#stopping) this.#bell.ring();
  };

  #left = (): void => {
    this.#zombies--;
    if (this.#zombies === this.slots - 1) this.#bell.ring();
  };
}

/** A run that was handed over so often before that it may be what kills its workers. */
function isSuspect(run: RunRow): boolean {
  return run.deliveries > SUSPECT;
}
