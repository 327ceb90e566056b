/**
 * Writes lines to a stream, without waiting for the stream and without a system call for each line.
 *
 * @module
 */

/** A stream of bytes that can be written with and without waiting: `Deno.stdout`. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
  writeSync(bytes: Uint8Array): number;
}

/** The writer blocks above so many waiting characters, so that a slow reader cannot fill the memory. */
const MOST_WAITING = 1024 * 1024;

const encoder = new TextEncoder();

/** Collects lines while a write is in flight, and writes them together when it has ended. */
export class LineWriter {
  readonly #sink: Sink;
  #waiting = "";
  #writing: Promise<void> | null = null;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Adds a line, its end included. */
  add(line: string): void {
    this.#waiting += line;
    if (this.#waiting.length > MOST_WAITING) this.#writeNow();
    else this.#writing ??= this.#writeAll();
  }

  /** Resolves when every line so far has been written. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  async #writeAll(): Promise<void> {
    // All lines of this turn of the event loop are written together.
    await new Promise((resolve) => setTimeout(resolve, 0));
    while (this.#waiting !== "") {
      let bytes = this.#take();
      while (bytes.length > 0) bytes = bytes.subarray(await this.#sink.write(bytes));
    }
    this.#writing = null;
  }

  /** Writes at once. Deno lets a write in flight end first, so the order holds. */
  #writeNow(): void {
    let bytes = this.#take();
    while (bytes.length > 0) bytes = bytes.subarray(this.#sink.writeSync(bytes));
  }

  #take(): Uint8Array {
    const bytes = encoder.encode(this.#waiting);
    this.#waiting = "";
    return bytes;
  }
}
