/**
 * The units that have no outcome yet: those that wait for a commit, and the keys and bytes of those that are in one.
 * Puts together what the next commit carries.
 *
 * Two units conflict if one mutates a key that the other checks or mutates, or if they expect a key at different
 * versionstamps: the later one waits for the earlier one's own outcome. All others may share a commit or overtake.
 *
 * @module
 */
import type { Pending } from "./batch.ts";
import { FencedError } from "../ground/errors.ts";
import { Holds } from "./holds.ts";
import { LANE_BYTES, type Load, weigh } from "./load.ts";
import type { StoreLimits } from "../store/port.ts";
import type { Unit } from "../rows/unit.ts";

/** Units that may be passed over before a commit is closed: units that fit are near the head. */
const MAX_PASSED = 32;

/** See the module's text. */
export class UnitQueue {
  /** Units that may share a commit, in order. */
  #merged: Pending[] = [];
  /** Contested units. Each commits alone and may overtake: their checks resolve conflicts with units that wait. */
  #contested: Pending[] = [];
  #holds = new Holds();
  #bytes = 0;

  constructor(readonly limits: StoreLimits) {}

  /** Bytes of units that have no outcome. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether no unit waits. */
  get isEmpty(): boolean {
    return this.#merged.length === 0 && this.#contested.length === 0;
  }

  /** Whether a unit waits that may share a commit. */
  get hasMerged(): boolean {
    return this.#merged.length > 0;
  }

  /** Mutations of the units that may share a commit. */
  get mutations(): number {
    let mutations = 0;
    for (const { unit } of this.#merged) mutations += unit.mutations.length;
    return mutations;
  }

  /** Whether the units that may share a commit have so many mutations. */
  hasMutations(least: number): boolean {
    let mutations = 0;
    for (const { unit } of this.#merged) if ((mutations += unit.mutations.length) >= least) return true;
    return false;
  }

  /** Queues a unit, or rejects it when the store could never take it. */
  add(unit: Unit, resolve: Pending["resolve"], reject: Pending["reject"]): void {
    let load: Load;
    try {
      load = weigh(unit, this.limits);
    } catch (error) {
      return reject(error);
    }
    this.#bytes += load.bytes;
    const queue = unit.contested ? this.#contested : this.#merged;
    queue.push({ unit, ...load, alone: false, waited: false, givenUp: false, resolve, reject });
  }

  /** Puts a unit of a refused commit at the head of the queue, to be sent alone. */
  goAlone(pending: Pending): void {
    this.#holds.remove(pending.checkIds, pending.mutationIds);
    pending.alone = true;
    this.#merged.unshift(pending);
  }

  /**
   * Takes what fits into one commit and conflicts with nothing before it, in order.
   *
   * @param worker the registration's; units in the name of another are rejected
   * @param share mutations after which the commit is large enough
   */
  gather(worker: string, share: number): Pending[] {
    const { limits } = this;
    let checks = limits.checks - 1;
    let mutations = limits.mutations - 1;
    let bytes = limits.bytes - LANE_BYTES;
    let keyBytes = limits.keyBytes - LANE_BYTES;
    const batch: Pending[] = [];
    const passed: Pending[] = [];
    /** Keys that the batch checks: the same check is sent once. */
    const checked = new Set<string>();
    let at = 0;
    for (; at < this.#merged.length && share > 0; at++) {
      const pending = this.#merged[at]!;
      const { unit } = pending;
      if (this.#isOutdated(pending, worker)) continue;
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
    if (at === this.#merged.length) this.#merged = passed;
    else this.#merged.splice(0, at, ...passed);
    return batch;
  }

  /** Takes the first contested unit that conflicts with nothing on its way. */
  takeContested(worker: string): Pending[] {
    for (const [at, pending] of this.#contested.entries()) {
      if (!this.#holds.allow(pending.unit, pending.checkIds, pending.mutationIds)) continue;
      this.#contested.splice(at, 1);
      if (this.#isOutdated(pending, worker)) return this.takeContested(worker);
      this.#holds.add(pending.unit, pending.checkIds, pending.mutationIds);
      return [pending];
    }
    return [];
  }

  /** Whether a unit acts in the name of a former registration; it is rejected. */
  #isOutdated(pending: Pending, current: string): boolean {
    const { worker } = pending.unit;
    if (worker === undefined || worker === current) return false;
    this.#bytes -= pending.bytes;
    pending.reject(new FencedError("Another process took over: this worker was judged lost"));
    return true;
  }

  /** Lets go of the keys and bytes of a unit that was in a commit and has its outcome. */
  release(pending: Pending): void {
    this.#bytes -= pending.bytes;
    this.#holds.remove(pending.checkIds, pending.mutationIds);
  }

  /** Removes units whose callers are told that the store does not answer; contested units wait on. */
  giveUp(isOver: (pending: Pending) => boolean): void {
    this.#merged = this.#merged.filter((pending) => {
      if (!isOver(pending)) return true;
      this.#bytes -= pending.bytes;
      return false;
    });
  }

  /** Rejects all units that wait. */
  rejectAll(error: unknown): void {
    const waiting = [...this.#merged.splice(0), ...this.#contested.splice(0)];
    for (const pending of waiting) {
      this.#bytes -= pending.bytes;
      pending.reject(error);
    }
  }
}
