/**
 * The storage port over a `Deno.Kv`.
 *
 * @module
 */
import { StoreBrokenError } from "../ground/errors.ts";
import { commitError, isLocked, readError } from "./kv_errors.ts";
import { LOCAL_LIMITS } from "./limits.ts";
import type { Check, Doorbell, Entry, Key, KeyRange, Mutation, Store, StoreLimits } from "./port.ts";
import { assertListLimit, idsOf } from "./range.ts";

/** Keys that Deno KV reads in one snapshot. */
const READ_KEYS = 10;

/**
 * Attempts at a commit as long as the database is locked. Three connections that committed to one file as fast as they
 * could were refused 2371 of 3000 times with one attempt and never with these; the longest row of failed attempts was
 * 11. While another program holds the file for long, SQLite itself waits 5 s at each attempt.
 */
const LOCKED_ATTEMPTS = 20;

/** Milliseconds by which the longest pause grows from one attempt to the next; the pause is a random part of it. */
const LOCKED_PAUSE = 1;

/** Facts that {@link kvStore} cannot find out from a `Deno.Kv`. */
interface KvStoreOptions {
  /** Limits that differ from a local database's. */
  readonly limits?: Partial<StoreLimits>;
  /** See {@link Store.incarnation}. @default {null} */
  readonly incarnation?: string | null;
  /** Wake-ups through the database, see `kvDoorbell`. @default {null} */
  readonly doorbell?: Doorbell | null;
  /** Returns a number from 0 to 1, for the pause before a locked database is asked again. @default {Math.random} */
  readonly random?: () => number;
  /** Called once, after the database is closed. */
  readonly onClose?: () => void;
}

/** Makes a store of a database. Closing the store closes the database. */
export function kvStore(kv: Deno.Kv, options: KvStoreOptions = {}): Store {
  const limits = { ...LOCAL_LIMITS, ...options.limits };
  const { incarnation = null, doorbell = null, random = Math.random, onClose } = options;
  let closed = false;

  return {
    limits,
    incarnation,
    doorbell,

    async getMany(keys: readonly Key[]) {
      assertOpen();
      const reads: Promise<Deno.KvEntryMaybe<unknown>[]>[] = [];
      for (let at = 0; at < keys.length; at += READ_KEYS) {
        reads.push(kv.getMany<unknown[]>(keys.slice(at, at + READ_KEYS)));
      }
      const batches = await Promise.all(reads).catch(failRead);
      return batches.flat().map((entry) => entry.versionstamp === null ? null : entry as Entry);
    },

    async list(range: KeyRange, { limit, reverse = false }) {
      assertOpen();
      assertListLimit(limit, limits);
      const { from, to } = idsOf(range);
      if (from >= to) return [];
      // A batch as large as the limit: one read, so one snapshot.
      const entries = kv.list(selectorOf(range), { limit, batchSize: limit, reverse });
      return await Array.fromAsync(entries).catch(failRead) as Entry[];
    },

    async commit(checks: readonly Check[], mutations: readonly Mutation[]) {
      assertOpen();
      for (let attempt = 1;; attempt++) {
        try {
          const result = await kv.atomic().check(...checks).mutate(...mutations).commit();
          return result.ok ? result.versionstamp : null;
        } catch (error) {
          if (!isLocked(error) || attempt === LOCKED_ATTEMPTS) throw commitError(error);
        }
        await new Promise((resume) => setTimeout(resume, LOCKED_PAUSE * attempt * random()));
      }
    },

    close() {
      if (closed) return;
      closed = true;
      kv.close();
      onClose?.();
    },
  };

  function assertOpen(): void {
    if (closed) throw new StoreBrokenError("Store is closed", "Do not use a store after close()");
  }
}

function failRead(error: unknown): never {
  throw readError(error);
}

function selectorOf({ prefix, start, end }: KeyRange): Deno.KvListSelector {
  if (start && end) return { start, end };
  if (start) return { prefix, start };
  return end ? { prefix, end } : { prefix };
}
