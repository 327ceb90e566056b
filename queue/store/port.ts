/**
 * The storage port: all that the engine asks of a database. Two adapters implement it (`kv_store.ts`,
 * `memory_store.ts`) and one conformance suite (`tests/queue/store/`) holds both to it.
 *
 * @module
 */

/** One part of a key, as Deno KV orders them: bytes, strings, bigints, numbers, booleans. */
export type KeyPart = Uint8Array | string | number | bigint | boolean;

/** A key: its parts, most significant first. */
export type Key = readonly KeyPart[];

/** A stored value with the commit that wrote it. */
export interface Entry {
  readonly key: Key;
  readonly value: unknown;
  /** 20 hex digits, growing with every commit of the database. */
  readonly versionstamp: string;
}

/** A condition of a commit: the key was last written by the commit with this versionstamp, or is absent (`null`). */
export interface Check {
  readonly key: Key;
  readonly versionstamp: string | null;
}

/** A change that a commit makes. */
export type Mutation =
  | { readonly type: "set"; readonly key: Key; readonly value: unknown }
  | { readonly type: "delete"; readonly key: Key };

/** A part of the key space: everything under `prefix`, from `start` (inclusive) to `end` (exclusive). */
export interface KeyRange {
  readonly prefix: Key;
  readonly start?: Key;
  readonly end?: Key;
}

/** Limits of an adapter: how much one commit and one read may hold. */
export interface StoreLimits {
  /** Checks in a commit. */
  readonly checks: number;
  /** Mutations in a commit. */
  readonly mutations: number;
  /** Bytes of a commit, as `mutationSize()` and `checkSize()` of `size.ts` measure them. */
  readonly bytes: number;
  /** Sum of the bytes of the keys that a commit sets; deleted keys do not count. */
  readonly keyBytes: number;
  /** Entries that one `list` returns at most. */
  readonly listBatch: number;
  /** Commits that one process keeps in flight. */
  readonly lanes: number;
}

/**
 * Wake-ups through the store: by `Deno.Kv`'s queue where the database has one (`doorbell.ts`), by watched keys on a KV
 * server (`watched_doorbell.ts`).
 */
export interface Doorbell {
  /** Sends a hint that names a channel. While one is on its way, further rings join it, or one more that follows it. */
  ring(channel: string): Promise<void>;
  /**
   * Calls `heard` for each hint from another process that names one of the channels, until the store is closed. A hint
   * of this process may be passed on too.
   */
  listen(channels: readonly string[], heard: (channel: string) => void): void;
  /**
   * Tells the versionstamps of up to ten rows (`null`: absent), at first and whenever one of them has changed. A hint:
   * it may stop telling. Absent where the store cannot, or where no other process writes.
   *
   * @returns ends the watch
   */
  watch?(keys: readonly Key[], told: (versionstamps: readonly (string | null)[]) => void): () => void;
}

/** A transactional, ordered key-value store. A read that begins before a commit is answered may show it or not. */
export interface Store {
  readonly limits: StoreLimits;
  /**
   * Names this opening of a store that no other process can have open; `null` when other processes may share the store.
   * Workers that registered under another incarnation are known to be dead.
   */
  readonly incarnation: string | null;
  /** Carries hints to other processes; `null` where the store cannot. */
  readonly doorbell: Doorbell | null;
  /** Reads keys, ten at a time in one snapshot each; `null` for each absent one. */
  getMany(keys: readonly Key[]): Promise<(Entry | null)[]>;
  /** Reads up to `limit` (at most `limits.listBatch`) entries of a range in key order, in one snapshot. */
  list(range: KeyRange, options: { limit: number; reverse?: boolean }): Promise<Entry[]>;
  /**
   * Applies the mutations if every check holds.
   *
   * @returns the commit's versionstamp, or `null` when a check did not hold
   * @throws {StoreBrokenError} when the store can serve no more (disk full, file damaged, read-only, closed)
   * @throws {RefusedCommitError} when this commit can never be accepted (too large, invalid)
   * @throws {StoreUnavailableError} with `sent: false` when the commit cannot land: it was not sent, because the store
   *   is known not to answer, or the store answered only that it has too much to do
   * @throws any other error: the outcome is unknown
   */
  commit(checks: readonly Check[], mutations: readonly Mutation[]): Promise<string | null>;
  /** Closes the store and gives its lock back. */
  close(): void;
}
