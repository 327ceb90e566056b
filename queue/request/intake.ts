/**
 * The limit on submissions on their way into the store: when the store is slow or silent, further submissions are
 * refused before memory grows. Writes about accepted tasks (ends, retries, occurrences of schedules) are never refused,
 * because the slots and the stored rows bound their number.
 *
 * @module
 */
import type { Committer } from "../commit/committer.ts";
import { OverloadedError } from "../ground/errors.ts";
import { CHUNK_BYTES } from "../rows/payload.ts";
import type { TaskRecord } from "../rows/record.ts";

/** Bytes of submissions under way, and of commits that have not landed, above which further submissions are refused. */
const MOST_BYTES = 64 * 1024 * 1024;
/** Bytes that a task counts for, without large arguments. */
const RECORD_BYTES = 1024;

/** The submissions under way. */
export class Intake {
  #bytes = 0;

  constructor(readonly committer: Committer) {}

  /**
   * Lets a submission in.
   *
   * @returns the function to call when the submission has been answered
   * @throws {OverloadedError} when too much is under way
   */
  enter(records: readonly TaskRecord[]): () => void {
    let size = 0;
    for (const { argsChunks = 0 } of records) size += RECORD_BYTES + argsChunks * CHUNK_BYTES;
    const isFull = this.#bytes > 0 && this.#bytes + size > MOST_BYTES;
    if (isFull || this.committer.waitingBytes > MOST_BYTES) {
      throw new OverloadedError("Too many submissions are waiting for the store; try again in a moment");
    }
    this.#bytes += size;
    return () => {
      this.#bytes -= size;
    };
  }
}
