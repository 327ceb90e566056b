/**
 * A cache of followers: the tasks of workflows that this process has submitted, by the task or group that they wait
 * for. The end of that task or group releases them without a read, so a step of a chain is one commit of four
 * mutations.
 *
 * A follower may have moved since it was kept, so a release checks each pointer that it removes. The followers of a
 * task or group are complete, because one submission writes all of them.
 *
 * @module
 */
import { hold } from "../task/moves.ts";
import type { TaskRecord } from "../rows/record.ts";
import type { Keys } from "../rows/keys.ts";
import type { Entry } from "../store/port.ts";

/** Most followers that are released in the commit of the end before them; more are released after that commit. */
export const FEW = 5;

/** Most tasks kept. The oldest make room; their release reads the store. */
const CAPACITY = 1024;

/** A task that waits, and its pointer. */
export interface Follower {
  readonly record: TaskRecord;
  readonly entry: Entry;
}

/** A bounded map from a task or group to the few tasks that wait for it. */
export class Followers {
  #waiting = new Map<string, { records: readonly TaskRecord[]; versionstamp: string }>();
  #count = 0;

  /**
   * Keeps the followers that a submission has written in one commit; the oldest ones make room. Left out are the
   * followers of a task or group that has more than `FEW`, or one whose arguments are kept in chunks.
   */
  put(tasks: readonly TaskRecord[], versionstamp: string): void {
    for (const [waitsFor, records] of Map.groupBy(tasks, ({ workflow }) => workflow!.waitsFor!)) {
      if (records.length > FEW || records.some(({ argsChunks }) => argsChunks !== undefined)) continue;
      this.#waiting.set(waitsFor, { records, versionstamp });
      this.#count += records.length;
    }
    while (this.#count > CAPACITY) this.#drop(this.#waiting.keys().next().value!);
  }

  /** Removes and returns the followers of a task or group, as they are released once. `null` when none are known. */
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
