/**
 * Tasks that wait in a workflow, as this process has written them, so that what comes before them lets them go on
 * without a read: a step of a chain is one commit then, of four mutations.
 *
 * What is known here may be outdated: every pointer that is removed is checked. And it is complete: all that waits for a
 * task or group is written by its submission.
 *
 * @module
 */
import { hold } from "../task/moves.ts";
import type { TaskRecord } from "../rows/record.ts";
import type { Keys } from "../rows/keys.ts";
import type { Entry } from "../store/port.ts";

/** Tasks that are released in the commit that decides it. */
export const FEW = 5;

/** Tasks kept at most; with more the releases of the oldest read from the store. */
const CAPACITY = 1024;

/** A task that waits, and its pointer. */
export interface Follower {
  readonly record: TaskRecord;
  readonly entry: Entry;
}

/** A bounded map from a task or group to the few that wait for it. */
export class Followers {
  #waiting = new Map<string, { records: readonly TaskRecord[]; versionstamp: string }>();
  #count = 0;

  /** Keeps the tasks of a submission that wait for others of it, all written by one commit; the oldest make room. */
  put(tasks: readonly TaskRecord[], versionstamp: string): void {
    for (const [waitsFor, records] of Map.groupBy(tasks, ({ workflow }) => workflow!.waitsFor!)) {
      if (records.length > FEW || records.some(({ argsChunks }) => argsChunks !== undefined)) continue;
      this.#waiting.set(waitsFor, { records, versionstamp });
      this.#count += records.length;
    }
    while (this.#count > CAPACITY) this.#drop(this.#waiting.keys().next().value!);
  }

  /** Takes out those that wait for a task or group: they are let go on once. `null` when that is not known. */
  take(keys: Keys, waitsFor: string): Follower[] | null {
    const known = this.#waiting.get(waitsFor);
    if (!known) return null;
    this.#drop(waitsFor);
    const { records, versionstamp } = known;
    return records.map((record) => ({
      record,
      entry: { ...hold(keys, record, waitsFor), versionstamp } as Entry,
    }));
  }

  #drop(waitsFor: string): void {
    this.#count -= this.#waiting.get(waitsFor)!.records.length;
    this.#waiting.delete(waitsFor);
  }
}
