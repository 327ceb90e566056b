/**
 * Retention of workflows: a workflow's rows are kept until the retention of its last task is over. So a result outlives
 * the tasks that still have to read it.
 *
 * @module
 */
import type { Base } from "../engine.ts";
import { keptUntil } from "../task/read.ts";
import type { TaskRecord, WorkflowRow } from "../rows/record.ts";
import { decodeEntry } from "../rows/codec.ts";
import { del } from "../rows/unit.ts";
import { groupsOf, recordsOf } from "./rows.ts";

/**
 * Whether a final task's record has to stay because of its workflow. A call for the first task of a workflow that is
 * over deletes its `group` rows and its `workflow` row; from then on each record's own retention decides.
 */
export async function isKept(engine: Base, record: TaskRecord, now: number): Promise<boolean> {
  if (!record.workflow) return false;
  const { root } = record.workflow;
  const { keys, store, committer } = engine;
  const [entry] = await store.getMany([keys.workflow(root)]);
  const row = decodeEntry<WorkflowRow>(entry);
  if (!row) return false;
  if (record.id !== root) return true;
  const span = { ...row, root };
  for await (const { record } of recordsOf(engine, span)) {
    if (record.doneAt === undefined || keptUntil(engine, record) > now) return true;
  }
  const groups: string[] = [];
  for await (const { id, row } of groupsOf(engine, span)) {
    // An `open` row that is left stands for an end that has not been worked off yet.
    const [open] = await store.list(keys.openIn(id), { limit: 1 });
    if (row.state === "open" || open) return true;
    groups.push(id);
  }
  await Promise.all(groups.map((id) => committer.commit({ checks: [], mutations: [del(keys.group(id))] })));
  await committer.commit({ checks: [], mutations: [del(keys.workflow(root))] });
  return false;
}
