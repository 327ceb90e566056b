/**
 * A channel's consumer: has its tasks claimed while slots are free, and runs them, as many at a time as it has slots.
 *
 * Each round of its loop goes by the first of these modes that applies:
 *
 * ```text
 * exhausted  As many handlers as there are slots go on although their runs have ended. Nothing is claimed, handed off
 *            or started until one of them returns; after 5 s the channel counts as stuck, and an event says so.
 * held       The channel is paused, or its rate lets nothing through yet. Nothing is claimed.
 * full       As many tasks are taken as may be (`Ahead` says how many), or a claim is in flight and less than a
 *            quarter of the slots is left. The end of a run or of that claim begins the next round.
 * told       The ready window has no task left, and this process is told of whatever becomes ready. The store is not
 *            read before a wake-up comes, or the loop's pause is over without one. On a shared store only while a claim is in flight.
 * claiming   The claimer looks for tasks. When it finds some, the next round begins while they are being claimed.
 * ```
 *
 * A round that claims nothing is followed by a pause, 50 ms at first and 2 s at most, which the bell ends.
 *
 * @module
 */
import { Ahead } from "./ahead.ts";
import { POLL } from "../ground/bell.ts";
import { Loop } from "../ground/loop.ts";
import { isSuspect } from "./choice.ts";
import { Claimer, type Claiming, type Taker } from "./claimer.ts";
import type { RecordCache } from "./record_cache.ts";
import type { AnyTaskDefinition } from "../task/define.ts";
import type { Limits } from "../limits/limits.ts";
import type { RunRow, TaskRecord } from "../rows/record.ts";
import { Run } from "../run/run.ts";
import type { Running } from "../run/this_run.ts";
import { Room, type Solo } from "./room.ts";
import type { Entry } from "../store/port.ts";

/** While a claim is in flight, another one is worth its commit only if it can fill this part of the slots. */
const WORTH_A_CLAIM = 1 / 4;

/** Milliseconds that handlers have to return after their runs were ended, before their channel counts as stuck. */
const PATIENCE = 5000;

/** The parts of the engine that a consumer takes. */
export interface Consuming extends Claiming, Running {
  readonly limits: Limits;
  readonly records: RecordCache;
  /** The one slot that all channels share; `null`: each has its own only. */
  readonly solo: Solo | null;
}

/** See the module's text. */
export class Consumer extends Loop implements Taker {
  #claimer: Claimer;
  #runs = new Map<string, Run>();
  /** The open runs that wait for a slot. */
  #ahead: Ahead;
  readonly room: Room;
  /** Runs that have ended while their handlers go on. */
  #zombies = 0;
  /** Monotonic time at which the channel last went from full to one free slot, or lost its last slot to a zombie. */
  #freedAt = -Infinity;
  /** Wall-clock time before which there is nothing to claim, as the last look found. */
  protected override nextDue = 0;
  /** Whether the store may hold ready tasks that this process was not told of. */
  #mustLook = true;
  /** Whether an event has said that the channel is stuck. */
  #saidStuck = false;

  constructor(
    readonly engine: Consuming,
    readonly channel: string,
    /** Slots unless people have set others. */
    readonly configured: number,
    /** The worker id of the current registration. */
    readonly worker: () => string,
  ) {
    super(engine.clock);
    this.#claimer = new Claimer(engine, channel, this);
    this.#ahead = new Ahead(engine.clock, engine.store.incarnation !== null);
    this.room = new Room(() => this.slots, this.#ahead, engine.solo);
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
    return this.room.free;
  }

  /** Whether as many handlers as there are slots ignore that their runs have ended: nothing more is claimed. */
  get exhausted(): boolean {
    return this.#zombies >= this.slots;
  }

  /** Whether the channel has been exhausted for longer than handlers that obey their signals take to return. */
  get stuck(): boolean {
    return this.exhausted && this.engine.clock.monotonic() - this.#freedAt >= PATIENCE;
  }

  /** Monotonic time of the last sign of progress; none can be expected while all slots are taken. */
  get progressAt(): number {
    return Math.max(this.#claimer.progressAt, this.#freedAt);
  }

  /** A task became ready; see `ReadyWindow.arrived`. */
  ring(entry?: Entry): void {
    this.#claimer.window.arrived(entry);
    this.bell.ring();
  }

  /** Another queue may have submitted a task: the next round looks at the store. */
  hear(): void {
    this.#mustLook = true;
    this.bell.ring();
  }

  /**
   * Hand-off: reserves a slot for a task about to be submitted, if a slot is free that no waiting task needs. It saves
   * two of six mutations and one of three commits (docs/performance.md).
   *
   * @param mayWait whether the task may be taken ahead
   * @returns the `run` row to be written with the task, to be followed by `beginReserved` or `withdraw`; else `null`
   */
  reserve(mayWait = true): RunRow | null {
    const worker = this.worker();
    if (worker === "" || this.stopping || this.exhausted) return null;
    if (this.engine.overrides.has(this.channel)) return null;
    const { window: { waiting }, reading } = this.#claimer;
    // Hand off only if a slot remains after every waiting task has one: no waiting task is overtaken.
    const free = mayWait && waiting === 0 && reading === 0 ? this.room.left : this.room.free;
    if (free <= waiting) return null;
    this.room.take(1);
    this.room.beginCommit();
    return { worker, deliveries: 1, startedAt: this.engine.clock.now() };
  }

  /** Runs the task of a reservation, which is stored now. */
  beginReserved(run: RunRow, record: TaskRecord): void {
    // If the registration was judged lost since, the rescue gives the task back.
    if (run.worker !== this.worker()) return this.withdraw();
    this.room.endCommit();
    this.begin(this.engine.definitions.get(record.name)!, run, record);
    if (this.stopping) this.bell.ring();
  }

  /** Frees the slot of a reservation whose task does not run here. */
  withdraw(): void {
    this.room.endCommit();
    this.room.take(-1);
    this.bell.ring();
  }

  /** Goes by the channel's settings, which have changed. */
  changed(): void {
    this.#claimer.changed();
    this.#execute();
    this.bell.ring();
  }

  /** Resolves when no task that was taken before is about to start. A pause of the channel waits for it. */
  async quiet(): Promise<void> {
    await this.room.quiet();
    await this.#ahead.giveBack();
  }

  /** Called when the slot that all channels share is free: see `Solo`. */
  freed(): void {
    this.#freedAt = this.engine.clock.monotonic();
    this.ring();
  }

  begin(definition: AnyTaskDefinition, row: RunRow, record: TaskRecord): void {
    const run = new Run(this.engine, record, definition, row, this.#closed, this.#left);
    this.#runs.set(record.id, run);
    this.#ahead.add(run);
    this.#execute();
  }

  /** Starts the runs that wait for a slot, while slots are free. */
  #execute(): void {
    const ahead = this.#ahead;
    while (ahead.size > 0 && !this.stopping && !this.exhausted && this.#runs.size - ahead.size < this.slots) {
      const run = ahead.next()!;
      const { record } = run;
      const waited = (this.engine.clock.now() - record.runAt) / 1000;
      this.engine.emit({ type: "started", task: record, retries: record.retries, waited });
      run.execute();
    }
  }

  override get nextAt(): number {
    return this.room.isCommitting ? 0 : super.nextAt;
  }

  /** Stops claiming; runs go on. Resolves when no claim is in flight. */
  override async stop(): Promise<void> {
    await super.stop();
    while (this.room.isCommitting) await this.bell.wait(POLL.last);
    this.#ahead.giveBack();
  }

  /** Drops the runs of a registration that was judged lost: nothing of them is stored. */
  drop(worker: string): void {
    // Runs that wait are dropped first, so that none of them starts in a slot freed here.
    for (const run of [...this.#ahead.runs, ...this.#runs.values()]) {
      if (run.row.worker === worker) run.drop();
    }
  }

  protected override reset(): void {
    this.#saidStuck = false;
  }

  protected async round(rang: boolean): Promise<boolean> {
    if (!rang) this.#mustLook = true;
    this.#ahead.giveBackIfSlow();
    if (this.stuck && !this.#saidStuck) this.engine.emit({ type: "exhausted", channel: this.channel });
    this.#saidStuck = this.stuck;
    if (this.exhausted) return false;
    this.nextDue = 0;
    const claimer = this.#claimer;
    const { clock, overrides } = this.engine;
    // Held.
    if (claimer.rest > 0 || overrides.isPaused(this.channel) && await this.#staysPaused()) {
      this.nextDue = claimer.rest > 0 ? clock.now() + claimer.rest : Infinity;
      claimer.idle();
      return false;
    }
    const { inFlight } = claimer;
    // Full.
    if (this.room.left < (inFlight === 0 ? 1 : this.slots * WORTH_A_CLAIM)) return false;
    // Told. On a shared store other processes submit too, and their wake-ups may be lost.
    if ((inFlight > 0 || !overrides.shared) && !this.#mustLook && claimer.window.exhausted) {
      if (inFlight === 0) claimer.idle();
      this.nextDue = clock.now() + claimer.turn;
      return false;
    }
    this.#mustLook = false;
    return await this.#claim();
  }

  /** Begins a claim. @returns whether it has found tasks to claim */
  async #claim(): Promise<boolean> {
    // The claim counts from its look on: a pause waits for claims that were begun before it.
    this.room.beginCommit();
    try {
      const claim = await this.#claimer.claim(this.worker());
      if (claim) {
        claim.done.then(() => {
          this.room.endCommit();
          this.bell.ring();
        });
        return true;
      }
      this.nextDue = this.engine.clock.now() + this.#claimer.turn;
    } catch (error) {
      this.#unread(error);
    }
    this.room.endCommit();
    return false;
  }

  /** Whether the channel is still paused: on a shared store another process may have resumed it. */
  async #staysPaused(): Promise<boolean> {
    const { overrides } = this.engine;
    if (overrides.shared) await overrides.reread(this.channel).catch((error) => this.#unread(error));
    return overrides.isPaused(this.channel);
  }

  #unread(error: unknown): void {
    this.engine.emit({ type: "fault", message: `Channel ${this.channel} could not be read`, error });
  }

  #closed = (run: Run): void => {
    const wasFull = this.room.free === 0;
    this.#runs.delete(run.record.id);
    this.room.take(-1);
    if (!this.#ahead.remove(run)) {
      this.#zombies++;
      this.#ahead.ended(run);
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
