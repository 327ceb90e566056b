/**
 * Records that this process has written, so that a claim need not read them. A cached record is used only for a pointer
 * of the same versionstamp: one commit wrote both, or in a large workflow an earlier commit the record, and a record
 * never changes without its pointer.
 *
 * @module
 */
import type { TaskRecord } from "../rows/record.ts";

/** Records that are kept at most. With a longer backlog claims read from the store. */
const CAPACITY = 1024;

/** A bounded map from task id to record. */
export class RecordCache {
  #records = new Map<string, { record: TaskRecord; versionstamp: string }>();

  /** Keeps a record that was just written, in place of the oldest one if there is no room. */
  put(record: TaskRecord, versionstamp: string): void {
    if (this.#records.size >= CAPACITY) this.#records.delete(this.#records.keys().next().value!);
    this.#records.set(record.id, { record, versionstamp });
  }

  /** Takes a record out, because it is claimed once. @returns `null` unless it was kept with this versionstamp */
  take(id: string, versionstamp: string): TaskRecord | null {
    const cached = this.#records.get(id);
    if (!cached) return null;
    this.#records.delete(id);
    return cached.versionstamp === versionstamp ? cached.record : null;
  }
}
