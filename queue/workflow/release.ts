/**
 * Letting go on what waited: the next of a chain, the members of a group, a group's body, a large workflow's first
 * tasks.
 *
 * @module
 */
import type { Engine } from "../engine.ts";
import { releaseTimedUnit, releaseUnit } from "../places.ts";
import { readRecords } from "../read.ts";
import type { GroupRow, WaitingPointer } from "../record.ts";
import { decode } from "../store/codec.ts";
import { idOf } from "../store/keys.ts";
import type { Entry } from "../store/port.ts";
import { del, put, together, type Unit } from "../store/unit.ts";

/** Tasks that are released in the commit that decides it. */
const FEW = 5;

/** Releases all that waits for a task, group or submission, and deletes its `cascade` row. Idempotent. */
export async function release(engine: Engine, id: string): Promise<void> {
  const { store, keys, committer } = engine;
  const done: Unit = { checks: [], mutations: [del(keys.cascade("release", id))] };
  for (;;) {
    const entries = await store.list(keys.waitingFor(id), { limit: store.limits.listBatch });
    const moves = await Promise.all(entries.map((entry) => moveOf(engine, entry)));
    if (moves.length <= FEW) {
      const landed = await committer.commit(together(done, ...moves.map(({ unit }) => unit)));
      // Not landed: one of them was revoked or expired at this moment.
      if (landed === null) continue;
      for (const { told } of moves) told();
      return;
    }
    await Promise.all(moves.map(async ({ unit, told }) => {
      if (await committer.commit(unit) !== null) told();
    }));
  }
}

/**
 * Looks whether all of a group has ended, and if so fires it: its body, if there is one, is released. Who ends a
 * member looks afterwards, so the last one sees that; the check of the group's row lets one of several fire it.
 *
 * @returns the group around it, if this group was a member that has ended by this
 */
export async function join(engine: Engine, id: string): Promise<string | null> {
  const { store, keys, committer } = engine;
  for (;;) {
    const [open] = await store.list(keys.openIn(id), { limit: 1 });
    if (open) return null;
    const [entry] = await store.getMany([keys.group(id)]);
    const group = entry && decode<GroupRow>(entry.value);
    if (group?.state !== "open") return null;
    const waiting = group.followed ? await store.list(keys.waitingFor(id), { limit: FEW + 1 }) : [];
    const few = waiting.length <= FEW;
    const moves = await Promise.all(few ? waiting.map((waits) => moveOf(engine, waits)) : []);
    const fired: GroupRow = { ...group, state: "fired", doneAt: engine.clock.now() };
    const mutations = [put(keys.group(id), fired), del(keys.cascade("join", id))];
    if (!few) mutations.push(put(keys.cascade("release", id), {}));
    if (group.group !== undefined) mutations.push(del(keys.open(group.group, id)));
    const unit = together({ checks: [entry!], mutations }, ...moves.map(({ unit }) => unit));
    // Not landed: another process fired it, or what waited for it was revoked.
    if (await committer.commit(unit) === null) continue;
    for (const { told } of moves) told();
    engine.groupEnded(id);
    if (!few) await release(engine, id);
    return group.group ?? null;
  }
}

/** waiting → ready or delayed, and who is to be told then. */
async function moveOf(engine: Engine, entry: Entry): Promise<{ unit: Unit; told: () => void }> {
  const { keys, clock } = engine;
  const id = idOf(entry.key);
  const pointer = decode<WaitingPointer>(entry.value);
  const [record] = pointer.timed ? await readRecords(engine, [id]) : [];
  if (!record) {
    return { unit: releaseUnit(keys, entry, id, pointer), told: () => engine.wake(pointer.channel) };
  }
  const now = clock.now();
  const unit = releaseTimedUnit(keys, entry, record, now);
  const delay = record.workflow?.delay;
  const runAt = delay === undefined ? record.runAt : now + delay;
  return { unit, told: () => runAt > now ? engine.dueAt(runAt) : engine.wake(pointer.channel) };
}
