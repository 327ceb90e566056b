/**
 * The meaning of Deno KV's errors. The errors are told apart by their text, because the class is `TypeError` for nearly
 * all of them: a commit that is too large, a locked database, a full disk. The texts are those of Deno 2.9.6, and
 * `tests/queue/store/kv_errors_test.ts` provokes what can be provoked.
 *
 * @module
 */
import { RefusedCommitError, StoreBrokenError } from "../ground/errors.ts";

const LOCKED = /database is locked/;

/** Errors after which the store can serve no more, each with what to do about it. */
const BROKEN: readonly (readonly [text: RegExp, hint: string])[] = [
  [/database or disk is full/, "Make room on the disk that holds the database, then start again"],
  [
    /disk I\/O error/,
    "Look at the disk that holds the database (full, failing, detached?), then start again",
  ],
  [
    /malformed|file is not a database|no such table|table kv already exists|cannot commit/,
    "The file is damaged or of another program: put back a backup, or move it away to start empty",
  ],
  [
    /readonly database|read-only database/,
    "Give this user write permission on the database file and its folder, then start again",
  ],
  [/unable to open database file/, "Look whether the folder of the database exists and may be written to"],
  [
    /Database is closed|Bad resource ID/,
    "The database was closed, or its thread has ended after an error that it printed: start again",
  ],
  [
    /^KV Connect failed to call \S+ \(status=(401|403) /,
    "Set DENO_KV_ACCESS_TOKEN to the token that the KV server was started with, then start again",
  ],
  [
    /^KV Connect failed to call \S+ \(status=(3\d\d|404|405) |^KV Connect failed to decode/,
    "The KV server's address is answered by something that is no KV server: look at it and at the proxy before it",
  ],
];

/**
 * Errors of a commit that can never be accepted. Deno's client throws most of them before it sends the commit. The last
 * one is a KV server's answer, or that of a proxy before it whose `client_max_body_size` is too small.
 */
const REFUSED: readonly RegExp[] = [
  /^Too many (checks|mutations) /,
  /^Key too large for write /,
  /^key cannot be empty$/,
  /^Value too large /,
  /^Total (mutation|key) size too large /,
  /^Invalid (check|mutation)/,
  /could not be cloned\.?$/,
  /^expected string, number, bigint, ArrayBufferView, boolean$/,
  /^KV Connect failed to call \S+ \(status=(400|413) /,
];

/** Whether another connection held the database. Nothing of the commit was applied then, so it may be sent again. */
export function isLocked(error: unknown): boolean {
  return LOCKED.test(textOf(error));
}

/** Whether a KV server, or a proxy before it, has answered with an error that may pass. */
export function isRefusal(error: unknown): boolean {
  return /^KV Connect failed to call \S+ \(status=/.test(textOf(error));
}

/** Whether a KV server, or a proxy before it, has too much to do. Nothing of the request was done then. */
export function isBusy(error: unknown): boolean {
  return /^KV Connect failed to call \S+ \(status=429 /.test(textOf(error));
}

/** The error to throw for a failed commit; an error that tells nothing certain stays as it is. */
export function commitError(error: unknown): unknown {
  const text = textOf(error);
  return REFUSED.some((refused) => refused.test(text))
    ? new RefusedCommitError(`Commit was refused: ${text}`, { cause: error })
    : readError(error);
}

/** The error to throw for a failed read; an error that tells nothing certain stays as it is. */
export function readError(error: unknown): unknown {
  const hint = brokenHint(error);
  return hint
    ? new StoreBrokenError(`Database can serve no more: ${textOf(error)}`, hint, { cause: error })
    : error;
}

/** Says what to do about an error after which the store can serve no more; `null` for any other error. */
export function brokenHint(error: unknown): string | null {
  const text = textOf(error);
  return BROKEN.find(([broken]) => broken.test(text))?.[1] ?? null;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
