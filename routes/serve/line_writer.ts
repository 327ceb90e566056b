/**
 * Writes lines to a stream that may be slow, full or closed. The writer never throws and never waits: lines that cannot
 * be written are dropped and counted, and said once on standard error.
 *
 * @module
 */
import { complain, stackOf } from "../../queue/mod.ts";

/** A stream of bytes: `Deno.stdout`. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
}

/** Characters that may wait while a write is in flight: 16,000 lines of 256. One longer line may wait alone. */
const MOST_WAITING = 4 * 1024 * 1024;

const LINE_END = 10;

const encoder = new TextEncoder();

/** Collects lines while a write is in flight, and writes them together when it has ended. */
export class LineWriter {
  readonly #sink: Sink;
  readonly #complain: (text: string) => void;
  #waiting = "";
  /** Number of lines in `#waiting`. */
  #lines = 0;
  #writing: Promise<void> | null = null;
  /** Whether the last write ended within a line. */
  #isCut = false;
  #dropped = 0;

  constructor(sink: Sink, complainBy: (text: string) => void = complain) {
    this.#sink = sink;
    this.#complain = complainBy;
  }

  /** Number of lines that were not written, or not to their end. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Adds a line, its end included. */
  add(line: string): void {
    if (this.#waiting !== "" && this.#waiting.length + line.length > MOST_WAITING) {
      return this.#drop(1, "nobody reads it");
    }
    this.#waiting += line;
    this.#lines++;
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when every line so far has been written or dropped: never, while nobody reads a stream that is full. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  async #writeAll(): Promise<void> {
    // All lines of this turn of the event loop are written together.
    await new Promise((resolve) => setTimeout(resolve, 0));
    while (this.#waiting !== "") {
      const lines = this.#lines;
      const bytes = this.#take();
      try {
        await this.#write(bytes);
      } catch (error) {
        // A disk may have room again, so the lines that follow are tried.
        this.#drop(lines, error instanceof Error ? error.message : stackOf(error));
      }
    }
    this.#writing = null;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    while (bytes.length > 0) {
      const written = await this.#sink.write(bytes);
      if (written === 0) throw new Error("it takes no bytes");
      this.#isCut = bytes[written - 1] !== LINE_END;
      bytes = bytes.subarray(written);
    }
  }

  /** Takes what waits. A line that follows one that was cut begins on a line of its own. */
  #take(): Uint8Array {
    const bytes = encoder.encode(this.#isCut ? `\n${this.#waiting}` : this.#waiting);
    this.#waiting = "";
    this.#lines = 0;
    return bytes;
  }

  #drop(lines: number, why: string): void {
    if (this.#dropped === 0) {
      this.#complain(
        `The log cannot be written (${why}): lines are dropped, and counted in /metrics as sluice_log_lines_dropped_total`,
      );
    }
    this.#dropped += lines;
  }
}
