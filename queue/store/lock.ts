/**
 * A lock file, which one process at a time can hold. The operating system releases the lock when the process ends,
 * however it ends, so a crash leaves nothing to clear. The file itself stays, because removing it could remove a lock
 * that another process has just taken.
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
  const file = Deno.openSync(path, { read: true, write: true, create: true });
  if (!file.tryLockSync(true)) {
    const holder = readHolder(path);
    file.close();
    throw inUse(subject, holder);
  }
  file.truncateSync();
  file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  return {
    release() {
      file.truncateSync();
      file.close();
    },
  };
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
