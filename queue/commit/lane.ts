/**
 * A lane: one of a process's numbered commit slots. Every commit checks its lane and rewrites it with its own number.
 * So a commit that the store's client repeats, or that arrives late, fails (invariant 3), and deleting a process's
 * lanes fences the process. The lane also tells what became of a commit whose answer was lost (invariant 10).
 *
 * @module
 */
import { type Clock, sleep } from "../ground/clock.ts";
import { RefusedCommitError, StoreBrokenError, StoreUnavailableError } from "../ground/errors.ts";
import type { Check, Entry, Key, Mutation, Store } from "../store/port.ts";

/** Milliseconds after which a commit's answer counts as lost. A stall of the disk of 2.7 s has been measured. */
export const COMMIT_DEADLINE = 10_000;
/** Milliseconds between two looks at a store that does not answer. */
const READ_PAUSE = 250;

/** Checks and mutations to send; the lane adds its own check and mutation. */
export interface Commit {
  readonly checks: readonly Check[];
  readonly mutations: readonly Mutation[];
}

const EMPTY: Commit = { checks: [], mutations: [] };

/** The outcome of one `send`, which may have tried several commits. */
interface Landed<C> {
  /** The commit that landed, the last one given to `send` or one before it. */
  readonly commit: C;
  readonly versionstamp: string;
}

/**
 * The lane is gone: this process was judged lost. One of its commits may have landed before; none can land any more.
 */
export class LaneGone extends Error {
  constructor() {
    super("Lane is gone");
  }
}

/** One commit slot. At most one commit is outstanding in it. */
export class Lane {
  #number = 0;
  /** Versionstamp of the lane's row, as far as it is known. */
  #versionstamp: string;

  constructor(readonly store: Store, readonly key: Key, versionstamp: string, readonly clock: Clock) {
    this.#versionstamp = versionstamp;
  }

  /** Versionstamp of the lane's row. */
  get versionstamp(): string {
    return this.#versionstamp;
  }

  /**
   * Commits, and does not return before the outcome is known and nothing earlier can land any more.
   *
   * @param first what to commit
   * @param next is given a commit that has not landed, because a check did not hold or (`lost`) without an answer, and
   *   returns the commit to send instead. Once that one has landed, the one before it no longer can: an empty commit serves
   * @param silent called when there was no answer; `sent`: the store may have received the commit all the same
   * @returns which commit landed
   * @throws {LaneGone} when the process was fenced
   * @throws {StoreBrokenError} when the store can serve no more
   * @throws {RefusedCommitError} when the store will never accept this commit
   */
  async send<C extends Commit>(
    first: C,
    next: (failed: C, lost: boolean) => Promise<C>,
    silent: (sent: boolean) => void = () => {},
  ): Promise<Landed<C>> {
    const tried = new Map<number, C | null>();
    // `null`: an empty commit, which closes the lane after a refusal.
    let commit: C | null = first;
    let refused: RefusedCommitError | undefined;
    for (;;) {
      let number = ++this.#number;
      tried.set(number, commit);
      const answer = await this.#try(number, commit ?? EMPTY);
      let { versionstamp } = answer;
      if (answer.lost) silent(answer.sent);
      if (versionstamp === null) {
        const [row] = await readUntilAnswered(this.store, this.clock, [this.key]);
        if (!row) throw new LaneGone();
        if (row.versionstamp !== this.#versionstamp) {
          [number, versionstamp] = [row.value as number, row.versionstamp];
          // A number that was not tried here: the lane was deleted, and a repeat of the registration wrote it again.
          if (!tried.has(number)) throw new LaneGone();
        }
      }
      if (versionstamp !== null) {
        this.#versionstamp = versionstamp;
        const landed = tried.get(number);
        if (!landed) throw refused;
        return { commit: landed, versionstamp };
      }
      // Nothing has landed yet. The next commit through the lane closes it to all of `tried`.
      if (answer.refused) {
        if (tried.size === 1) throw answer.refused;
        refused = answer.refused;
        commit = null;
      } else if (commit) commit = await next(commit, answer.lost);
    }
  }

  async #try(number: number, commit: Commit): Promise<Answer> {
    const checks = [{ key: this.key, versionstamp: this.#versionstamp }, ...commit.checks];
    const mutations: Mutation[] = [{ type: "set", key: this.key, value: number }, ...commit.mutations];
    try {
      const versionstamp = await withDeadline(
        this.clock,
        COMMIT_DEADLINE,
        this.store.commit(checks, mutations),
      );
      return { versionstamp, sent: true, lost: false };
    } catch (error) {
      if (error instanceof StoreBrokenError) throw error;
      if (error instanceof RefusedCommitError) {
        return { versionstamp: null, sent: true, lost: false, refused: error };
      }
      const sent = !(error instanceof StoreUnavailableError) || error.sent;
      return { versionstamp: null, sent, lost: true };
    }
  }
}

interface Answer {
  /** `null`: not landed, as far as the answer tells. */
  readonly versionstamp: string | null;
  readonly sent: boolean;
  /** There was no answer, or an error that leaves the outcome open. */
  readonly lost: boolean;
  readonly refused?: RefusedCommitError;
}

/** Rejects with {@link StoreUnavailableError} when `work` takes longer than `milliseconds`. */
export function withDeadline<T>(clock: Clock, milliseconds: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(
      milliseconds,
      () => reject(new StoreUnavailableError(`Store did not answer within ${milliseconds / 1000} s`)),
    );
    work.then(resolve, reject).finally(cancel);
  });
}

/**
 * Reads keys, and keeps asking while the store does not answer.
 *
 * @throws {StoreBrokenError}
 */
export function readUntilAnswered(
  store: Store,
  clock: Clock,
  keys: readonly Key[],
): Promise<(Entry | null)[]> {
  return untilAnswered(clock, () => store.getMany(keys));
}

/** The store, with reads that keep asking while it does not answer. */
export function patient(store: Store, clock: Clock): Store {
  return {
    ...store,
    getMany: (keys) => readUntilAnswered(store, clock, keys),
    list: (range, options) => untilAnswered(clock, () => store.list(range, options)),
  };
}

async function untilAnswered<T>(clock: Clock, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await withDeadline(clock, COMMIT_DEADLINE, ask());
    } catch (error) {
      if (error instanceof StoreBrokenError) throw error;
      await sleep(clock, READ_PAUSE);
    }
  }
}
