/**
 * Records written by this process that will be claimed next, so that a claim need not read them. A cached record
 * counts only for a pointer of the same versionstamp: record and pointer were written by one commit, or in a large
 * workflow the record by one before, and a record is never changed without its pointer.
 *
 * @module
 */
import type { TaskRecord } from "../rows/record.ts";

/** Records kept at most; with a longer backlog claims read from the store. */
const CAPACITY = 1024;

/** A bounded map from task id to record. */
export class RecordCache {
  #records = new Map<string, { record: TaskRecord; versionstamp: string }>();

  /** Keeps a record just written; the oldest makes room. */
  put(record: TaskRecord, versionstamp: string): void {
    if (this.#records.size >= CAPACITY) this.#records.delete(this.#records.keys().next().value!);
    this.#records.set(record.id, { record, versionstamp });
  }

  /** Takes a record out: it is claimed once. `null` unless its pointer has this versionstamp. */
  take(id: string, versionstamp: string): TaskRecord | null {
    const cached = this.#records.get(id);
    if (!cached) return null;
    this.#records.delete(id);
    return cached.versionstamp === versionstamp ? cached.record : null;
  }
}
