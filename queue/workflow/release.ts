/**
 * Letting go on what waited: the next of a chain, the members of a group, a group's body, a large workflow's first
 * tasks.
 *
 * @module
 */
import type { Base, Signals } from "../engine.ts";
import { releaseTimedUnit, releaseToRunUnit, releaseUnit } from "../task/moves.ts";
import { readRecords } from "../task/read.ts";
import type { GroupRow, TaskRecord, WaitingPointer } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import { idOf } from "../rows/keys.ts";
import type { Entry } from "../store/port.ts";
import { del, put, together, type Unit } from "../rows/unit.ts";
import { type Placing, slotFor } from "../request/submit.ts";
import { FEW, type Follower, type Followers } from "./followers.ts";

/** What lets tasks go on that wait: into a free slot of this process where there is one. */
export interface Releasing extends Placing {
  readonly followers: Followers;
}

/** Releases all that waits for a task, group or submission, and deletes its `cascade` row. Idempotent. */
export async function release(engine: Base & Signals, id: string): Promise<void> {
  const { store, keys } = engine;
  const done: Unit = { checks: [], mutations: [del(keys.cascade("release", id))] };
  for (;;) {
    const entries = await store.list(keys.waitingFor(id), { limit: store.limits.listBatch });
    const moves = await Promise.all(entries.map((entry) => moveOf(engine, entry)));
    if (moves.length <= FEW) {
      // Not landed: one of them was revoked or expired at this moment.
      if (await commitMoves(engine, done, moves)) return;
      continue;
    }
    await Promise.all(moves.map((move) => commitMoves(engine, NOTHING, [move])));
  }
}

/**
 * Looks whether all of a group has ended, and if so fires it: its body, if there is one, is released. Who ends a
 * member looks afterwards, so the last one sees that; the check of the group's row lets one of several fire it.
 *
 * @returns the group around it, if this group was a member that has ended by this
 */
export async function join(engine: Releasing, id: string): Promise<string | null> {
  const { store, keys } = engine;
  for (;;) {
    const [open] = await store.list(keys.openIn(id), { limit: 1 });
    if (open) return null;
    const [entry] = await store.getMany([keys.group(id)]);
    const group = entry && decode<GroupRow>(entry.value);
    if (group?.state !== "open") return null;
    let moves = group.followed ? startsOf(engine, id) : [];
    let few = true;
    if (!moves) {
      const waiting = await store.list(keys.waitingFor(id), { limit: FEW + 1 });
      few = waiting.length <= FEW;
      moves = await Promise.all(few ? waiting.map((waits) => moveOf(engine, waits)) : []);
    }
    const fired: GroupRow = { ...group, state: "fired", doneAt: engine.clock.now() };
    const mutations = [put(keys.group(id), fired), del(keys.cascade("join", id))];
    if (!few) mutations.push(put(keys.cascade("release", id), {}));
    if (group.group !== undefined) mutations.push(del(keys.open(group.group, id)));
    // Not landed: another process fired it, or what waited for it was revoked.
    if (!await commitMoves(engine, { checks: [entry!], mutations }, moves)) continue;
    engine.groupEnded(id);
    if (!few) await release(engine, id);
    return group.group ?? null;
  }
}

/**
 * Ends a task that has succeeded and lets those go on that wait for it, in one commit, so that nothing is owed.
 *
 * @param end the unit of its end, which owes them nothing
 * @param settled called when it has landed, before one of them begins
 * @returns whether it landed; not where those who wait are not known here, one of them has moved, or a check of the end
 *   itself did not hold
 */
export async function endAndRelease(
  engine: Releasing,
  id: string,
  end: Unit,
  settled: () => void,
): Promise<boolean> {
  const moves = startsOf(engine, id);
  return moves !== null && await commitMoves(engine, end, moves, settled);
}

/** How a task is let go on. */
interface Move {
  readonly unit: Unit;
  /** It was, by the commit of this versionstamp: who is to be told. */
  told(versionstamp: string): void;
  /** It was not. */
  withdrawn?(): void;
}

const NOTHING: Unit = { checks: [], mutations: [] };

/**
 * Lets tasks go on, together with what `unit` does.
 *
 * @param landed called before one of them begins
 * @returns whether that landed
 */
async function commitMoves(
  engine: Base,
  unit: Unit,
  moves: readonly Move[],
  landed: () => void = () => {},
): Promise<boolean> {
  let versionstamp: string | null = null;
  try {
    versionstamp = await engine.committer.commit(together(unit, ...moves.map(({ unit }) => unit)));
    if (versionstamp !== null) landed();
  } finally {
    for (const move of moves) {
      if (versionstamp === null) move.withdrawn?.();
      else move.told(versionstamp);
    }
  }
  return versionstamp !== null;
}

/** waiting → ready or delayed. */
async function moveOf(engine: Base & Signals, entry: Entry): Promise<Move> {
  const id = idOf(entry.key);
  const pointer = decode<WaitingPointer>(entry.value);
  const [record] = pointer.timed ? await readRecords(engine, [id]) : [];
  if (record) return timedMove(engine, entry, record);
  return {
    unit: releaseUnit(engine.keys, entry, id, pointer),
    told: () => engine.wake(pointer.channel),
  };
}

function timedMove(engine: Base & Signals, entry: Entry, record: TaskRecord): Move {
  const now = engine.clock.now();
  const unit = releaseTimedUnit(engine.keys, entry, record, now);
  const delay = record.workflow?.delay;
  const runAt = delay === undefined ? record.runAt : now + delay;
  return { unit, told: () => runAt > now ? engine.dueAt(runAt) : engine.wake(record.channel) };
}

/** waiting → run or ready, of a few tasks that this process has written; `null` when it does not know who waits. */
function startsOf(engine: Releasing, waitsFor: string): Move[] | null {
  const followers = engine.followers.take(engine.keys, waitsFor);
  return followers && followers.map((follower) => startOf(engine, follower));
}

function startOf(engine: Placing, { entry, record }: Follower): Move {
  const pointer = decode<WaitingPointer>(entry.value);
  if (pointer.timed) return timedMove(engine, entry, record);
  const run = slotFor(engine, record, engine.clock.now());
  if (run) {
    const consumer = engine.consumer(record.channel)!;
    return {
      unit: releaseToRunUnit(engine.keys, entry, run),
      told: () => consumer.beginReserved(run, record),
      withdrawn: () => consumer.withdraw(),
    };
  }
  return {
    unit: releaseUnit(engine.keys, entry, record.id, pointer),
    told: (versionstamp) => {
      if (engine.slots.has(record.channel)) engine.records.put(record, versionstamp);
      engine.wake(record.channel);
    },
  };
}
