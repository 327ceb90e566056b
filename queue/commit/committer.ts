/**
 * Group commit. Every write of the engine is a unit; units that wait while all lanes are busy are merged, in order,
 * up to the store's limits. At rest a unit travels at once and alone; under load the batches grow by themselves.
 * One commit costs about half a millisecond of disk whatever it holds, a mutation 10 µs (docs/performance.md).
 *
 * ```text
 * UnitQueue   the units that wait, and those of them that the next commit carries
 * Committer   when a commit is sent, through which lane, and its outcome for each of its units
 * Silence     the callers that are told that the store does not answer
 * ```
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { type Batch, merge, type Pending, withoutGivenUp } from "./batch.ts";
import type { Clock } from "../ground/clock.ts";
import { FencedError, RefusedCommitError, StoppedError } from "../ground/errors.ts";
import { type Lane, LaneGone, readUntilAnswered } from "./lane.ts";
import { Silence } from "./silence.ts";
import type { Key, Store } from "../store/port.ts";
import { UnitQueue } from "./unit_queue.ts";
import type { Unit } from "../rows/unit.ts";

/** Mutations that are worth a further lane while another commit is in flight. */
const WORTH_A_LANE = 100;

/** Milliseconds after which a commit without an answer holds up no others: the answer may be lost. */
const SLOW = 1000;

/** A registration's lanes. */
interface OpenLanes {
  /** The worker id that units act in the name of. */
  readonly worker: string;
  readonly lanes: readonly Lane[];
}

/** A unit that is made in the next turn of the event loop, when the next commit is put together. */
interface Late extends Pick<Pending, "resolve" | "reject"> {
  make(): Unit;
}

/** Merges units into commits and drives them through the lanes. */
export class Committer {
  #units: UnitQueue;
  #silence: Silence;
  /** Units to be made in the next turn of the event loop. */
  #late: Late[] = [];
  #open: OpenLanes | null = null;
  /** Lanes without a commit in flight. */
  #free: Lane[] = [];
  /** Commits in flight. */
  #busy = 0;
  /** Commits in flight that carry a contested unit. */
  #busyAlone = 0;
  /** Merged commits that have been in flight for longer than {@link SLOW}. */
  #slow = 0;
  #pumping = false;
  #ended: Error | null = null;
  #idle: (() => void)[] = [];

  /**
   * @param onFenced called when a lane turns out to be gone; has to call `admit` after registering anew
   * @param onBroken called when the store can serve no more
   */
  constructor(
    readonly store: Store,
    readonly clock: Clock,
    readonly onFenced: (worker: string) => void,
    readonly onBroken: (error: Error) => void,
  ) {
    this.#units = new UnitQueue(store.limits);
    this.#silence = new Silence(clock, this.#units);
  }

  /** Bytes of units that have not landed. */
  get waitingBytes(): number {
    return this.#units.bytes;
  }

  /** Opens the lanes of a registration. */
  admit(open: OpenLanes): void {
    this.#open = open;
    this.#free = [...open.lanes];
    this.#silence.registered();
    this.#schedule();
  }

  /** Sends nothing before the next `admit`, because the lanes of this worker are gone. */
  fenced(worker: string): void {
    if (this.#open?.worker !== worker) return;
    this.#open = null;
    this.#free = [];
    if (!this.#ended) this.#silence.unregistered();
    this.onFenced(worker);
  }

  /**
   * Commits a unit.
   *
   * @param unit the unit, or a function that makes it. The function is called in the next turn of the event loop: by
   *   then the runs that end in this turn have left their slots, also those ended by a commit that has just landed
   * @returns the versionstamp of its commit, or `null` when one of its checks did not hold
   * @throws {FencedError} when the unit acted in the name of a registration that was judged lost, or when it cannot be
   *   known whether the unit landed before that
   * @throws {RefusedCommitError} when the store can never accept the unit
   * @throws {StoreUnavailableError} when the store does not answer and the unit is not patient: it will not land, or,
   *   with `sent`, it may have landed
   * @throws {StoreBrokenError} / {StoppedError}
   */
  commit(unit: Unit | (() => Unit)): Promise<string | null> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      if (typeof unit === "function") this.#late.push({ make: unit, resolve, reject });
      else this.#units.add(unit, resolve, reject);
      this.#schedule();
    });
  }

  /** Resolves when nothing waits and nothing is in flight. */
  async drained(): Promise<void> {
    while (!this.#ended && !this.#isIdle) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
      // Callers that were just answered may commit again: an end whose followers had moved goes again without them.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Takes no more units and refuses those that wait. */
  end(reason: Error = new StoppedError("The queue has stopped")): void {
    this.#ended ??= reason;
    this.#silence.registered();
    this.#units.rejectAll(this.#ended);
    for (const { reject } of this.#late.splice(0)) reject(this.#ended);
    this.#wakeIdle();
  }

  get #isIdle(): boolean {
    return this.#busy === 0 && this.#units.isEmpty && this.#late.length === 0;
  }

  /**
   * Sends in the next turn of the event loop, 2 µs away. So units queued in one turn share a commit: the ends of a
   * batch of runs, and the claim that takes their slots.
   */
  #schedule(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    for (const { make, resolve, reject } of this.#late.splice(0)) {
      try {
        this.#units.add(make(), resolve, reject);
      } catch (error) {
        reject(error);
      }
    }
    // All late units may have been rejected, so that there is nothing to commit.
    if (this.#isIdle) this.#wakeIdle();
    while (this.#free.length > 0 && this.#open) {
      const open = this.#open;
      let units = this.#worthACommit() ? this.#units.gather(open.worker, this.#share()) : [];
      const alone = units.length === 0;
      if (alone && this.#mayGoAlone(open)) units = this.#units.takeContested(open.worker);
      if (units.length === 0) return;
      this.#start(open, merge(units), alone);
    }
  }

  /** Sends a batch through a free lane, which is free again once the outcome is known. */
  #start(open: OpenLanes, batch: Batch, alone: boolean): void {
    this.#busy++;
    if (alone) this.#busyAlone++;
    const lane = this.#free.pop()!;
    let isSlow = false;
    const cancel = this.clock.after(SLOW, () => {
      if (alone) return;
      isSlow = true;
      this.#slow++;
      this.#schedule();
    });
    this.#drive(open, lane, batch).finally(() => {
      cancel();
      if (isSlow) this.#slow--;
      this.#busy--;
      if (alone) this.#busyAlone--;
      if (this.#open === open) this.#free.push(lane);
      this.#schedule();
      if (this.#isIdle) this.#wakeIdle();
    });
  }

  /**
   * Whether the units that wait are worth a commit now. At rest, or beside slow merged commits only, any unit is.
   * Beside another commit, they are when they take long to encode. Otherwise they wait: the store commits one after the
   * other, so they share the next commit with the units that arrive meanwhile (docs/performance.md).
   */
  #worthACommit(): boolean {
    if (this.#busy === this.#busyAlone + this.#slow) return this.#units.hasMerged;
    return this.#units.hasMutations(WORTH_A_LANE);
  }

  /** Whether a contested unit may take a lane: one lane is kept for merged commits. */
  #mayGoAlone({ lanes }: OpenLanes): boolean {
    return this.#busyAlone === 0 || this.#busyAlone < lanes.length - 1;
  }

  /**
   * Mutations after which a commit is large enough: half of those that wait, if nothing is in flight. While the store
   * commits one half, the callers of the other are answered and bring the next units. With all in one commit, 64
   * callers would all be answered or all be waiting (docs/performance.md).
   */
  #share(): number {
    if (this.#busy > 0 || this.#free.length < 2) return Infinity;
    return Math.max(WORTH_A_LANE, this.#units.mutations / 2);
  }

  async #drive(open: OpenLanes, lane: Lane, batch: Batch): Promise<void> {
    try {
      const landed = await lane.send(
        batch,
        async (failed, lost) => {
          const units = lost ? failed.units : await this.#stillHolding(failed.units);
          this.#silence.goesAgain(batch);
          return withoutGivenUp(failed, units);
        },
        (sent) => this.#silence.wentSilent(batch, sent),
      );
      // The commit that landed may be one that seemed to have failed: then all of its units have landed.
      const units = landed.commit === batch ? null : new Set(landed.commit.units);
      for (const pending of batch.units) {
        this.#units.release(pending);
        pending.resolve(!units || units.has(pending) ? landed.versionstamp : null);
      }
    } catch (error) {
      if (error instanceof RefusedCommitError) this.#decideRefused(batch, error);
      else if (error instanceof LaneGone) {
        await this.#decideFenced(open, batch).catch((broken) => this.#break(batch.units, broken));
      } else this.#break(batch.units, error);
    } finally {
      this.#silence.answered(batch);
    }
  }

  /** Rejects units and ends, because the store can serve no more. */
  #break(units: readonly Pending[], error: unknown): void {
    for (const pending of units) this.#settleRejected(pending, error);
    if (this.#ended) return;
    this.end(error as Error);
    this.onBroken(error as Error);
  }

  /** The units of a failed commit whose checks all hold, by what is read of the checked keys now. */
  async #stillHolding(units: readonly Pending[]): Promise<Pending[]> {
    const keys = new Map<string, Key>();
    for (const { unit, checkIds } of units) {
      unit.checks.forEach((check, i) => keys.set(checkIds[i]!, check.key));
    }
    const ids = [...keys.keys()];
    const entries = await readUntilAnswered(this.store, this.clock, [...keys.values()]);
    const found = new Map(ids.map((id, i) => [id, entries[i]?.versionstamp ?? null]));
    return units.filter(({ unit, checkIds }) =>
      unit.checks.every((check, i) => found.get(checkIds[i]!) === check.versionstamp)
    );
  }

  /**
   * Decides the units of a process whose lanes are gone: none can land any more, and evidence shows which have landed.
   * A unit whose evidence is absent is committed again; a unit without evidence is dropped.
   */
  async #decideFenced({ worker }: OpenLanes, batch: Batch): Promise<void> {
    this.fenced(worker);
    const keys = batch.units.flatMap(({ unit }) => unit.evidence ? [unit.evidence] : []);
    // All evidence is read before the first unit is decided: if the store breaks here, that decides all of them.
    const found = await readUntilAnswered(this.store, this.clock, keys);
    let next = 0;
    for (const pending of batch.units) {
      this.#units.release(pending);
      const entry = pending.unit.evidence && found[next++];
      if (entry || pending.givenUp) pending.resolve(entry ? entry.versionstamp : null);
      else if (pending.unit.evidence) this.commit(pending.unit).then(pending.resolve, pending.reject);
      else pending.reject(new FencedError("This worker was judged lost; the commit was dropped"));
    }
  }

  /** Rejects a unit that was refused alone. Several are sent again, each alone, so that only the bad one fails. */
  #decideRefused(batch: Batch, error: RefusedCommitError): void {
    for (const pending of batch.units.toReversed()) {
      if (batch.units.length === 1 || pending.givenUp) this.#settleRejected(pending, error);
      else this.#units.goAlone(pending);
    }
  }

  #settleRejected(pending: Pending, error: unknown): void {
    this.#units.release(pending);
    pending.reject(error);
  }

  #wakeIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
