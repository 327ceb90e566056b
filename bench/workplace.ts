/**
 * The folder of the benchmarks' files: beside the program, because a folder for temporary files is in memory on many
 * machines, and there a commit costs nothing.
 *
 * @module
 */
import { join } from "node:path";

/** The program's own folder. */
export const ROOT = join(import.meta.dirname!, "..");

/** A folder of this process, with a new one in it for each measurement. */
export class Workplace {
  readonly folder: string;
  #count = 0;
  #kept = 0;

  constructor(parent: string = join(ROOT, ".cache/bench")) {
    this.folder = join(parent, String(Deno.pid));
    Deno.mkdirSync(this.folder, { recursive: true });
  }

  /** A new empty folder. */
  make(): string {
    const path = join(this.folder, String(++this.#count));
    Deno.mkdirSync(path);
    return path;
  }

  /** The path of a new database. */
  file(): string {
    return join(this.make(), "sluice.kv");
  }

  /** Removes what measurements have left. */
  clear(): void {
    for (let n = this.#kept + 1; n <= this.#count; n++) {
      try {
        Deno.removeSync(join(this.folder, String(n)), { recursive: true });
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    this.#kept = this.#count;
  }

  /** Keeps what has not been cleared: the files of a measurement that failed. @returns whether there are any */
  keep(): boolean {
    const any = this.#kept < this.#count;
    this.#kept = this.#count;
    return any;
  }

  /** Removes the whole folder, unless something in it was kept. */
  remove(): void {
    this.clear();
    try {
      Deno.removeSync(this.folder);
    } catch {
      // Something in it was kept for its reader.
    }
  }
}
