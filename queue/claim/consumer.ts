/**
 * A channel's consumer: has its tasks claimed while slots are free, and runs them.
 *
 * @module
 */
import { POLL } from "../ground/bell.ts";
import { Loop } from "../ground/loop.ts";
import { Claimer, isSuspect, type Taker } from "./claimer.ts";
import type { AnyTaskDefinition } from "../task/define.ts";
import type { Engine } from "../engine.ts";
import type { RunRow, TaskRecord } from "../rows/record.ts";
import { Run } from "../run/run.ts";
import type { Entry } from "../store/port.ts";

/** While a claim is in flight, another one is worth its commit only if it can fill this part of the slots. */
const WORTH_A_CLAIM = 1 / 4;

/** Milliseconds that handlers have to return after their runs were ended, before their channel counts as stuck. */
const PATIENCE = 5000;

/** A run that ends within so many milliseconds leaves its slot sooner than the commit of another claim lands. */
const QUICK = 50;

/** Milliseconds without an end of a run after which those that were taken ahead are given back. */
const SLOW = 1000;

/** Slots' worth of tasks that are taken at a time while runs are quick. */
const AHEAD = 4;

/**
 * Runs the tasks of one channel, as many at a time as it has slots.
 *
 * Who takes a task takes a slot for it, before its commit. While runs are quick, slots would be taken by commits alone:
 * then more tasks are taken, and one that meets no free slot when its commit has landed waits for the next. On a store
 * that no other process can have open: there nobody else could run them.
 */
export class Consumer extends Loop implements Taker {
  #claimer: Claimer;
  #runs = new Map<string, Run>();
  /** Of those, the ones that wait for a slot, in order. */
  #next = new Set<Run>();
  /** The lowest priority among them. */
  #lowest = 0;
  /** Runs that ended at once, since one did not. */
  #quick = 0;
  /** Wall-clock time at which the last run ended. */
  #endedAt = -Infinity;
  /** Tasks that are run, that wait for a slot, that are being claimed or reserved. */
  #taken = 0;
  /** Claims and reservations that are being committed. */
  #committing = 0;
  /** Those who wait until there are none. */
  #quiet: (() => void)[] = [];
  /** Runs that ended while their handlers have not returned. */
  #zombies = 0;
  /** Monotonic time at which a run ended and left its slot as the only free one, or left all to zombies. */
  #freedAt = -Infinity;
  /** Wall-clock time before which there is nothing to claim, as the last look found. */
  protected override nextDue = 0;
  /** The store may hold what this process was not told of. */
  #looks = true;
  /** An event has said that it is stuck. */
  #told = false;

  constructor(
    readonly engine: Engine,
    readonly channel: string,
    /** Slots unless people have set others. */
    readonly configured: number,
    /** The worker id of the current registration. */
    readonly worker: () => string,
  ) {
    super(engine.clock);
    this.#claimer = new Claimer(engine, channel);
  }

  /** Tasks of the channel that this process runs at a time. */
  get slots(): number {
    return this.engine.overrides.of(this.channel).slots ?? this.configured;
  }

  /** Open runs by task id. */
  get runs(): ReadonlyMap<string, Run> {
    return this.#runs;
  }

  /** Slots that could take a task now. */
  get free(): number {
    return this.#below(this.slots);
  }

  /** Tasks that could be taken now. */
  get room(): number {
    const { slots } = this;
    const isAhead = this.#quick >= slots && this.engine.store.incarnation !== null;
    return this.#below(isAhead ? AHEAD * slots : slots);
  }

  /** Tasks that could be taken before there are so many. */
  #below(room: number): number {
    const free = Math.max(0, room - this.#taken);
    const { solo } = this.engine;
    return solo ? Math.min(free, 1 - solo.taken) : free;
  }

  /** As many handlers as there are slots ignore that their runs have ended: nothing more is claimed. */
  get exhausted(): boolean {
    return this.#zombies >= this.slots;
  }

  /** It has been exhausted for longer than handlers that obey their signals take to return. */
  get stuck(): boolean {
    return this.exhausted && this.engine.clock.monotonic() - this.#freedAt >= PATIENCE;
  }

  /** Monotonic time of the last sign of progress; while all slots were taken there could be none. */
  get progressAt(): number {
    return Math.max(this.#claimer.progressAt, this.#freedAt);
  }

  /** A task became ready; see `ReadyWindow.arrived`. */
  ring(entry?: Entry): void {
    this.#claimer.window.arrived(entry);
    this.bell.ring();
  }

  /** Another queue may have submitted a task. */
  hear(): void {
    this.#looks = true;
    this.bell.ring();
  }

  /**
   * Hand-off: takes a slot for a task about to be submitted, if there is one that no waiting task needs. Saves two of
   * six mutations and one of three commits (docs/performance.md).
   *
   * @param mayWait whether it may be taken ahead
   * @returns the `run` row to be written with the task, to be followed by `beginReserved` or `withdraw`; else `null`
   */
  reserve(mayWait = true): RunRow | null {
    const worker = this.worker();
    if (worker === "" || this.stopping || this.exhausted) return null;
    if (this.engine.overrides.has(this.channel)) return null;
    const { window: { waiting }, reading } = this.#claimer;
    // Who goes first starts first: a task that others wait beside needs a slot that none of them needs.
    const free = mayWait && waiting === 0 && reading === 0 ? this.room : this.free;
    if (free <= waiting) return null;
    this.take(1);
    this.#committing++;
    return { worker, deliveries: 1, startedAt: this.engine.clock.now() };
  }

  /** The task of a reservation is stored: run it. */
  beginReserved(run: RunRow, record: TaskRecord): void {
    // Stored under a registration that was judged lost since: the rescue gives it back.
    if (run.worker !== this.worker()) return this.withdraw();
    this.#committed();
    this.begin(this.engine.definitions.get(record.name)!, run, record);
    if (this.stopping) this.bell.ring();
  }

  /** The task of a reservation is not to be run here: its slot is free again. */
  withdraw(): void {
    this.#committed();
    this.take(-1);
    this.bell.ring();
  }

  /** The channel's settings are others than before. */
  changed(): void {
    this.#claimer.changed();
    this.#execute();
    this.bell.ring();
  }

  /** Resolves when nothing that was taken before is on its way to run: what a pause waits for. */
  async quiet(): Promise<void> {
    while (this.#committing > 0) await new Promise<void>((resolve) => this.#quiet.push(resolve));
    await Promise.all([...this.#next].map((run) => run.giveBack()));
  }

  #committed(): void {
    if (--this.#committing > 0) return;
    for (const resolve of this.#quiet.splice(0)) resolve();
  }

  take(count: number): void {
    this.#taken += count;
    const { solo } = this.engine;
    if (!solo) return;
    solo.taken += count;
    if (solo.taken === 0) solo.freed();
  }

  /** The slot that all channels share is free: see `Solo`. */
  freed(): void {
    this.#freedAt = this.engine.clock.monotonic();
    this.ring();
  }

  begin(definition: AnyTaskDefinition, row: RunRow, record: TaskRecord): void {
    const run = new Run(this.engine, record, definition, row, this.#closed, this.#left);
    this.#runs.set(record.id, run);
    const isUrgent = this.#next.size > 0 && record.priority > this.#lowest;
    this.#lowest = this.#next.size === 0 ? record.priority : Math.min(this.#lowest, record.priority);
    this.#next.add(run);
    if (isUrgent) this.#next = new Set([...this.#next].sort((a, b) => b.record.priority - a.record.priority));
    this.#execute();
  }

  /** Runs who waits for a slot, while there is one. */
  #execute(): void {
    for (const run of this.#next) {
      if (this.stopping || this.exhausted || this.#runs.size - this.#next.size >= this.slots) return;
      this.#next.delete(run);
      const { record } = run;
      const waited = (this.engine.clock.now() - record.runAt) / 1000;
      this.engine.emit({ type: "started", task: record, retries: record.retries, waited });
      run.execute();
    }
  }

  override get nextAt(): number {
    return this.#committing === 0 ? super.nextAt : 0;
  }

  /** Stops claiming; runs go on. Resolves when no claim is in flight. */
  override async stop(): Promise<void> {
    await super.stop();
    while (this.#committing > 0) await this.bell.wait(POLL.last);
    for (const run of [...this.#next]) run.giveBack();
  }

  /** The registration was judged lost: its runs end here, and nothing of them is stored. */
  drop(worker: string): void {
    // Who has not begun goes first: none shall begin in the place of another one.
    for (const run of [...this.#next, ...this.#runs.values()]) if (run.row.worker === worker) run.drop();
  }

  protected override reset(): void {
    this.#told = false;
  }

  protected async round(rang: boolean): Promise<boolean> {
    if (!rang) this.#looks = true;
    this.#giveBackNext();
    if (this.stuck && !this.#told) this.engine.emit({ type: "exhausted", channel: this.channel });
    this.#told = this.stuck;
    return !this.exhausted && await this.#claim();
  }

  /** Runs have become slow: who waits for a slot waits in the store again, where the most urgent is the first. */
  #giveBackNext(): void {
    if (this.#next.size === 0 || this.engine.clock.now() - this.#endedAt < SLOW) return;
    this.#quick = 0;
    for (const run of [...this.#next]) run.giveBack();
  }

  /** Whether tasks are being claimed. */
  async #claim(): Promise<boolean> {
    this.nextDue = 0;
    if (this.#claimer.rest > 0 || this.#paused && await this.#staysPaused()) {
      this.nextDue = this.#claimer.rest > 0 ? this.engine.clock.now() + this.#claimer.rest : Infinity;
      this.#claimer.idle();
      return false;
    }
    const least = this.#claimer.inFlight === 0 ? 1 : this.slots * WORTH_A_CLAIM;
    if (this.room < least) return false;
    const { inFlight, window } = this.#claimer;
    // Elsewhere others submit. Hints may be lost, so it is looked now and then all the same.
    const isTold = inFlight > 0 || !this.engine.overrides.shared;
    if (isTold && !this.#looks && window.exhausted) {
      if (inFlight === 0) this.#claimer.idle();
      this.nextDue = this.engine.clock.now() + this.#claimer.turn;
      return false;
    }
    this.#looks = false;
    // Counted while the channel is being read: a pause waits for what was begun before it.
    this.#committing++;
    try {
      const claim = await this.#claimer.claim(this, this.worker());
      if (claim) {
        claim.done.then(() => {
          this.#committed();
          this.bell.ring();
        });
        return true;
      }
      this.nextDue = this.engine.clock.now() + this.#claimer.turn;
    } catch (error) {
      this.#unread(error);
    }
    this.#committed();
    return false;
  }

  get #paused(): boolean {
    return this.engine.overrides.isPaused(this.channel);
  }

  /** Others may have resumed the channel. */
  async #staysPaused(): Promise<boolean> {
    const { overrides } = this.engine;
    if (overrides.shared) await overrides.reread(this.channel).catch((error) => this.#unread(error));
    return this.#paused;
  }

  #unread(error: unknown): void {
    this.engine.emit({ type: "fault", message: `Channel ${this.channel} could not be read`, error });
  }

  #closed = (run: Run): void => {
    const wasFull = this.free === 0;
    this.#runs.delete(run.record.id);
    this.take(-1);
    if (!this.#next.delete(run)) {
      this.#zombies++;
      this.#endedAt = this.engine.clock.now();
      this.#quick = this.#endedAt - run.begunAt <= QUICK ? this.#quick + 1 : 0;
    }
    this.#execute();
    if (wasFull || this.exhausted) this.#freedAt = this.engine.clock.monotonic();
    if (isSuspect(run.row)) this.engine.suspects.count--;
    if (this.#claimer.window.waiting > 0 || this.stopping) this.bell.ring();
  };

  #left = (): void => {
    this.#zombies--;
    if (this.#zombies === this.slots - 1) this.bell.ring();
    this.#execute();
  };
}
