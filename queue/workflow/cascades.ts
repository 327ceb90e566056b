/**
 * What workflows owe. An end, a submission or a revoke leaves a `cascade` row in its own commit, unless that commit
 * itself releases the tasks that wait. The process that wrote the row works it off at once, and every process looks
 * through the rows now and then for those that a crash has left:
 *
 * ```text
 * release  id   it succeeded, fired or is submitted: what waits for it becomes ready
 * join     g    the group is open: fire it when all of it has ended
 * fail     id   the task failed: end what waits for it, close the group that it fails
 * close    g    the group was closed: end what waits for it and its members that have not started
 * revoke   id   the whole workflow ends
 * undo     t    a large submission, unless its worker still writes it: delete what is there of it
 * ```
 *
 * Each kind is idempotent and checks what it moves, so that any number of processes may work on one row.
 *
 * @module
 */
import { POLL } from "../ground/bell.ts";
import { Loop } from "../ground/loop.ts";
import { isOver } from "../ground/errors.ts";
import type { TaskRecord, UndoRow, WorkerRow } from "../rows/record.ts";
import { decode, decodeEntry } from "../rows/codec.ts";
import { type CascadeKind, idOf, keyAfter } from "../rows/keys.ts";
import type { Entry, Key } from "../store/port.ts";
import { announce } from "../request/submit.ts";
import { endGroup, failTask } from "./end.ts";
import { errorCallback } from "../task/error_callback.ts";
import { join, release, type Releasing } from "./release.ts";
import { revokeAll, undo } from "./revoke.ts";

/** Each is looked through by itself: every open group has a `join` row, and nothing else is to stand behind those. */
const KINDS: readonly CascadeKind[] = ["release", "fail", "close", "revoke", "undo", "join"];

/** The rows of one kind, round by round. */
class Round {
  /** Those of the round before, and of this one, by id with their versionstamps. */
  former: ReadonlyMap<string, string> | null = null;
  seen = new Map<string, string>();
  next: Key | null = null;
}

function rounds(): { kind: CascadeKind; round: Round }[] {
  return KINDS.map((kind) => ({ kind, round: new Round() }));
}

/** What works off what workflows owe. */
interface Cascading extends Releasing {
  /** Triggers of large workflows that this process is writing. */
  readonly submitting: ReadonlySet<string>;
}

/** Works off what workflows owe. Stopped, it looks for nothing; what ends in this process is worked off as before. */
export class Cascades extends Loop {
  /** What is being worked off, by kind and id; `again`: it was owed once more meanwhile. */
  #busy = new Map<string, { work: Promise<void>; again: boolean }>();
  #rounds = rounds();
  #over = false;

  constructor(readonly engine: Cascading) {
    super(engine.clock, { idle: { first: POLL.last, last: POLL.last } });
  }

  override get nextAt(): number {
    const isBusy = this.#busy.size > 0 || this.#rounds.some(({ round }) => round.next);
    return isBusy ? 0 : super.nextAt;
  }

  /** What was left behind is looked for from the beginning. */
  protected override reset(): void {
    this.#rounds = rounds();
  }

  /** Takes on nothing more; resolves when what was begun is done. What is left is done by others, or after a restart. */
  async end(): Promise<void> {
    this.#over = true;
    await Promise.all([...this.#busy.values()].map(({ work }) => work));
  }

  /**
   * A workflow's task has ended: what `task/moves.ts` wrote with that end is worked off.
   *
   * @param released those who wait for it are on their way
   */
  ended(record: TaskRecord, released: boolean): void {
    const { id, state, workflow } = record;
    const { group, tolerated, followed, linkError } = workflow!;
    if (linkError && state === "FAILURE") announce(this.engine, errorCallback(linkError, record));
    if (state === "SUCCESS") {
      if (followed && !released) this.owe("release", id);
    } else if (followed || group !== undefined && !tolerated) this.owe("fail", id);
    if (group !== undefined && (state === "SUCCESS" || tolerated)) this.owe("join", group);
  }

  /** Works a row off. Never rejects: what could not be done is done by a later look. */
  owe(kind: CascadeKind, id: string): Promise<void> {
    const name = `${kind} ${id}`;
    const busy = this.#busy.get(name);
    if (busy) {
      // Only a member's end is news to those who work already.
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
        return this.#look(await join(engine, id));
      case "fail":
        return await failTask(engine, id);
      case "close":
        return this.#look(await endGroup(engine, id));
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

  /** A member of this group has ended. */
  #look(group: string | null): void {
    if (group !== null) this.owe("join", group);
  }

  protected async round(): Promise<boolean> {
    try {
      await this.runOnce();
    } catch (error) {
      this.engine.emit({ type: "fault", message: "Workflows could not be looked through", error });
    }
    return false;
  }

  /** Looks at the next rows of each kind, and works off those that nobody seems to work on. */
  async runOnce(): Promise<void> {
    await Promise.all(this.#rounds.map(({ kind, round }) => this.#lookAt(kind, round)));
  }

  async #lookAt(kind: CascadeKind, round: Round): Promise<void> {
    const { store, keys } = this.engine;
    const limit = store.limits.listBatch;
    const from = round.next && { start: round.next };
    const entries = await store.list({ ...keys.cascadesOf(kind), ...from }, { limit });
    await Promise.all(entries.map((entry) => this.#meet(kind, entry, round)));
    const last = entries.length === limit ? entries.at(-1)!.key : null;
    round.next = last && keyAfter(last);
    if (last) return;
    round.former = round.seen;
    round.seen = new Map();
  }

  async #meet(kind: CascadeKind, entry: Entry, { former, seen }: Round): Promise<void> {
    const id = idOf(entry.key);
    seen.set(id, entry.versionstamp);
    // In the first round all are taken for left behind, later those that have not changed since the round before.
    const old = former === null || former.get(id) === entry.versionstamp;
    if (!old || kind === "undo" && await this.#isWritten(id, decode<UndoRow>(entry.value))) return;
    await this.owe(kind, id);
  }

  /** Whether a submission is still being written. */
  async #isWritten(trigger: string, { owner }: UndoRow): Promise<boolean> {
    const { store, keys, submitting, worker } = this.engine;
    if (owner === worker()) return submitting.has(trigger);
    const [entry] = await store.getMany([keys.worker(owner)]);
    const row = decodeEntry<WorkerRow>(entry);
    return row !== null && row.lost !== true;
  }
}
