/**
 * A lock file, which one process at a time can hold. The operating system releases the lock when the process ends,
 * however it ends, so a crash leaves nothing to clear. The file is removed with the lock, by its holder only. A process
 * that had opened the file before can lock it afterwards, but the file has no name then: it opens the path anew.
 *
 * @module
 */
import { StoreBrokenError } from "../ground/errors.ts";

/** A lock that is held. */
export interface FileLock {
  /** Gives the lock back. */
  readonly release: () => void;
}

/**
 * Takes the lock at once or not at all, and writes this process's id into its file.
 *
 * @param path path of the lock file
 * @param subject path of the file that the lock guards, for the error
 * @throws {StoreBrokenError} when another process, or this one, holds the lock
 */
export function lockFile(path: string, subject: string): FileLock {
  for (;;) {
    const file = Deno.openSync(path, { read: true, write: true, create: true });
    if (!file.tryLockSync(true)) {
      const holder = readHolder(path);
      file.close();
      throw inUse(subject, holder);
    }
    if (isAt(path, file)) return held(path, file);
    file.close();
  }
}

function held(path: string, file: Deno.FsFile): FileLock {
  file.truncateSync();
  file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  return {
    release() {
      file.truncateSync();
      try {
        Deno.removeSync(path);
      } catch {
        // An empty file that nobody holds is no lock.
      }
      file.close();
    },
  };
}

/** Whether the path still names the file that was opened. */
function isAt(path: string, file: Deno.FsFile): boolean {
  try {
    return Deno.statSync(path).ino === file.statSync().ino;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function inUse(subject: string, holder: string): StoreBrokenError {
  if (holder === `${Deno.pid}`) {
    return new StoreBrokenError(
      `Database '${subject}' is in use: this process has opened it already (pid ${holder})`,
      "Open it once and pass the store on",
    );
  }
  return new StoreBrokenError(
    `Database '${subject}' is in use by another process (pid ${holder || "unknown"})`,
    "Stop that process, or give this one a database of its own: a file serves one process at a time",
  );
}

function readHolder(path: string): string {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch {
    return ""; // not readable for this user, or (on Windows) for any while it is locked
  }
}
