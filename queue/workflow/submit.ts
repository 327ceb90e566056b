/**
 * Submission of a workflow. What one commit takes is one commit. A larger one is written in pieces, all of its tasks
 * waiting, under an `undo` row that names the worker which writes it; the last commit turns that row into the release
 * of its first tasks. So nothing of it runs before all of it is stored, and what a lost process leaves is deleted. Each
 * piece checks that row, and who undoes the workflow rewrites it first: a piece that comes late does not land.
 *
 * @module
 */
import type { Engine } from "../engine.ts";
import { RefusedCommitError, TooLargeError } from "../errors.ts";
import { idempotencyUnit } from "../idempotency.ts";
import { holdUnit } from "../places.ts";
import type { GroupRow, TaskRecord, UndoRow, WorkflowRow } from "../record.ts";
import { del, put, together, type Unit } from "../store/unit.ts";
import type { Keys } from "../store/keys.ts";
import { announce, store } from "../submit.ts";
import type { Idempotency } from "../task.ts";
import { compile, type Plan } from "./compile.ts";
import type { WorkflowNode } from "./node.ts";
import { Drawing, getWorkflow, type Workflow } from "./view.ts";

/** Rows that a commit is not asked to take, so that a large workflow is not encoded in vain. */
const MOST_ROWS = 900;

/** Rows that are under way at once: so many are in memory. */
const WINDOW = 2000;

/** See `Queue.submitWorkflow`. */
export async function submitWorkflow(
  engine: Engine,
  node: WorkflowNode,
  idempotency?: Idempotency,
): Promise<{ workflow: Workflow; replayed: boolean }> {
  for (;;) {
    const now = engine.clock.now();
    const keyed = idempotency && { ...idempotency, expiresAt: now + engine.settings.idempotencyTtl * 1000 };
    const plan = compile(engine, node, now, keyed);
    const leave = engine.intake.enter(plan.records);
    try {
      const claim = keyed && await idempotencyUnit(engine, keyed, [{ id: plan.root }]);
      if (claim?.first) {
        return { workflow: await getWorkflow(engine, claim.first.ids[0]!), replayed: true };
      }
      await engine.depths.refuseFull(engine, plan.records.filter((record) => !waits(record)));
      const stored = await storeSmall(engine, plan, claim?.unit, now) ??
        await storeLarge(engine, plan, claim?.unit);
      if (stored) return { workflow: await drawn(engine, plan), replayed: false };
      // Somebody was faster with the same key: look again at what they wrote.
    } finally {
      leave();
    }
  }
}

/** Whether something else releases the task. */
function waits(record: TaskRecord): boolean {
  return record.workflow!.waitsFor !== undefined;
}

/**
 * Stores a workflow in one commit.
 *
 * @returns whether the checks of `also` held; `null` when it is too large
 */
async function storeSmall(
  engine: Engine,
  plan: Plan,
  also: Unit | undefined,
  now: number,
): Promise<boolean | null> {
  if (plan.records.length * 3 + plan.groups.length * 3 > MOST_ROWS) return null;
  const { keys } = engine;
  const followers = plan.records.filter(waits);
  const rest = together(
    ...(also ? [also] : []),
    ...followers.map((record) => holdUnit(keys, record, record.workflow!.waitsFor!)),
    ...plan.groups.map((group) => groupUnit(keys, group)),
    { checks: [], mutations: [put(keys.workflow(plan.root), rowOf(plan))], fresh: true },
  );
  try {
    const starts = plan.records.filter((record) => !waits(record));
    if (await store(engine, starts, rest, now) === null) return false;
  } catch (error) {
    if (error instanceof TooLargeError) return null;
    throw error;
  }
  for (const record of followers) announce(engine, record);
  return true;
}

/**
 * Stores a workflow in pieces.
 *
 * @returns whether the checks of `also` held
 */
async function storeLarge(engine: Engine, plan: Plan, also: Unit | undefined): Promise<boolean> {
  const { keys, submitting } = engine;
  const trigger = engine.nextId();
  const owner = engine.worker();
  const commit = (unit: Unit) => engine.committer.commit({ ...unit, worker: owner, patient: false });
  const undo = keys.cascade("undo", trigger);
  const { root, first, last } = plan;
  submitting.add(trigger);
  let stored = false;
  try {
    const begun = await commit({
      checks: [],
      mutations: [put(undo, { root, owner, first, last } satisfies UndoRow)],
      evidence: undo,
    });
    const checks = [{ key: undo, versionstamp: begun }];
    const commitPart = (part: Unit) => commit({ ...part, checks, fresh: false });
    await inWindows(plan.records, (record) => {
      const waitsFor = record.workflow!.waitsFor ?? trigger;
      return commitPart(holdUnit(keys, { ...record, workflow: { ...record.workflow!, waitsFor } }, waitsFor));
    });
    // After all that is in them: a group whose `open` range is empty fires.
    await inWindows(plan.groups, (group) => commitPart(groupUnit(keys, group)));
    const done: Unit = {
      checks,
      mutations: [
        del(undo),
        put(keys.cascade("release", trigger), {}),
        put(keys.workflow(root), rowOf(plan)),
      ],
      evidence: keys.workflow(root),
    };
    stored = await commit(also ? together(done, also) : done) !== null;
  } catch (error) {
    if (error instanceof RefusedCommitError) {
      throw new TooLargeError(`Workflow is too large: ${error.message}`);
    }
    throw error;
  } finally {
    submitting.delete(trigger);
    if (!stored) await engine.owe("undo", trigger);
  }
  if (!stored) return false;
  for (const record of plan.records) announce(engine, { ...record, workflow: { root, waitsFor: trigger } });
  engine.owe("release", trigger);
  return true;
}

/** Handles items some at once; rejects when all of those under way have come to their end. */
async function inWindows<Item>(
  items: readonly Item[],
  handle: (item: Item) => Promise<unknown>,
): Promise<void> {
  for (let at = 0; at < items.length; at += WINDOW) {
    const ended = await Promise.allSettled(items.slice(at, at + WINDOW).map(handle));
    for (const outcome of ended) if (outcome.status === "rejected") throw outcome.reason;
  }
}

function rowOf({ first, last, total, end }: Plan): WorkflowRow {
  return { first, last, total, end };
}

/** Writes a group, and that it is open in the one around it. */
function groupUnit(keys: Keys, { id, ...row }: GroupRow & { readonly id: string }): Unit {
  const mutations = [put(keys.group(id), row), put(keys.cascade("join", id), {})];
  if (row.group !== undefined) mutations.push(put(keys.open(row.group, id), { group: true }));
  return { checks: [], mutations, evidence: keys.group(id), fresh: true };
}

/** The workflow as it was submitted, without a look at the store. */
async function drawn(engine: Engine, plan: Plan): Promise<Workflow> {
  const drawing = new Drawing(plan.root, plan);
  for (const record of plan.records) drawing.addTask(record, undefined);
  for (const group of plan.groups) drawing.addGroup(group.id, group);
  return (await drawing.workflow(() => Promise.resolve(null), engine.clock.now(), Infinity))!;
}
