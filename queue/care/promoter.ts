/**
 * The promoter: makes delayed tasks ready when they are due, ends tasks that expired before they were started, and has
 * parked tasks released.
 *
 * @module
 */
import { Loop } from "../ground/loop.ts";
import type { Base, Signals } from "../engine.ts";
import type { Releaser } from "../limits/releaser.ts";
import { endWaitingUnit, releaseUnit, waitingKeys } from "../task/moves.ts";
import { recordOf } from "../task/read.ts";
import type { ParkedPointer, Pointer } from "../rows/record.ts";
import { EXPIRED } from "../task/endings.ts";
import { ended } from "../task/state.ts";
import { decode } from "../rows/codec.ts";
import { idOf, timeIn } from "../rows/keys.ts";
import type { Entry, KeyRange } from "../store/port.ts";
import { del, together } from "../rows/unit.ts";

/** Entries of each kind that are handled in one look. */
const BATCH = 200;

/** The loop over the delayed tasks, the reminders of expiry (`later`) and the parked tasks. */
export class Promoter extends Loop {
  constructor(readonly engine: Base & Signals, readonly releaser: Releaser) {
    super(engine.clock);
  }

  protected async round(): Promise<boolean> {
    try {
      return await this.runOnce() > 0;
    } catch (error) {
      this.engine.emit({ type: "fault", message: "Due tasks could not be promoted", error });
      return false;
    }
  }

  /** Looks once at everything that is due. @returns how many tasks were moved, released or ended */
  async runOnce(): Promise<number> {
    const { engine } = this;
    const now = engine.clock.now();
    const delayed = await this.#due(engine.keys.delayedAll(), now);
    const later = await this.#due(engine.keys.laterAll(), now);
    this.nextDue = Math.min(delayed.next, later.next);
    const moved = await Promise.all([
      ...delayed.entries.map((entry) => this.#promote(entry)),
      ...later.entries.map((entry) => this.#lookAgain(entry, now)),
    ]);
    const released = await this.releaser.runOnce();
    this.nextDue = Math.min(this.nextDue, this.releaser.next);
    return moved.filter(Boolean).length + released;
  }

  /** Reads the entries of a range whose time has come, and the time of the first whose time has not. */
  async #due(range: KeyRange, now: number): Promise<{ entries: Entry[]; next: number }> {
    const entries = await this.engine.store.list(range, { limit: BATCH });
    const timeOf = (entry: Entry) => timeIn(entry.key);
    const pending = entries.findIndex((entry) => timeOf(entry) > now);
    return pending < 0
      ? { entries, next: Infinity }
      : { entries: entries.slice(0, pending), next: timeOf(entries[pending]!) };
  }

  async #promote(entry: Entry): Promise<boolean> {
    const { engine } = this;
    const pointer = decode<ParkedPointer>(entry.value);
    const landed = await engine.committer.commit(releaseUnit(engine.keys, entry, idOf(entry.key), pointer));
    if (landed !== null) engine.wake(pointer.channel);
    return landed !== null;
  }

  /** Handles the reminder of an expiry: ends the task if it waits and has never started. */
  async #lookAgain(reminder: Entry, now: number): Promise<boolean> {
    const { engine } = this;
    const { keys } = engine;
    const id = idOf(reminder.key);
    const done = { checks: [], mutations: [del(reminder.key)] };
    const [entry] = await engine.store.getMany([keys.task(id)]);
    const record = entry && recordOf(entry);
    if (!record || record.doneAt !== undefined || record.startedAt !== undefined) {
      await engine.committer.commit(done);
      return true;
    }
    const places = await engine.store.getMany(waitingKeys(keys, record));
    const place = places.find((found) => found !== null);
    if (!place || decode<Pointer>(place.value).deliveries > 0) {
      // This does not land if the task was released to a later time between the two reads: the next look decides.
      await engine.committer.commit({ ...done, checks: [entry] });
      return true;
    }
    const final = ended(record, null, EXPIRED, now);
    const unit = together({ ...done, checks: [entry] }, endWaitingUnit(keys, final, place));
    // This does not land if the task was claimed, retried or promoted at this moment: the next look decides.
    if (await engine.committer.commit(unit) !== null) engine.ended(final);
    return true;
  }
}
