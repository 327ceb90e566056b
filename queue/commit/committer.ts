/**
 * Group commit. Every write of the engine is a unit; units that wait while all lanes are busy are merged, in order,
 * up to the store's limits. At rest a unit travels at once and alone; under load the batches grow by themselves.
 * One commit costs about half a millisecond of disk whatever it holds, a mutation 10 µs (docs/performance.md).
 *
 * Two units conflict if one mutates a key that the other checks or mutates, or if they expect a key at different
 * versionstamps: the later one waits for the earlier one's own outcome. All others may share a commit or overtake.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { FencedError, RefusedCommitError, StoppedError, StoreUnavailableError } from "../ground/errors.ts";
import { Holds } from "./holds.ts";
import type { Clock } from "../ground/clock.ts";
import { type Commit, type Lane, LaneGone, readUntilAnswered } from "./lane.ts";
import type { Check, Key, Mutation, Store } from "../store/port.ts";
import { LANE_BYTES, type Load, weigh } from "./load.ts";
import type { Unit } from "../rows/unit.ts";

/** Mutations that are worth a further lane while another commit is in flight. */
const WORTH_A_LANE = 100;

/** Milliseconds after which a commit without an answer holds up no others: the answer may be lost. */
const SLOW = 1000;

/** Units that one look at the queue leaves behind before it stops: what fits is near the head. */
const MAX_PASSED = 32;

/**
 * Milliseconds between two looks at the units of a store that does not answer: who is not patient is given up at the
 * second.
 */
const PATIENCE = 1000;

/** What the committer needs to know of the process's registration. */
export interface Standing {
  /** The worker id that units act in the name of. */
  readonly worker: string;
  readonly lanes: readonly Lane[];
}

/** A unit on its way. */
interface Pending extends Load {
  readonly unit: Unit;
  /** It made a commit fail as a whole, so it travels alone. */
  alone: boolean;
  /** It was seen waiting for a store that does not answer. */
  waited: boolean;
  /** Its caller was told that the store does not answer. */
  givenUp: boolean;
  resolve(versionstamp: string | null): void;
  reject(error: unknown): void;
}

/** A unit that is not made yet. */
interface Late extends Pick<Pending, "resolve" | "reject"> {
  make(): Unit;
}

/** Whether the store may have got a batch. */
interface Sent {
  /** In a try that had no answer. */
  readonly before: boolean;
  /** Or gets it in the present one. */
  now: boolean;
}

/** Units merged into one commit. */
interface Batch extends Commit {
  readonly units: readonly Pending[];
}

/** Merges units into commits and drives them through the lanes. */
export class Committer {
  #queue: Pending[] = [];
  /** Units that are made at the next look at the queue. */
  #late: Late[] = [];
  /** Those that travel alone, in an order of their own: whatever they conflict with, their checks decide. */
  #contested: Pending[] = [];
  #holds = new Holds();
  #standing: Standing | null = null;
  #free: Lane[] = [];
  #busy = 0;
  /** Of those commits, the ones that carry contested units. */
  #busyAlone = 0;
  /** Of the merged ones, those that have had no answer for so long. */
  #slow = 0;
  #bytes = 0;
  #pumping = false;
  #ended: Error | null = null;
  #idle: (() => void)[] = [];
  /** Batches whose lanes wait for an answer of the store, and what was sent of them. */
  #silent = new Map<Batch, Sent>();
  #cancelLook = () => {};

  /**
   * @param onFenced called when a lane turns out to be gone; answers with `admit` after registering anew
   * @param onBroken called when the store can serve no more
   */
  constructor(
    readonly store: Store,
    readonly clock: Clock,
    readonly onFenced: (worker: string) => void,
    readonly onBroken: (error: Error) => void,
  ) {}

  /** Bytes of units that have not landed. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  /** Opens the lanes of a registration. */
  admit(standing: Standing): void {
    this.#standing = standing;
    this.#free = [...standing.lanes];
    this.#lookNoMore();
    this.#schedule();
  }

  /** The lanes of this worker are gone: nothing is sent before the next `admit`. */
  fenced(worker: string): void {
    if (this.#standing?.worker !== worker) return;
    this.#standing = null;
    this.#free = [];
    // A store that does not answer keeps the process from registering anew.
    if (this.#silent.size === 0 && !this.#ended) this.#lookLater();
    this.onFenced(worker);
  }

  /**
   * Commits a unit.
   *
   * @param unit or what makes it, called at the next look at the queue: the runs of this turn have left their slots by
   *   then, and those of a commit that has just landed are among them
   * @returns the versionstamp of its commit, or `null` when one of its checks did not hold
   * @throws {FencedError} when it acted in the name of a registration that others judged lost, or when it cannot be
   *   known whether it landed before that
   * @throws {RefusedCommitError} when it can never be accepted
   * @throws {StoreUnavailableError} when the store does not answer and the unit is not patient: it will not land, or,
   *   with `sent`, it may have landed
   * @throws {StoreBrokenError} / {StoppedError}
   */
  commit(unit: Unit | (() => Unit)): Promise<string | null> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      if (typeof unit === "function") this.#late.push({ make: unit, resolve, reject });
      else this.#enqueue(unit, resolve, reject);
      this.#schedule();
    });
  }

  #enqueue(unit: Unit, resolve: Pending["resolve"], reject: Pending["reject"]): void {
    let load: Load;
    try {
      load = weigh(unit, this.store.limits);
    } catch (error) {
      return reject(error);
    }
    this.#bytes += load.bytes;
    const queue = unit.contested ? this.#contested : this.#queue;
    queue.push({ unit, ...load, alone: false, waited: false, givenUp: false, resolve, reject });
  }

  /** Resolves when nothing waits and nothing is in flight. */
  async drained(): Promise<void> {
    while (!this.#ended && !this.#isIdle) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
      // Who was just answered may have more to commit: an end whose followers had moved goes again without them.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Takes no more units and refuses those that wait. */
  end(reason: Error = new StoppedError("The queue has stopped")): void {
    this.#ended ??= reason;
    this.#lookNoMore();
    const waiting = [...this.#queue.splice(0), ...this.#contested.splice(0)];
    for (const pending of waiting) this.#reject(pending, this.#ended);
    for (const { reject } of this.#late.splice(0)) reject(this.#ended);
    this.#wakeIdle();
  }

  get #isIdle(): boolean {
    return this.#busy === 0 && this.#queue.length === 0 && this.#contested.length === 0 &&
      this.#late.length === 0;
  }

  /**
   * Units queued in the same turn of the event loop share a commit: what a batch of runs settles, and the claim that
   * takes their slots. The next turn is 2 µs away.
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
        this.#enqueue(make(), resolve, reject);
      } catch (error) {
        reject(error);
      }
    }
    // Of what was made nothing may be left to commit.
    if (this.#isIdle) this.#wakeIdle();
    while (this.#free.length > 0 && this.#standing) {
      const standing = this.#standing;
      let batch = this.#worthACommit() ? this.#gather(standing) : [];
      const alone = batch.length === 0;
      if (alone) batch = this.#nextContested(standing);
      if (batch.length === 0) return;
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
      this.#drive(standing, lane, merge(batch)).finally(() => {
        cancel();
        if (isSlow) this.#slow--;
        this.#busy--;
        if (alone) this.#busyAlone--;
        if (this.#standing === standing) this.#free.push(lane);
        this.#schedule();
        if (this.#isIdle) this.#wakeIdle();
      });
    }
  }

  /**
   * At rest anything is, and when nothing but slow merged commits is in flight. Beside another one only what takes long
   * to encode: the store commits one after the other, and what arrives meanwhile shares the next commit
   * (docs/performance.md).
   */
  #worthACommit(): boolean {
    if (this.#busy === this.#busyAlone + this.#slow) return this.#queue.length > 0;
    let mutations = 0;
    for (const { unit } of this.#queue) if ((mutations += unit.mutations.length) >= WORTH_A_LANE) return true;
    return false;
  }

  /** The first contested unit that conflicts with nothing on its way. One lane is kept for merged commits. */
  #nextContested(standing: Standing): Pending[] {
    if (this.#busyAlone > 0 && this.#busyAlone >= standing.lanes.length - 1) return [];
    for (const [at, pending] of this.#contested.entries()) {
      if (!this.#holds.allow(pending.unit, pending.checkIds, pending.mutationIds)) continue;
      this.#contested.splice(at, 1);
      if (this.#isOutdated(pending, standing)) return this.#nextContested(standing);
      this.#holds.add(pending.unit, pending.checkIds, pending.mutationIds);
      return [pending];
    }
    return [];
  }

  /** Refuses a unit that acts in the name of a former registration. */
  #isOutdated(pending: Pending, standing: Standing): boolean {
    const { worker } = pending.unit;
    if (worker === undefined || worker === standing.worker) return false;
    this.#reject(pending, new FencedError("Another process took over: this worker was judged lost"));
    return true;
  }

  /**
   * Mutations after which a commit is large enough: half of what waits, where nothing is in flight. While the store
   * commits one half, the callers of the other are answered and bring the next; all in one commit, 64 callers are all
   * answered or all waiting (docs/performance.md).
   */
  #share(): number {
    if (this.#busy > 0 || this.#free.length < 2) return Infinity;
    let mutations = 0;
    for (const { unit } of this.#queue) mutations += unit.mutations.length;
    return Math.max(WORTH_A_LANE, mutations / 2);
  }

  /** Takes from the queue, in order, what fits into one commit and conflicts with nothing before it. */
  #gather(standing: Standing): Pending[] {
    const { limits } = this.store;
    let checks = limits.checks - 1;
    let mutations = limits.mutations - 1;
    let share = this.#share();
    let bytes = limits.bytes - LANE_BYTES;
    let keyBytes = limits.keyBytes - LANE_BYTES;
    const batch: Pending[] = [];
    const passed: Pending[] = [];
    /** What the batch checks: the same check is sent once. */
    const checked = new Set<string>();
    let at = 0;
    for (; at < this.#queue.length && share > 0; at++) {
      const pending = this.#queue[at]!;
      const { unit } = pending;
      if (this.#isOutdated(pending, standing)) continue;
      const own = pending.checkIds.filter((id) => !checked.has(id));
      const fits = own.length <= checks && unit.mutations.length <= mutations &&
        pending.bytes <= bytes && pending.keyBytes <= keyBytes && !(pending.alone && batch.length > 0);
      if (!fits || !this.#holds.allow(unit, pending.checkIds, pending.mutationIds)) {
        this.#holds.block(pending.checkIds, pending.mutationIds);
        passed.push(pending);
        if (passed.length === MAX_PASSED) {
          at++;
          break;
        }
        continue;
      }
      checks -= own.length;
      for (const id of own) checked.add(id);
      mutations -= unit.mutations.length;
      share -= unit.mutations.length;
      bytes -= pending.bytes;
      keyBytes -= pending.keyBytes;
      this.#holds.add(unit, pending.checkIds, pending.mutationIds);
      batch.push(pending);
      if (pending.alone) {
        at++;
        break;
      }
    }
    for (const pending of passed) this.#holds.unblock(pending.checkIds, pending.mutationIds);
    if (at === this.#queue.length) this.#queue = passed;
    else this.#queue.splice(0, at, ...passed);
    return batch;
  }

  async #drive(standing: Standing, lane: Lane, batch: Batch): Promise<void> {
    try {
      const landed = await lane.send(
        batch,
        async (failed, lost) => {
          const units = lost ? failed.units : await this.#stillHolding(failed.units);
          this.#goesAgain(batch);
          return withoutGivenUp(failed, units);
        },
        (sent) => this.#wentSilent(batch, sent),
      );
      // A commit that seemed to have failed may be the one that landed, with all of its units.
      const units = landed.commit === batch ? null : new Set(landed.commit.units);
      for (const pending of batch.units) {
        this.#release(pending);
        pending.resolve(!units || units.has(pending) ? landed.versionstamp : null);
      }
    } catch (error) {
      if (error instanceof RefusedCommitError) this.#decideRefused(batch, error);
      else if (error instanceof LaneGone) {
        await this.#decideFenced(standing, batch).catch((broken) => this.#break(batch.units, broken));
      } else this.#break(batch.units, error);
    } finally {
      this.#answered(batch);
    }
  }

  #wentSilent(batch: Batch, sent: boolean): void {
    if (this.#silent.size === 0 && this.#standing) this.#lookLater();
    this.#silent.set(batch, { before: sent || this.#silent.get(batch)?.before === true, now: false });
  }

  /** What is left of a batch is being sent: who is given up from now on may land all the same. */
  #goesAgain(batch: Batch): void {
    const sent = this.#silent.get(batch);
    if (sent) sent.now = true;
  }

  #answered(batch: Batch): void {
    if (this.#silent.delete(batch)) this.#lookNoMore();
  }

  #lookLater(): void {
    this.#cancelLook = this.clock.after(PATIENCE, () => {
      this.#lookLater();
      this.#giveUp();
    });
  }

  /** Unless somebody waits for an answer, or for a registration. */
  #lookNoMore(): void {
    if (this.#silent.size === 0 && (this.#standing || this.#ended)) this.#cancelLook();
  }

  /** Tells those who have waited for long enough that the store does not answer. */
  #giveUp(): void {
    const isOver = (pending: Pending, sent: boolean): boolean => {
      if (pending.givenUp || (pending.unit.patient ?? pending.unit.worker !== undefined)) return false;
      if (!pending.waited) {
        pending.waited = true;
        return false;
      }
      pending.givenUp = true;
      pending.reject(new StoreUnavailableError("Store does not answer", sent));
      return true;
    };
    for (const [{ units }, sent] of this.#silent) {
      for (const pending of units) isOver(pending, sent.before || sent.now);
    }
    this.#queue = this.#queue.filter((pending) => {
      if (!isOver(pending, false)) return true;
      this.#bytes -= pending.bytes;
      return false;
    });
  }

  /** The store can serve no more. */
  #break(units: readonly Pending[], error: unknown): void {
    for (const pending of units) this.#settleRejected(pending, error);
    if (this.#ended) return;
    this.end(error as Error);
    this.onBroken(error as Error);
  }

  /** Reads the checked keys again: the units whose checks all hold. */
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

  /** Our lanes are gone, so nothing of ours can land any more; what did land before shows by its evidence. */
  async #decideFenced(standing: Standing, batch: Batch): Promise<void> {
    this.fenced(standing.worker);
    const keys = batch.units.flatMap(({ unit }) => unit.evidence ? [unit.evidence] : []);
    // Read before the first unit is decided: the store may break here, which then decides them all.
    const found = await readUntilAnswered(this.store, this.clock, keys);
    let next = 0;
    for (const pending of batch.units) {
      this.#release(pending);
      const entry = pending.unit.evidence && found[next++];
      if (entry || pending.givenUp) pending.resolve(entry ? entry.versionstamp : null);
      else if (pending.unit.evidence) this.commit(pending.unit).then(pending.resolve, pending.reject);
      else pending.reject(new FencedError("This worker was judged lost; the commit was dropped"));
    }
  }

  /** One unit alone is refused for good; several go again one by one, so that the bad one takes no other along. */
  #decideRefused(batch: Batch, error: RefusedCommitError): void {
    for (const pending of batch.units.toReversed()) {
      if (batch.units.length === 1 || pending.givenUp) this.#settleRejected(pending, error);
      else {
        this.#holds.remove(pending.checkIds, pending.mutationIds);
        pending.alone = true;
        this.#queue.unshift(pending);
      }
    }
  }

  #release(pending: Pending): void {
    this.#bytes -= pending.bytes;
    this.#holds.remove(pending.checkIds, pending.mutationIds);
  }

  #settleRejected(pending: Pending, error: unknown): void {
    this.#release(pending);
    pending.reject(error);
  }

  #reject(pending: Pending, error: unknown): void {
    this.#bytes -= pending.bytes;
    pending.reject(error);
  }

  #wakeIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** What is sent again of a batch: of these units, those whose callers wait for it. */
function withoutGivenUp(batch: Batch, holding: readonly Pending[]): Batch {
  const units = holding.filter(({ givenUp }) => !givenUp);
  return units.length === batch.units.length ? batch : merge(units);
}

/** One commit of many units; a check that several of them make is sent once. */
function merge(units: readonly Pending[]): Batch {
  const checks = new Map<string, Check>();
  const mutations: Mutation[] = [];
  for (const { unit, checkIds } of units) {
    unit.checks.forEach((check, i) => checks.set(checkIds[i]!, check));
    mutations.push(...unit.mutations);
  }
  return { units, checks: [...checks.values()], mutations };
}
