/**
 * A store that does not answer: callers that are not patient are told so after a moment. Their units may land all the
 * same, if the store may have got them.
 *
 * @module
 */
import type { Batch, Pending } from "./batch.ts";
import type { Clock } from "../ground/clock.ts";
import { StoreUnavailableError } from "../ground/errors.ts";
import type { UnitQueue } from "./unit_queue.ts";

/**
 * Milliseconds between two looks at the units of a store that does not answer: who is not patient is given up at the
 * second.
 */
const PATIENCE = 1000;

/** Whether the store may have got a batch. */
interface Sent {
  /** In a try that had no answer. */
  readonly before: boolean;
  /** Or gets it in the present one. */
  now: boolean;
}

/** Looks at the units while a batch has no answer, or while the process has no registration to send them under. */
export class Silence {
  /** Batches whose lanes wait for an answer of the store, and what was sent of them. */
  #batches = new Map<Batch, Sent>();
  #isUnregistered = false;
  #cancel = () => {};

  constructor(readonly clock: Clock, readonly units: UnitQueue) {}

  /** The lanes are gone: a store that does not answer keeps the process from registering anew. */
  unregistered(): void {
    if (!this.#lasts) this.#look();
    this.#isUnregistered = true;
  }

  /** There are lanes again, or none are waited for any more. */
  registered(): void {
    this.#isUnregistered = false;
    if (!this.#lasts) this.#cancel();
  }

  /** A batch had no answer. */
  wentSilent(batch: Batch, sent: boolean): void {
    if (!this.#lasts) this.#look();
    this.#batches.set(batch, { before: sent || this.#batches.get(batch)?.before === true, now: false });
  }

  /** What is left of a batch is being sent: who is given up from now on may land all the same. */
  goesAgain(batch: Batch): void {
    const sent = this.#batches.get(batch);
    if (sent) sent.now = true;
  }

  /** A batch has its outcome. */
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

  /** Tells those who have waited for long enough that the store does not answer. */
  #giveUp(): void {
    for (const [{ units }, sent] of this.#batches) {
      for (const pending of units) isOver(pending, sent.before || sent.now);
    }
    this.units.giveUp((pending) => isOver(pending, false));
  }
}

/** Whether a caller has waited for long enough; it is told so. */
function isOver(pending: Pending, sent: boolean): boolean {
  if (pending.givenUp || (pending.unit.patient ?? pending.unit.worker !== undefined)) return false;
  if (!pending.waited) {
    pending.waited = true;
    return false;
  }
  pending.givenUp = true;
  pending.reject(new StoreUnavailableError("Store does not answer", sent));
  return true;
}
