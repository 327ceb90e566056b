/**
 * The revoke of a whole workflow, and the undo of one whose submission did not come to its end.
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
import { audit } from "../rows/audit.ts";
import { del, put, type Unit } from "../rows/unit.ts";
import { eachRecord, groupsOf } from "./rows.ts";
import { getWorkflow, type Workflow } from "./view.ts";

/** See `Queue.revokeWorkflow`. */
export async function revokeWorkflow(engine: Base & Signals & Resolving, id: string): Promise<Workflow> {
  const { state, finished, total } = await getWorkflow(engine, id);
  if (finished === total) throw new WorkflowFinalError(id, state);
  const deed = audit(engine, { action: "workflow.revoke", target: id, count: total - finished });
  const revoke: Unit = { checks: [], mutations: [put(engine.keys.cascade("revoke", id), {}), deed] };
  await engine.committer.commit(revoke);
  await engine.workOff("revoke", id);
  return await getWorkflow(engine, id);
}

/**
 * Works off `revoke`: ends the tasks of a workflow that wait, and aborts those that run. Groups are closed first, so
 * that none fires meanwhile. A task that is released meanwhile is ended in its new place. Idempotent.
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
      await revokeAnyhow(engine, id, WORKFLOW_REVOKED, { along: true });
    });
  }
  await committer.commit({ checks: [], mutations: [del(keys.cascade("revoke", root))] });
}

/** Closes a group without a `close` row, as the whole workflow ends with it. */
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

/** Works off `undo`: deletes what is stored of a workflow whose submission no process will finish. Idempotent. */
export async function undo(engine: Base, trigger: string): Promise<void> {
  const { keys, committer, store } = engine;
  const [entry] = await store.getMany([keys.cascade("undo", trigger)]);
  const row = decodeEntry<UndoRow>(entry);
  if (!row) return;
  // Commits of the submission that are still on their way check this row: rewriting it keeps them from landing.
  const ours = await committer.commit({
    checks: [entry!],
    mutations: [put(keys.cascade("undo", trigger), row)],
  });
  // The submission has come to its end, or another process undoes it; a row that is left is found again.
  if (ours === null) return;
  for (let clean = false; !clean;) {
    clean = true;
    await eachRecord(engine, row, async (record, entry) => {
      const { group, waitsFor } = record.workflow!;
      const mutations = forget(keys, record);
      mutations.push(del(keys.cascade("fail", record.id)));
      if (waitsFor !== undefined) mutations.push(del(keys.waiting(waitsFor, record.id)));
      if (group !== undefined) mutations.push(del(keys.open(group, record.id)));
      // When this does not land, the task was revoked or has expired since the read: read all again.
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
