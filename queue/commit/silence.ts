/**
 * Tells callers that the store does not answer, after one to two seconds, unless they are patient. Their units may
 * still land, if the store may have received them.
 *
 * @module
 */
import type { Batch, Pending } from "./batch.ts";
import type { Clock } from "../ground/clock.ts";
import { StoreUnavailableError } from "../ground/errors.ts";
import type { UnitQueue } from "./unit_queue.ts";

/** Milliseconds between two looks at the units while the store is silent: callers are given up at the second one. */
const PATIENCE = 1000;

/** Whether the store may have received a batch. */
interface Sent {
  /** In an earlier try, which had no answer. */
  readonly before: boolean;
  /** In the present try. */
  now: boolean;
}

/** Looks at the units while a batch has no answer, or while the process has no registration to send them under. */
export class Silence {
  /** Batches that had no answer and have no outcome yet. */
  #batches = new Map<Batch, Sent>();
  #isUnregistered = false;
  #cancel = () => {};

  constructor(readonly clock: Clock, readonly units: UnitQueue) {}

  /** Notes that the lanes are gone: a store that does not answer keeps the process from registering anew. */
  unregistered(): void {
    if (!this.#lasts) this.#look();
    this.#isUnregistered = true;
  }

  /** Notes that there are lanes again, or that none are waited for any more. */
  registered(): void {
    this.#isUnregistered = false;
    if (!this.#lasts) this.#cancel();
  }

  /** Notes that a batch had no answer. */
  wentSilent(batch: Batch, sent: boolean): void {
    if (!this.#lasts) this.#look();
    this.#batches.set(batch, { before: sent || this.#batches.get(batch)?.before === true, now: false });
  }

  /** Notes that a batch is being resent: callers given up from here on are told that it may land. */
  goesAgain(batch: Batch): void {
    const sent = this.#batches.get(batch);
    if (sent) sent.now = true;
  }

  /** Notes that a batch has its outcome. */
  answered(batch: Batch): void {
    if (this.#batches.delete(batch) && !this.#lasts) this.#cancel();
  }

  get #lasts(): boolean {
    return this.#isUnregistered || this.#batches.size > 0;
  }

  #look(): void {
    this.#cancel = this.clock.after(PATIENCE, () => {
      this.#look();
      this.#giveUp();
    });
  }

  /** Tells callers that have waited for long enough that the store does not answer. */
  #giveUp(): void {
    for (const [{ units }, sent] of this.#batches) {
      for (const pending of units) giveUp(pending, sent.before || sent.now);
    }
    this.units.giveUp((pending) => giveUp(pending, false));
  }
}

/** Gives up a caller that is not patient and has waited for long enough. @returns whether it was given up now */
function giveUp(pending: Pending, sent: boolean): boolean {
  if (pending.givenUp || (pending.unit.patient ?? pending.unit.worker !== undefined)) return false;
  if (!pending.waited) {
    pending.waited = true;
    return false;
  }
  pending.givenUp = true;
  pending.reject(new StoreUnavailableError("Store does not answer", sent));
  return true;
}
