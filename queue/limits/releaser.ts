/**
 * The releaser: moves parked tasks back to `ready`, never more than may start. It looks at one scope of `blocked` (the
 * tasks that wait for one unknown name or, in one channel, for one key or rate)
 *
 * - at once, when a run in this process has left the key, or tasks were just parked there;
 * - when the rate lets the next task through;
 * - when its turn comes in a walk through all scopes, so that no task stays parked because a process died.
 *
 * A released task takes its old place in `ready`, before the tasks of its priority that came later. The limit's row
 * names it until it is claimed, so that no look releases another task in its place.
 *
 * @module
 */
import type { Base, Here, Signals } from "../engine.ts";
import type { Limits } from "./limits.ts";
import { isOver } from "../ground/is_over.ts";
import { releaseUnit } from "../task/moves.ts";
import type { ParkedPointer, RateRow, SlotsRow, Standing, TaskRecord } from "../rows/record.ts";
import { decode, decodeEntry } from "../rows/codec.ts";
import { idOf, limitedBy, priorityIn, scopeOf, whatBlocks } from "../rows/keys.ts";
import type { Entry } from "../store/port.ts";
import { del, put, together, type Unit } from "../rows/unit.ts";
import { nameRateName } from "./admission.ts";
import { limitOf, standsOf } from "../task/concurrency.ts";
import { passable, passableAt, type Rate } from "../ground/rate.ts";

/** Scopes of `blocked` that are looked at together. */
const LOOKS = 20;
/** Most tasks of a name that one look releases. */
const BATCH = 200;
/** Most tasks of a key that one look reads and releases: mostly there is room for one only. */
const MOST_OF_A_LOOK = 20;
/** Most tasks in a limit's row: the row must fit into a value. */
const MOST_IN_A_ROW = 500;

/** Releases parked tasks. */
export class Releaser {
  /** Scopes to look at now. */
  #asked = new Set<string>();
  /** Wall-clock time at which a rate lets more through, by scope. */
  #due = new Map<string, number>();
  /** The last scope that the walk has reached; empty: the walk begins anew. */
  #cursor = "";
  #working: Promise<void> | null = null;
  #stopped = false;

  constructor(readonly engine: Base & Signals & Here & { readonly limits: Limits }) {}

  /** Wall-clock time at which the next rate lets more through; `Infinity` for none. */
  get next(): number {
    return Math.min(...this.#due.values());
  }

  /** See `Signals.freed`. */
  freed({ channel, concurrencyKey }: TaskRecord): void {
    if (concurrencyKey === undefined) return;
    for (const each of new Set([channel, ...this.engine.limits.keyedChannels])) {
      this.#ask(limitedBy("key", each, concurrencyKey));
    }
  }

  /** See `Signals.parked`. */
  parked(by: string, dueAt?: number): void {
    if (dueAt === undefined) return this.#ask(by);
    if (this.#due.get(by) === dueAt) return;
    this.#due.set(by, dueAt);
    this.engine.dueAt(dueAt);
  }

  /** Ends the looks that are made at once. Resolves when the last one is over. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working;
  }

  /** Looks at the scopes that are due and at the next few of the walk. @returns how many tasks were released */
  async runOnce(): Promise<number> {
    const now = this.engine.clock.now();
    const due = [...this.#due].filter(([, at]) => at <= now).map(([by]) => by);
    for (const by of due) this.#due.delete(by);
    return await this.#look([...new Set([...due, ...await this.#step()])]);
  }

  /** The next few scopes of the walk. */
  async #step(): Promise<string[]> {
    const { store, keys } = this.engine;
    const found: string[] = [];
    while (found.length < LOOKS) {
      const [first] = await store.list(keys.blockedBehind(this.#cursor), { limit: 1 });
      this.#cursor = first ? scopeOf(first.key) : "";
      if (!first) break;
      found.push(this.#cursor);
    }
    return found;
  }

  #ask(by: string): void {
    if (this.#stopped) return;
    this.#asked.add(by);
    this.#working ??= this.#work().finally(() => this.#working = null);
  }

  async #work(): Promise<void> {
    while (this.#asked.size > 0 && !this.#stopped) {
      const asked = [...this.#asked].slice(0, LOOKS);
      for (const by of asked) this.#asked.delete(by);
      try {
        await this.#look(asked);
      } catch (error) {
        this.#fault(error);
      }
    }
  }

  /** Looks at scopes. @returns how many tasks were released */
  async #look(scopes: readonly string[]): Promise<number> {
    if (scopes.length === 0) return 0;
    const { name: names = [], ...rest } = Object.groupBy(scopes, (by) => whatBlocks(by).kind);
    const known = names.map((by) => this.#releaseKnown(by));
    const limited = Object.values(rest).flat();
    const counts = await Promise.all([
      ...known,
      ...limited.length === 0 ? [] : [
        this.engine.limits.exclusive(async () => {
          const released = await Promise.all(limited.map((by) => this.#release(by)));
          return released.reduce((sum, count) => sum + count, 0);
        }),
      ],
    ]);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Releases as many parked tasks of a key or a rate as may start. @returns how many */
  async #release(by: string): Promise<number> {
    const { engine } = this;
    const { keys, store, definitions } = engine;
    const { kind, channel, name } = whatBlocks(by);
    const key = kind === "key" ? keys.slots(name) : keys.rate(nameRateName(name));
    const most = Math.min(store.limits.checks - 2, kind === "key" ? MOST_OF_A_LOOK : Infinity);
    const [parked, [entry]] = await Promise.all([
      store.list(keys.blockedBy(by), { limit: most }),
      store.getMany([key]),
    ]);
    const row = decodeEntry<SlotsRow | RateRow>(entry);
    const { running, ready } = await standsOf(engine, row?.tasks ?? []);
    const kept = kind === "key" ? [...running, ...ready] : ready;
    const here = ready.filter((standing) => standing[1] === channel).length;
    const now = engine.clock.now();
    const rate = engine.limits.rateOf(name);
    const state = kind === "rate" ? row as RateRow | null : null;
    const passing = rate ? passable(rate, state, now) : Infinity;

    const released: Entry[] = [];
    for (const waiting of parked) {
      const definition = definitions.get(decode<ParkedPointer>(waiting.value).name);
      const room = kind === "key"
        // Tasks that only other processes know are released one by one: those processes may be gone for good.
        ? (definition ? limitOf(definition) : 1) - running.length
        : definition
        ? passing
        : 0;
      if (here + released.length >= Math.min(room, MOST_IN_A_ROW - kept.length)) break;
      released.push(waiting);
    }
    if (kind === "rate" && rate && parked.length > 0 && passing === 0) {
      this.parked(by, passableAt(rate, state, now));
    }
    if (released.length === 0) {
      if (entry && kind === "key" && parked.length === 0 && kept.length === 0) {
        await engine.committer.commit({ checks: [entry], mutations: [del(key)] });
      }
      return 0;
    }
    const tasks = [
      ...kept,
      ...released.map((each): Standing => [idOf(each.key), channel, priorityIn(each.key)]),
    ];
    const next = kind === "key" ? { tasks } : rateRow(state, rate, now, tasks);
    const limit: Unit = {
      checks: [{ key, versionstamp: entry?.versionstamp ?? null }],
      mutations: [put(key, next)],
    };
    const units = released.map((each) => releaseUnit(keys, each, idOf(each.key), decode(each.value)));
    if (await engine.committer.commit(together(limit, ...units)) === null) {
      // Another process was faster, or one of the tasks was revoked: look again.
      this.#ask(by);
      return 0;
    }
    engine.wake(channel);
    if (released.length === most) this.#ask(by);
    return released.length;
  }

  /** If this process knows a name, releases tasks that processes without it have parked. @returns how many */
  async #releaseKnown(by: string): Promise<number> {
    const { engine } = this;
    const { keys, store, committer } = engine;
    if (!engine.definitions.has(whatBlocks(by).name)) return 0;
    const entries = await store.list(keys.blockedBy(by), { limit: BATCH });
    const landed = await Promise.all(entries.map(async (entry) => {
      const pointer = decode<ParkedPointer>(entry.value);
      // Without a free slot here, a process that does not know the name would take the task and park it again.
      if (!engine.consumer(pointer.channel)?.free) return false;
      if (await committer.commit(releaseUnit(keys, entry, idOf(entry.key), pointer)) === null) return false;
      engine.wake(pointer.channel);
      return true;
    }));
    return landed.filter(Boolean).length;
  }

  #fault(error: unknown): void {
    if (isOver(error)) return;
    this.engine.emit({ type: "fault", message: "Parked tasks could not be released", error });
  }
}

/** The row of a rate, with these tasks in it. A rate that no task has passed yet begins now. */
function rateRow(
  state: RateRow | null,
  rate: Rate | undefined,
  now: number,
  tasks: readonly Standing[],
): RateRow {
  return { rate: state?.rate ?? rate?.text ?? "", arrival: state?.arrival ?? now, tasks };
}
