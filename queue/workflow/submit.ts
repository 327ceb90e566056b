/**
 * The submission of a workflow. A workflow that fits into one commit is stored in one. A larger one is written in
 * pieces under an `undo` row that names the worker which writes it. The last commit deletes that row, brings as many of
 * the first tasks to their places as it takes, and leaves a `release` row for the others. So no task runs before the
 * whole workflow is stored, and what a lost process leaves behind is deleted. Each piece checks the `undo` row, and a
 * process that undoes the workflow rewrites that row first, so a piece that comes late does not land.
 *
 * When all first tasks waited for a release, a chord of 1,000 took 37 commits, 10,054 mutations and 2,046 checks, and
 * its claims read the records. Placed by the last commit, it takes 24, 7,849 and 936 (docs/performance.md).
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Base } from "../engine.ts";
import type { Resolving } from "./value.ts";
import type { Releasing } from "./release.ts";
import { RefusedCommitError, TooLargeError } from "../ground/errors.ts";
import { idempotencyUnit, keyedAt } from "../request/idempotency.ts";
import { begin, holdUnit, writeUnit } from "../task/moves.ts";
import type { GroupRow, RunRow, TaskRecord, UndoRow, WorkflowRow } from "../rows/record.ts";
import type { Mutation, StoreLimits } from "../store/port.ts";
import { del, put, together, type Unit } from "../rows/unit.ts";
import type { Keys } from "../rows/keys.ts";
import { accepted, announce, type Placing, slotFor, store, type Submitting } from "../request/submit.ts";
import type { Idempotency } from "../ground/task.ts";
import { compile, type Plan } from "./compile.ts";
import type { WorkflowNode } from "../task/node.ts";
import { CommitRoom, joined } from "./pieces.ts";
import { Drawing, getWorkflow, type Workflow } from "./view.ts";

/** Rows above which one commit is not tried, so that a large workflow is not encoded in vain. */
const MOST_ROWS = 900;

/** The ports and caches of a workflow's submission. */
interface WorkflowSubmitting extends Submitting, Releasing, Resolving {
  /** Triggers of large workflows that this process is writing: the ids of their `undo` rows. */
  readonly submitting: Set<string>;
}

/** See `Queue.submitWorkflow`. */
export async function submitWorkflow(
  engine: WorkflowSubmitting,
  node: WorkflowNode,
  idempotency?: Idempotency,
): Promise<{ workflow: Workflow; replayed: boolean }> {
  for (;;) {
    const now = engine.clock.now();
    const keyed = keyedAt(engine, idempotency, now);
    const plan = compile(engine, node, now, keyed);
    const leave = engine.intake.enter(plan.records);
    try {
      const claim = keyed && await idempotencyUnit(engine, keyed, [{ id: plan.root }]);
      if (claim?.first) {
        return { workflow: await getWorkflow(engine, claim.first.ids[0]!), replayed: true };
      }
      await engine.depths.refuseFull(engine, plan.records.filter((record) => !waits(record)));
      const stored = await storeSmall(engine, plan, claim?.unit, now) ??
        await storeLarge(engine, plan, claim?.unit, now);
      if (stored) return { workflow: await drawn(engine, plan), replayed: false };
      // Another request has taken the same key meanwhile: look up its workflow.
    } finally {
      leave();
    }
  }
}

/** Whether the task waits for another task or a group. */
function waits(record: TaskRecord): boolean {
  return record.workflow!.waitsFor !== undefined;
}

/**
 * Stores a workflow in one commit.
 *
 * @returns whether the checks of `also` held; `null` when the workflow is too large for one commit
 */
async function storeSmall(
  engine: WorkflowSubmitting,
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
    const known = (versionstamp: string) => {
      if (engine.slots.size > 0) engine.followers.put(followers, versionstamp);
    };
    if (await store(engine, starts, rest, now, known) === null) return false;
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
async function storeLarge(
  engine: WorkflowSubmitting,
  plan: Plan,
  also: Unit | undefined,
  now: number,
): Promise<boolean> {
  const { keys, submitting, store: { limits } } = engine;
  const trigger = engine.nextId();
  const owner = engine.worker();
  const commit = (unit: Unit, patient = false) =>
    engine.committer.commit({ ...unit, worker: owner, patient });
  const undo = keys.cascade("undo", trigger);
  const { root, first, last } = plan;
  const release = put(keys.cascade("release", trigger), {});
  const rows = [del(undo), put(keys.workflow(root), rowOf(plan)), ...also?.mutations ?? []];
  const { starts, rest } = startsOf(engine, plan, [...rows, release], now);
  submitting.add(trigger);
  let versionstamp: string | null = null;
  const placed: { record: TaskRecord; run: RunRow | null }[] = [];
  try {
    const begun = await commit({
      checks: [],
      mutations: [put(undo, { root, owner, first, last } satisfies UndoRow)],
      evidence: undo,
    });
    const checks = [{ key: undo, versionstamp: begun }];
    const commitPiece = (piece: Unit) => commit({ ...piece, checks });
    const tasks = plan.records.values().map((record) =>
      starts.has(record) ? writeUnit(keys, record) : held(keys, record, trigger)
    );
    await inPieces(tasks, limits, commitPiece);
    // Groups are written after all their members, because a group whose `open` range is empty fires.
    await inPieces(plan.groups.values().map((group) => groupUnit(keys, group)), limits, commitPiece);
    const mutations = rest ? [...rows, release] : rows;
    for (const [record, waiting] of starts) {
      const run = slotFor(engine, record, now);
      placed.push({ record, run });
      mutations.push(...run ? [put(keys.run(record.id), run)] : waiting);
    }
    const unit = { checks: [...checks, ...also?.checks ?? []], mutations, evidence: keys.workflow(root) };
    // Tasks that this commit hands to slots of this process run if it lands, so its outcome is waited for.
    versionstamp = await commit(unit, placed.some(({ run }) => run));
  } catch (error) {
    if (!(error instanceof RefusedCommitError)) throw error;
    throw new TooLargeError(`Workflow is too large: ${error.message}`);
  } finally {
    submitting.delete(trigger);
    for (const { record, run } of placed) {
      if (versionstamp !== null) accepted(engine, record, versionstamp, now, run);
      else if (run) engine.consumer(record.channel)!.withdraw();
    }
    if (versionstamp === null) await engine.workOff("undo", trigger);
  }
  if (versionstamp === null) return false;
  for (const record of plan.records) {
    if (!starts.has(record)) announce(engine, { ...record, workflow: { root, waitsFor: trigger } });
  }
  if (rest) engine.workOff("release", trigger);
  return true;
}

/** Stores a task that waits for the task or group before it, or else for the submission's trigger. */
function held(keys: Keys, record: TaskRecord, trigger: string): Unit {
  const waitsFor = record.workflow!.waitsFor ?? trigger;
  return holdUnit(keys, { ...record, workflow: { ...record.workflow!, waitsFor } }, waitsFor);
}

/**
 * Chooses the tasks that begin with the last commit, each with the mutations that bring it to its place: the most
 * urgent of those that wait for nothing, as many as the commit takes. The others wait for the submission's trigger,
 * which costs two more mutations and one more check a task.
 *
 * @param beside the other mutations of that commit
 * @returns `rest`: whether some of them have to wait for the trigger
 */
function startsOf(
  { keys, store: { limits } }: Placing,
  { records }: Plan,
  beside: readonly Mutation[],
  now: number,
): { starts: ReadonlyMap<TaskRecord, readonly Mutation[]>; rest: boolean } {
  // Half of the bytes stay free: a task that gets a slot writes a `run` row, whose value is longer than a pointer's.
  const room = new CommitRoom({ ...limits, bytes: limits.bytes / 2 });
  room.take(beside);
  const starts = new Map<TaskRecord, readonly Mutation[]>();
  const waiting = records.filter((record) => !waits(record)).toSorted((a, b) => b.priority - a.priority);
  for (const record of waiting) {
    const mutations = begin(keys, record, now);
    if (!room.take(mutations)) return { starts, rest: true };
    starts.set(record, mutations);
  }
  return { starts, rest: false };
}

/**
 * Commits units in pieces as large as a commit takes, several pieces at once.
 *
 * @throws the first failure, when all pieces under way have come to their end
 */
async function inPieces(
  units: Iterable<Unit>,
  limits: StoreLimits,
  commit: (piece: Unit) => Promise<unknown>,
): Promise<void> {
  const failures: unknown[] = [];
  const under: Promise<void>[] = [];
  for (const piece of joined(units, limits)) {
    under.push(commit(piece).then(() => {}, (error) => void failures.push(error)));
    // The store writes this piece while the next one is encoded.
    await (under.length < limits.lanes
      ? new Promise<void>((resolve) => setImmediate(resolve))
      : under.shift());
    if (failures.length > 0) break;
  }
  await Promise.all(under);
  if (failures.length > 0) throw failures[0];
}

function rowOf({ first, last, total, end }: Plan): WorkflowRow {
  return { first, last, total, end };
}

/** Writes a group, its `join` row, and its `open` row in the group around it. */
function groupUnit(keys: Keys, { id, ...row }: GroupRow & { readonly id: string }): Unit {
  const mutations = [put(keys.group(id), row), put(keys.cascade("join", id), {})];
  if (row.group !== undefined) mutations.push(put(keys.open(row.group, id), { group: true }));
  return { checks: [], mutations, evidence: keys.group(id), fresh: true };
}

/** Draws the workflow as it was submitted, without a read. */
async function drawn(engine: Base, plan: Plan): Promise<Workflow> {
  const drawing = new Drawing(plan.root, plan);
  for (const record of plan.records) drawing.addTask(record, undefined);
  for (const group of plan.groups) drawing.addGroup(group.id, group);
  return (await drawing.workflow(() => Promise.resolve(null), engine.clock.now(), Infinity))!;
}
