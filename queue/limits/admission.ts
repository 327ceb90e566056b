/**
 * Admission: which of the tasks that a claim has met may start now, under the limits they have: the concurrency key,
 * the rate of their name, the rate of their channel. It is decided on rows that the claim's own commit checks and
 * rewrites, so it holds however many processes claim at once.
 *
 * What a key or a name's rate does not let through is parked. Who stands ready behind a parked task of the same limit
 * waits behind it too. What only the channel's rate keeps back stays where it is: everything else of the channel waits
 * as well.
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

/** A task that a claim has met. */
interface Applicant {
  readonly entry: Entry;
  readonly id: string;
  readonly pointer: Pointer;
  readonly definition: AnyTaskDefinition;
}

/** What becomes of a claim's tasks. */
export interface Verdict<A extends Applicant> {
  readonly admitted: readonly A[];
  /** To be parked, by what holds them back. */
  readonly parked: ReadonlyMap<string, readonly A[]>;
  /** To be left where they stand, for want of the channel's rate. */
  readonly left: readonly A[];
  /** The limits' rows, to be committed with the claim. */
  readonly rows: Unit;
  /** When the channel's rate lets the next one through, wall clock. */
  readonly nextAt: number;
  /** When more of what is parked may go, by what holds it back. */
  readonly due: ReadonlyMap<string, number>;
}

/** One limit as a claim sees it. */
interface Gate {
  readonly key: Key;
  /** What `blocked` calls it; `null` for a channel's rate. */
  readonly by: string | null;
  readonly entry: Entry | null;
  /** The first that is parked. */
  readonly front: Entry | null;
  /** The rows' tasks that are to stay in it. */
  tasks: Standing[];
  /** How many more may start. */
  room(definition: AnyTaskDefinition): number;
  started: number;
  /** The row after the claim. */
  row(now: number): SlotsRow | RateRow;
  /** When the next may go, for a rate. */
  dueAt?(now: number): number;
}

/** The limits of a task, as texts that are the same for the same limit. */
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

/** Of {@link limitsOf} the one that `blocked` calls so. */
export function limitOfBlocked(by: string): string {
  const { kind, name } = whatBlocks(by);
  return `${kind}:${name}`;
}

/** What decides about tasks. */
interface Admitting extends Reading {
  readonly limits: Limits;
}

/** Decides about tasks, in the order in which they stand. */
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

/** A task that is parked goes before one that stands ready with less priority or less age. */
function isBehind(entry: Entry, front: Entry | null): boolean {
  return front !== null && standsBefore(front.key, entry.key);
}

/** Reads every limit of the applicants. */
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
    // Only when it looks full is it worth a look who of them runs.
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

/** What the row of a task name's rate is called. */
export function nameRateName(name: string): string {
  return `name:${name}`;
}

/** What the row of a channel's rate is called. */
export function channelRateName(channel: string): string {
  return `channel:${channel}`;
}
