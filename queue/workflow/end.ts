/**
 * Ends tasks that can no longer run: those behind a task that did not succeed, and those in a group that was closed.
 * Tasks that run at that moment go on.
 *
 * @module
 */
import type { Base, Signals } from "../engine.ts";
import { chainBroken, CHORD_TOO_LARGE, chordBroken, closedWith, type Ending } from "../task/endings.ts";
import { readRecords, recordOf } from "../task/read.ts";
import type { GroupRow, OpenRow, TaskRecord } from "../rows/record.ts";
import { endIfWaiting } from "../request/revoke.ts";
import { decode, decodeEntry } from "../rows/codec.ts";
import { idOf, type Namespace } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import type { Entry, KeyRange } from "../store/port.ts";
import { del, put } from "../rows/unit.ts";
import type { TaskError } from "../ground/task.ts";
import { FEW } from "./followers.ts";

/** Works off `fail`: closes the group that a task fails, and ends the tasks that wait for it. Idempotent. */
export async function failTask(engine: Base & Signals, id: string): Promise<void> {
  const { keys, committer, store } = engine;
  const [entry] = await store.getMany([keys.task(id)]);
  // Retention has deleted the task, so all that waited for it has ended.
  if (!entry) return void await committer.commit({ checks: [], mutations: [del(keys.cascade("fail", id))] });
  const record = recordOf(entry);
  const part = record.workflow;
  if (!part || record.doneAt === undefined) return;
  const [workflow] = await store.getMany([keys.workflow(part.root)]);
  // The task was revoked or has expired while its workflow was being written. The tasks behind it may not be stored
  // yet, so the row stays until the whole workflow is.
  if (!workflow) return;
  const fails = part.group !== undefined && !part.tolerated ? part.group : null;
  // The group is closed before the rest of the chain ends, so that its error is this failure and no consequence of it.
  if (fails !== null) await closeGroup(engine, fails, chordBroken(record));
  if (part.followed) await endWaiting(engine, id, part.group, chainBroken(record));
  const mutations = [del(keys.cascade("fail", id))];
  if (fails !== null) mutations.push(del(keys.open(fails, id)));
  await committer.commit({ checks: [], mutations });
}

/**
 * Closes the group whose list of results would hold those of this group, which are too large for arguments, while
 * members are still to run: their work would be lost. When all have ended, the group fires and its body says so. Only a
 * group whose list all that waits for it would take is closed. Idempotent.
 */
export async function closeTooLarge(engine: Base & Signals, inner: string): Promise<void> {
  const { keys, store } = engine;
  for (let id: string | undefined = inner; id !== undefined;) {
    const [entry]: (Entry | null)[] = await store.getMany([keys.group(id)]);
    const row: GroupRow | null = decodeEntry<GroupRow>(entry);
    if (!row) return;
    if (!row.followed) {
      id = row.group;
      continue;
    }
    if (row.state !== "open" || row.results === "ids") return;
    const [open] = await store.list(keys.openIn(id), { limit: 1 });
    if (!open) return;
    const waiting = await store.list(keys.waitingFor(id), { limit: FEW + 1 });
    const bodies = waiting.length > FEW ? [] : await readRecords(engine, waiting.map(({ key }) => idOf(key)));
    const isTaken = bodies.length > 0 && bodies.every((body) => body?.workflow?.takes === "group");
    if (isTaken) await closeGroup(engine, id, CHORD_TOO_LARGE.error);
    return;
  }
}

/** Closes a group that is still open, so that it never fires. Idempotent. */
async function closeGroup(engine: Base & Signals, id: string, error: TaskError): Promise<void> {
  const { keys, committer, store, clock } = engine;
  for (;;) {
    const [entry] = await store.getMany([keys.group(id)]);
    const group = decodeEntry<GroupRow>(entry);
    if (group?.state !== "open") return;
    const closed: GroupRow = { ...group, state: "closed", error, doneAt: clock.now() };
    const mutations = [
      put(keys.group(id), closed),
      del(keys.cascade("join", id)),
      put(keys.cascade("close", id), {}),
    ];
    if (await committer.commit({ checks: [entry!], mutations }) === null) continue;
    engine.groupEnded(id);
    engine.workOff("close", id);
    return;
  }
}

/**
 * Works off `close`: fails the group around a closed one, ends the tasks that wait for the closed one and its members
 * that do not run. Idempotent.
 *
 * @returns the group around it, if that one tolerates the failure: one of its members has ended
 */
export async function endGroup(engine: Base & Signals, id: string): Promise<string | null> {
  const { keys, committer, store } = engine;
  const [entry] = await store.getMany([keys.group(id)]);
  const row = decodeEntry<GroupRow>(entry);
  if (!row) {
    // Retention has deleted the group, so all of it has ended.
    await committer.commit({ checks: [], mutations: [del(keys.cascade("close", id))] });
    return null;
  }
  const error = row.error!;
  const around = row.group ?? null;
  if (around !== null && !row.tolerated) await closeGroup(engine, around, error);
  if (row.followed) await endWaiting(engine, id, row.group, closedWith(error));
  await eachOf(engine, keys.openIn(id), async (member) => {
    const memberId = idOf(member.key);
    if (decode<OpenRow>(member.value).group) {
      await closeGroup(engine, memberId, error);
      await committer.commit({ checks: [], mutations: [del(member.key)] });
    } else await endIfWaiting(engine, memberId, { state: "REVOKED", error }, { along: true });
  });
  const mutations = [del(keys.cascade("close", id))];
  if (around !== null) mutations.push(del(keys.open(around, id)));
  await committer.commit({ checks: [], mutations });
  return row.tolerated ? around : null;
}

/**
 * Ends all that waits for a task or group that did not succeed.
 *
 * @param scope the innermost group around that task or group
 */
async function endWaiting(
  engine: Base & Signals,
  id: string,
  scope: string | undefined,
  ending: Ending,
): Promise<void> {
  const closed = new Set<string>();
  await eachOf(engine, engine.keys.waitingFor(id), async (entry) => {
    const waiting = idOf(entry.key);
    const [record] = await readRecords(engine, [waiting]);
    if (!record) return;
    const group = await groupBehind(engine, record, scope);
    if (group === null) await endIfWaiting(engine, waiting, ending);
    else if (!closed.has(group)) {
      // A whole group waits: its members end when it is closed.
      closed.add(group);
      await closeGroup(engine, group, ending.error);
    }
  });
}

/** Finds the outermost of the groups around a task that are inside `scope`; `null` when there is none. */
async function groupBehind(
  engine: Namespace,
  record: TaskRecord,
  scope: string | undefined,
): Promise<string | null> {
  let found: string | null = null;
  for (let id = record.workflow!.group; id !== scope && id !== undefined;) {
    found = id;
    const [entry] = await engine.store.getMany([engine.keys.group(id)]);
    id = decodeEntry<GroupRow>(entry)?.group;
  }
  return found;
}

/** Handles the entries of a range, those of a page at once. */
async function eachOf(
  { store }: Pick<Base, "store">,
  range: KeyRange,
  handle: (entry: Entry) => Promise<void>,
): Promise<void> {
  for await (const page of pagesOf(store, range)) await Promise.all(page.map(handle));
}
