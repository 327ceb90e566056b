/**
 * Releases: moves tasks that wait in a workflow to ready, delayed or a slot of this process. Released are the next task
 * of a chain, the members of a group, a group's body, and the first tasks of a large workflow.
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

/** The ports and caches of a release, which moves a task into a free slot of this process where there is one. */
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
      // When this does not land, one of the tasks was revoked or has expired since the read: read again.
      if (await commitMoves(engine, done, moves)) return;
      continue;
    }
    await Promise.all(moves.map((move) => commitMoves(engine, NOTHING, [move])));
  }
}

/**
 * Works off `join`: fires a group once all of its members have ended, and releases its body, if there is one. Each end
 * of a member is followed by a call, so the call after the last end finds no open member. The check of the group's row
 * lets only one of several processes fire it.
 *
 * @returns the group around it, if this group is a member of one and has ended in this call
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
    // When this does not land, another process has fired the group, or a waiting task was revoked: read again.
    if (!await commitMoves(engine, { checks: [entry!], mutations }, moves)) continue;
    engine.groupEnded(id);
    if (!few) await release(engine, id);
    return group.group ?? null;
  }
}

/**
 * Ends a task that has succeeded and releases its followers in one commit, which needs no `release` row then.
 *
 * @param end the unit of the task's end, without that row
 * @param settled called when the commit has landed, before a follower begins
 * @returns whether the commit landed. It did not when the followers are not known here, one of them has moved, or a
 *   check of the end itself did not hold
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

/** The release of one task. */
interface Move {
  readonly unit: Unit;
  /** Called when the move has landed, with the versionstamp of its commit: tells the consumer or the promoter. */
  told(versionstamp: string): void;
  /** Called when the move has not landed: gives the reserved slot back. */
  withdrawn?(): void;
}

const NOTHING: Unit = { checks: [], mutations: [] };

/**
 * Commits releases together with `unit`.
 *
 * @param landed called when the commit has landed, before a released task begins
 * @returns whether the commit landed
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

/** waiting → run, ready or delayed, for the followers that this process knows; `null` when it knows none. */
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
