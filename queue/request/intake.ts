/**
 * How much may be on its way into the store at a time: submissions are refused before memory grows, whatever keeps the
 * store from taking them. What was accepted before (ends, retries, occurrences of schedules) is never refused: it is
 * bounded by the slots and by what is stored.
 *
 * @module
 */
import type { Committer } from "../commit/committer.ts";
import { OverloadedError } from "../ground/errors.ts";
import { CHUNK_BYTES } from "../rows/payload.ts";
import type { TaskRecord } from "../rows/record.ts";

/** Bytes of submissions under way, and of commits that have not landed, above which further submissions are refused. */
const MOST_BYTES = 64 * 1024 * 1024;
/** What a task without large arguments counts for. */
const RECORD_BYTES = 1024;

/** The submissions under way. */
export class Intake {
  #bytes = 0;

  constructor(readonly committer: Committer) {}

  /**
   * Lets a submission in.
   *
   * @returns to be called when it has been answered
   * @throws {OverloadedError}
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
