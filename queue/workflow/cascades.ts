/**
 * Cascades: works off what an end, a submission or a revoke leaves to do in its workflow. The commit of that
 * end, submission or revoke writes a `cascade` row, unless it releases the waiting tasks itself. The process that wrote the row works it off at once.
 * Every process also reads all rows now and then, to find those that a crash has left behind. A row names a task, a
 * group `g`, a workflow, or a submission by its trigger `t`:
 *
 * ```text
 * release  id   the task succeeded, the group fired or the submission is stored: make ready what waits for it
 * join     g    the group is open: fire it once all of its members have ended
 * fail     id   the task did not succeed: end what waits for it, close the group that it fails
 * close    g    the group was closed: end what waits for it and its members that do not run
 * revoke   id   the whole workflow is to end
 * undo     t    a large submission has begun: delete what is stored of it, unless its worker still writes it
 * ```
 *
 * Each kind is idempotent and checks what it moves, so that any number of processes may work on one row.
 *
 * @module
 */
import { POLL } from "../ground/bell.ts";
import { Loop } from "../ground/loop.ts";
import { isOver } from "../ground/is_over.ts";
import type { TaskRecord, UndoRow, WorkerRow } from "../rows/record.ts";
import { decode, decodeEntry } from "../rows/codec.ts";
import { type CascadeKind, idOf, keyAfter } from "../rows/keys.ts";
import type { Entry, Key } from "../store/port.ts";
import { announce } from "../request/submit.ts";
import { closeTooLarge, endGroup, failTask } from "./end.ts";
import { errorCallback } from "../task/error_callback.ts";
import { join, release, type Releasing } from "./release.ts";
import type { Results } from "./results.ts";
import { revokeAll, undo } from "./revoke.ts";

/**
 * Each kind is read on its own. Every open group has a `join` row, and rows of other kinds must not wait behind those.
 */
const KINDS: readonly CascadeKind[] = ["release", "fail", "close", "revoke", "undo", "join"];

/** A pass over all rows of one kind, one page in each round of the loop. */
class Pass {
  /** Versionstamps, by id, of the rows that the previous pass found; `null` in the first pass. */
  former: ReadonlyMap<string, string> | null = null;
  /** Versionstamps, by id, of the rows that this pass has found. */
  seen = new Map<string, string>();
  /** Where the next page begins; `null` at the beginning of a pass. */
  next: Key | null = null;
}

function newPasses(): { kind: CascadeKind; pass: Pass }[] {
  return KINDS.map((kind) => ({ kind, pass: new Pass() }));
}

/** The ports and caches that cascades use. */
interface Cascading extends Releasing {
  /** Triggers of large workflows that this process is writing. */
  readonly submitting: ReadonlySet<string>;
  readonly results: Pick<Results, "isTooLarge">;
}

/** Works off `cascade` rows. A stopped loop reads none; rows that this process writes are worked off until `end`. */
export class Cascades extends Loop {
  /** Rows that are being worked off, by kind and id. `again`: the row was owed once more meanwhile. */
  #busy = new Map<string, { work: Promise<void>; again: boolean }>();
  #passes = newPasses();
  /** Whether no further work is taken on. */
  #over = false;

  constructor(readonly engine: Cascading) {
    super(engine.clock, { idle: { first: POLL.last, last: POLL.last } });
  }

  override get nextAt(): number {
    const isBusy = this.#busy.size > 0 || this.#passes.some(({ pass }) => pass.next);
    return isBusy ? 0 : super.nextAt;
  }

  /** Begins with first passes, in which every row counts as left behind. */
  protected override reset(): void {
    this.#passes = newPasses();
  }

  /**
   * Takes on no further work; resolves when the work that has begun is done. The other rows are worked off by other
   * processes, or after a restart.
   */
  async end(): Promise<void> {
    this.#over = true;
    await Promise.all([...this.#busy.values()].map(({ work }) => work));
  }

  /**
   * Works off what the end of a workflow's task owes: the rows that `owe` in `task/moves.ts` wrote with that end.
   *
   * @param released whether the tasks that wait for it were released in the same commit
   */
  ended(record: TaskRecord, released: boolean): void {
    const { id, state, workflow } = record;
    const { group, tolerated, followed, linkError } = workflow!;
    if (linkError && state === "FAILURE") announce(this.engine, errorCallback(linkError, record));
    if (state === "SUCCESS") {
      if (followed && !released) this.workOff("release", id);
    } else if (followed || group !== undefined && !tolerated) this.workOff("fail", id);
    if (group !== undefined && (state === "SUCCESS" || tolerated)) this.workOff("join", group);
  }

  /** Works off a row, unless that is under way. Never rejects: a later pass finds a row that is left. */
  workOff(kind: CascadeKind, id: string): Promise<void> {
    const name = `${kind} ${id}`;
    const busy = this.#busy.get(name);
    if (busy) {
      // The work under way is enough for the other kinds. A `join` may have looked before this member had ended.
      busy.again ||= kind === "join";
      return busy.work;
    }
    if (this.#over) return Promise.resolve();
    const entry = { again: false, work: Promise.resolve() };
    this.#busy.set(name, entry);
    return entry.work = this.#work(kind, id, entry).finally(() => this.#busy.delete(name));
  }

  async #work(kind: CascadeKind, id: string, state: { again: boolean }): Promise<void> {
    try {
      do {
        state.again = false;
        await this.#step(kind, id);
      } while (state.again);
    } catch (error) {
      if (isOver(error)) return;
      this.engine.emit({ type: "fault", message: `Workflow could not ${kind} ${id}`, error });
    }
  }

  async #step(kind: CascadeKind, id: string): Promise<void> {
    const { engine } = this;
    switch (kind) {
      case "release":
        return await release(engine, id);
      case "join":
        if (engine.results.isTooLarge(id)) await closeTooLarge(engine, id);
        return this.#joinAround(await join(engine, id));
      case "fail":
        return await failTask(engine, id);
      case "close":
        return this.#joinAround(await endGroup(engine, id));
      case "revoke":
        return await revokeAll(engine, id);
      case "undo":
        return await undo(engine, id);
      default: {
        const never: never = kind;
        throw new TypeError(`Unknown kind of cascade '${never}'`);
      }
    }
  }

  /** Joins the group around one that has ended, if there is one: its last member may have ended with that. */
  #joinAround(group: string | null): void {
    if (group !== null) this.workOff("join", group);
  }

  protected async round(): Promise<boolean> {
    try {
      await this.runOnce();
    } catch (error) {
      this.engine.emit({ type: "fault", message: "Workflows could not be looked through", error });
    }
    return false;
  }

  /** Reads the next page of each kind, and works off the rows that no process seems to work on. */
  async runOnce(): Promise<void> {
    await Promise.all(this.#passes.map(({ kind, pass }) => this.#readPage(kind, pass)));
  }

  async #readPage(kind: CascadeKind, pass: Pass): Promise<void> {
    const { store, keys } = this.engine;
    const limit = store.limits.listBatch;
    const from = pass.next && { start: pass.next };
    const entries = await store.list({ ...keys.cascadesOf(kind), ...from }, { limit });
    await Promise.all(entries.map((entry) => this.#meet(kind, entry, pass)));
    const last = entries.length === limit ? entries.at(-1)!.key : null;
    pass.next = last && keyAfter(last);
    if (last) return;
    pass.former = pass.seen;
    pass.seen = new Map();
  }

  async #meet(kind: CascadeKind, entry: Entry, { former, seen }: Pass): Promise<void> {
    const id = idOf(entry.key);
    seen.set(id, entry.versionstamp);
    // In the first pass every row counts as left behind, later a row that has not changed since the previous pass.
    const old = former === null || former.get(id) === entry.versionstamp;
    if (!old || kind === "undo" && await this.#isWritten(id, decode<UndoRow>(entry.value))) return;
    await this.workOff(kind, id);
  }

  /**
   * Whether a submission is still being written: by this process, or by another worker that is registered and not lost.
   */
  async #isWritten(trigger: string, { owner }: UndoRow): Promise<boolean> {
    const { store, keys, submitting, worker } = this.engine;
    if (owner === worker()) return submitting.has(trigger);
    const [entry] = await store.getMany([keys.worker(owner)]);
    const row = decodeEntry<WorkerRow>(entry);
    return row !== null && row.lost !== true;
  }
}
