/**
 * Admission: decides which of the tasks that a claim has chosen may start now. A task can have three limits: its
 * concurrency key, the rate of its name, the rate of its channel. The decision rests on rows that the claim's own
 * commit checks and rewrites, so it holds however many processes claim at once.
 *
 * A task that its key or its name's rate holds back is parked. So is a task that stands in `ready` behind a parked task
 * of the same limit: it must not overtake that one. A task that only the channel's rate holds back stays in `ready`,
 * because every other task of the channel has to wait for that rate as well.
 *
 * @module
 */
import type { Reading } from "../task/read.ts";
import type { Limits } from "./limits.ts";
import type { Pointer, RateRow, SlotsRow, Standing } from "../rows/record.ts";
import { decodeEntry } from "../rows/codec.ts";
import { limitedBy, priorityIn, standsBefore, whatBlocks } from "../rows/keys.ts";
import type { Entry, Key } from "../store/port.ts";
import { put, type Unit } from "../rows/unit.ts";
import type { AnyTaskDefinition } from "../task/define.ts";
import { limitOf, standsOf } from "../task/concurrency.ts";
import { passable, passableAt, passed, type Rate } from "../ground/rate.ts";

/** A task that a claim has chosen. */
interface Applicant {
  readonly entry: Entry;
  readonly id: string;
  readonly pointer: Pointer;
  readonly definition: AnyTaskDefinition;
}

/** The decision about the tasks of one claim. */
export interface Verdict<A extends Applicant> {
  readonly admitted: readonly A[];
  /** Tasks to park, by the scope of `blocked` that they go to. */
  readonly parked: ReadonlyMap<string, readonly A[]>;
  /** Tasks that stay in `ready`, because only the channel's rate holds them back. */
  readonly left: readonly A[];
  /** Checks and rewrites the limits' rows; to be committed with the claim. */
  readonly rows: Unit;
  /** Wall-clock time at which the channel's rate lets the next task through. */
  readonly nextAt: number;
  /** Wall-clock time at which a name's rate lets parked tasks go, by their scope of `blocked`. */
  readonly due: ReadonlyMap<string, number>;
}

/** One limit as a claim sees it. */
interface Gate {
  readonly key: Key;
  /** The scope of `blocked` in which its tasks are parked; `null` for a channel's rate, which parks none. */
  readonly by: string | null;
  /** The limit's row in `slots` or `rate`. */
  readonly entry: Entry | null;
  /** The parked task that goes first. */
  readonly front: Entry | null;
  /** Tasks that the row names after the claim. */
  tasks: Standing[];
  /** How many tasks the limit lets this claim start. */
  room(definition: AnyTaskDefinition): number;
  /** Tasks admitted so far. */
  started: number;
  /** The row after the claim. */
  row(now: number): SlotsRow | RateRow;
  /** For a rate: the wall-clock time at which it lets the next task through. */
  dueAt?(now: number): number;
}

/** Names the limits of a task: `key:…`, `rate:…`, `channel`. Tasks that share a limit get the same name for it. */
export function limitsOf(
  pointer: Pointer,
  definition: AnyTaskDefinition,
  channelRate: Rate | null,
): readonly string[] {
  const found: string[] = [];
  if (pointer.key !== undefined) found.push(`key:${pointer.key}`);
  if (definition.rateLimit !== undefined) found.push(`rate:${definition.name}`);
  if (channelRate) found.push("channel");
  return found;
}

/** Names the limit for which tasks stand in a scope of `blocked`, as {@link limitsOf} does. */
export function limitOfBlocked(by: string): string {
  const { kind, name } = whatBlocks(by);
  return `${kind}:${name}`;
}

/** The parts of the engine that an admission takes. */
interface Admitting extends Reading {
  readonly limits: Limits;
}

/** Decides which tasks may start, in the order in which they stand in `ready`. */
export async function admit<A extends Applicant>(
  engine: Admitting,
  channel: string,
  channelRate: Rate | null,
  applicants: readonly A[],
): Promise<Verdict<A>> {
  const now = engine.clock.now();
  const gates = await open(engine, channel, channelRate, applicants, now);
  const admitted: A[] = [];
  const left: A[] = [];
  const parked = new Map<string, A[]>();
  for (const applicant of applicants) {
    const own = limitsOf(applicant.pointer, applicant.definition, channelRate).map((text) =>
      gates.get(text)!
    );
    const closed = own.find((gate) => isBehind(applicant.entry, gate.front)) ??
      own.find((gate) => gate.room(applicant.definition) <= gate.started);
    if (!closed) {
      for (const gate of own) gate.started++;
      admitted.push(applicant);
    } else if (closed.by === null) left.push(applicant);
    else parked.set(closed.by, [...parked.get(closed.by) ?? [], applicant]);
  }
  for (const { id, pointer, definition, entry } of admitted) {
    const standing: Standing = [id, channel, priorityIn(entry.key)];
    for (const text of limitsOf(pointer, definition, channelRate)) {
      const gate = gates.get(text)!;
      gate.tasks = gate.tasks.filter(([task]) => task !== id);
      if (text.startsWith("key:")) gate.tasks.push(standing);
    }
  }
  const used = [...gates.values()].filter((gate) => gate.started > 0);
  const due = [...gates.values()].flatMap((gate): [string, number][] =>
    gate.by !== null && gate.dueAt && (gate.front || parked.has(gate.by)) ? [[gate.by, gate.dueAt(now)]] : []
  );
  return {
    admitted,
    parked,
    left,
    rows: {
      checks: used.map(({ key, entry }) => ({ key, versionstamp: entry?.versionstamp ?? null })),
      mutations: used.map((gate) => put(gate.key, gate.row(now))),
    },
    nextAt: gates.get("channel")?.dueAt?.(now) ?? now,
    due: new Map(due),
  };
}

/** Whether a task has to wait behind a parked one, which has more priority, or as much and more age. */
function isBehind(entry: Entry, front: Entry | null): boolean {
  return front !== null && standsBefore(front.key, entry.key);
}

/** Reads the rows of every limit that the applicants have. */
async function open(
  engine: Admitting,
  channel: string,
  channelRate: Rate | null,
  applicants: readonly Applicant[],
  now: number,
): Promise<Map<string, Gate>> {
  const { keys, store } = engine;
  const wanted = new Map<string, { name: string; count: number; limit: number }>();
  for (const { pointer, definition } of applicants) {
    for (const text of limitsOf(pointer, definition, channelRate)) {
      const { count = 0, limit = Infinity } = wanted.get(text) ?? {};
      const name = text.slice(text.indexOf(":") + 1);
      wanted.set(text, { name, count: count + 1, limit: Math.min(limit, limitOf(definition)) });
    }
  }
  const texts = [...wanted.keys()];
  const keyFor = (text: string): Key => {
    const { name } = wanted.get(text)!;
    return text === "channel"
      ? keys.rate(channelRateName(channel))
      : text.startsWith("key:")
      ? keys.slots(name)
      : keys.rate(nameRateName(name));
  };
  const blockedAt = (text: string): string | null =>
    text === "channel"
      ? null
      : limitedBy(text.startsWith("key:") ? "key" : "rate", channel, wanted.get(text)!.name);
  const [entries, fronts] = await Promise.all([
    store.getMany(texts.map(keyFor)),
    Promise.all(texts.map(async (text) => {
      const by = blockedAt(text);
      return by === null ? null : (await store.list(keys.blockedBy(by), { limit: 1 }))[0] ?? null;
    })),
  ]);
  const gates = await Promise.all(texts.map(async (text, i): Promise<[string, Gate]> => {
    const [entry, front] = [entries[i] ?? null, fronts[i] ?? null];
    const { name, count, limit } = wanted.get(text)!;
    const base = { key: keyFor(text), by: blockedAt(text), entry, front, started: 0 };
    if (!text.startsWith("key:")) {
      const rate = text === "channel" ? channelRate! : engine.limits.rateOf(name)!;
      return [text, rateGate(base, rate, decodeEntry<RateRow>(entry), now)];
    }
    const tasks = decodeEntry<SlotsRow>(entry)?.tasks ?? [];
    // A row may still name tasks whose runs have ended. Which of them run is read only when the row, taken at its word,
    // has no room for all applicants.
    if (tasks.length + count <= limit) return [text, slotsGate(base, tasks, tasks.length)];
    const { running, ready } = await standsOf(engine, tasks);
    return [text, slotsGate(base, [...running, ...ready], running.length)];
  }));
  return new Map(gates);
}

type GateBase = Pick<Gate, "key" | "by" | "entry" | "front" | "started">;

function slotsGate(base: GateBase, tasks: readonly Standing[], running: number): Gate {
  return {
    ...base,
    tasks: [...tasks],
    room: (definition) => limitOf(definition) - running,
    row() {
      return { tasks: this.tasks };
    },
  };
}

function rateGate(base: GateBase, rate: Rate, state: RateRow | null, now: number): Gate {
  const most = passable(rate, state, now);
  return {
    ...base,
    tasks: [...state?.tasks ?? []],
    room: () => most,
    row() {
      return { ...passed(rate, state, this.started, now), tasks: this.tasks };
    },
    dueAt() {
      return passableAt(rate, this.started > 0 ? passed(rate, state, this.started, now) : state, now);
    },
  };
}

/** Name of the `rate` row of a task name. */
export function nameRateName(name: string): string {
  return `name:${name}`;
}

/** Name of the `rate` row of a channel. */
export function channelRateName(channel: string): string {
  return `channel:${channel}`;
}
