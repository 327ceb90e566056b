/**
 * Revoke of a whole workflow, and the undoing of one that was not submitted to its end.
 *
 * @module
 */
import type { Base, Here, Signals } from "../engine.ts";
import type { Resolving } from "./value.ts";
import { WorkflowFinalError } from "../ground/errors.ts";
import { WORKFLOW_REVOKED } from "../task/endings.ts";
import { forget } from "../task/moves.ts";
import type { GroupRow, UndoRow, WorkflowRow } from "../rows/record.ts";
import { revokeAnyhow } from "../request/revoke.ts";
import { decodeEntry } from "../rows/codec.ts";
import { del, put, type Unit } from "../rows/unit.ts";
import { eachRecord, groupsOf } from "./rows.ts";
import { getWorkflow, type Workflow } from "./view.ts";

/** See `Queue.revokeWorkflow`. */
export async function revokeWorkflow(engine: Base & Signals & Resolving, id: string): Promise<Workflow> {
  const { state, finished, total } = await getWorkflow(engine, id);
  if (finished === total) throw new WorkflowFinalError(id, state);
  const revoke: Unit = { checks: [], mutations: [put(engine.keys.cascade("revoke", id), {})] };
  await engine.committer.commit(revoke);
  await engine.owe("revoke", id);
  return await getWorkflow(engine, id);
}

/**
 * Ends all of a workflow that waits, and has all of it aborted that runs. Groups come first, so that none fires over
 * this; a task that is released before it is met is met where it stands then. Idempotent.
 */
export async function revokeAll(
  engine: Base & Signals & Here,
  root: string,
): Promise<void> {
  const { keys, committer } = engine;
  const [entry] = await engine.store.getMany([keys.workflow(root)]);
  const row = decodeEntry<WorkflowRow>(entry);
  if (row) {
    const span = { ...row, root };
    for await (const { id } of groupsOf(engine, span)) await closeForGood(engine, id);
    await eachRecord(engine, span, async ({ id, doneAt, workflow }) => {
      if (doneAt !== undefined || workflow!.isCallback) return;
      await revokeAnyhow(engine, id, WORKFLOW_REVOKED, true);
    });
  }
  await committer.commit({ checks: [], mutations: [del(keys.cascade("revoke", root))] });
}

/** Closes a group that owes nobody anything: all around it ends as well. */
async function closeForGood(
  { keys, committer, store, clock, groupEnded }: Base & Signals,
  id: string,
): Promise<void> {
  for (;;) {
    const [entry] = await store.getMany([keys.group(id)]);
    const group = decodeEntry<GroupRow>(entry);
    if (group?.state !== "open") return;
    const closed: GroupRow = {
      ...group,
      state: "closed",
      error: WORKFLOW_REVOKED.error,
      doneAt: clock.now(),
    };
    const mutations = [put(keys.group(id), closed), del(keys.cascade("join", id))];
    if (group.group !== undefined) mutations.push(del(keys.open(group.group, id)));
    if (await committer.commit({ checks: [entry!], mutations }) !== null) return groupEnded(id);
  }
}

/** Deletes what was written of a workflow whose submission nobody will finish. Idempotent. */
export async function undo(engine: Base, trigger: string): Promise<void> {
  const { keys, committer, store } = engine;
  const [entry] = await store.getMany([keys.cascade("undo", trigger)]);
  const row = decodeEntry<UndoRow>(entry);
  if (!row) return;
  // What is still on its way of the submission checks this row: none of it lands from now on.
  const ours = await committer.commit({
    checks: [entry!],
    mutations: [put(keys.cascade("undo", trigger), row)],
  });
  // The submission has come to its end, or others undo it; what they leave is met again.
  if (ours === null) return;
  for (let clean = false; !clean;) {
    clean = true;
    await eachRecord(engine, row, async (record, entry) => {
      const { group, waitsFor } = record.workflow!;
      const mutations = forget(keys, record);
      mutations.push(del(keys.cascade("fail", record.id)));
      if (waitsFor !== undefined) mutations.push(del(keys.waiting(waitsFor, record.id)));
      if (group !== undefined) mutations.push(del(keys.open(group, record.id)));
      // Not landed: it was revoked or expired at this moment.
      if (await committer.commit({ checks: [entry], mutations }) === null) clean = false;
    });
  }
  for await (const { id, row: { group } } of groupsOf(engine, row)) {
    const mutations = [del(keys.group(id)), del(keys.cascade("join", id))];
    if (group !== undefined) mutations.push(del(keys.open(group, id)));
    await committer.commit({ checks: [], mutations });
  }
  await committer.commit({ checks: [], mutations: [del(keys.cascade("undo", trigger))] });
}
