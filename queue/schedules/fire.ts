/**
 * Firing: takes the next step of a due schedule. One commit advances the schedule, writes its history and submits the
 * task. That commit checks the schedule's row, so of any number of processes that try, one wins (invariant 7).
 *
 * @module
 */
import { FencedError, InvalidTaskError, TooLargeError } from "../ground/errors.ts";
import { idempotencyUnit, keyedAt, replay } from "../request/idempotency.ts";
import { readRecords } from "../task/read.ts";
import { idOf, type Namespace } from "../rows/keys.ts";
import { audit } from "../rows/audit.ts";
import { together } from "../rows/unit.ts";
import { type Placing, submitScheduled } from "../request/submit.ts";
import type { Idempotency, Task } from "../ground/task.ts";
import { gridOf } from "./grid.ts";
import {
  changeUnit,
  MOST_INSTANCES,
  type OccurrenceRow,
  readSchedule,
  type ScheduleRow,
  type StoredSchedule,
  withDue,
} from "./row.ts";
import { type Step, stepOf } from "./step.ts";

/** Milliseconds after which a schedule with `catchUp: "all"` checks again whether one of its instances has ended. */
const WAIT = 500;

/** Most characters that the history keeps of the reason why a task was refused. */
const LONGEST_DETAIL = 1000;

/** Takes the step of a schedule that is due at `now`, unless another process takes it first. */
export async function fire(engine: Placing, schedule: StoredSchedule, now: number): Promise<void> {
  try {
    await takeStep(engine, schedule, now);
  } catch (error) {
    // The commit was dropped because this registration was judged lost. The schedule is still due.
    if (!(error instanceof FencedError)) throw error;
  }
}

async function takeStep(engine: Placing, schedule: StoredSchedule, now: number): Promise<void> {
  const { row, entry } = schedule;
  const id = idOf(entry.key);
  const step = stepOf(gridOf(row), row, now);
  const to = moved(row, step);
  const missed = step.missed ? [occurrence("missed", now, step.missed.first, step.missed.last)] : [];
  const unit = (to: ScheduleRow, history: readonly OccurrenceRow[]) =>
    changeUnit(engine.keys, id, schedule, to, history);
  const commit = (...change: Parameters<typeof unit>) => engine.committer.commit(unit(...change));
  const planned = step.fire;
  if (planned === null) return void await commit(to, missed);

  const running = await unfinished(engine, row);
  if (running.length >= row.maxInstances) {
    if (row.catchUp === "all") return void await commit({ ...row, dueAt: now + WAIT }, []);
    return void await commit({ ...to, running }, [...missed, occurrence("skipped", now, planned)]);
  }
  const jitter = Math.floor(engine.random() * row.jitter * 1000);
  const { expires } = row.task;
  const request = {
    ...row.task,
    ...(jitter > 0 && { runAt: now + jitter }),
    // Jitter moves the moment of expiry along, so that no occurrence expires before it may run.
    ...(jitter > 0 && expires !== undefined && { expires: expires + jitter / 1000 }),
  };
  try {
    await submitScheduled(engine, request, id, (taskId, isNew) => {
      const history = [...missed, taken(isNew, occurrence("submitted", now, planned), now, taskId)];
      return unit(
        isNew ? { ...to, lastRunAt: now, running: [...running, taskId] } : { ...to, running },
        history,
      );
    });
  } catch (error) {
    if (!(error instanceof InvalidTaskError || error instanceof TooLargeError)) throw error;
    engine.emit({ type: "fault", message: `Schedule '${id}' could not submit its task`, error });
    const refused = {
      ...occurrence("refused", now, planned),
      detail: error.message.slice(0, LONGEST_DETAIL),
    };
    await commit(to, [...missed, refused]);
  }
}

/**
 * Submits a schedule's task because a request asks for it, whether the schedule is due or not.
 *
 * @returns the task, and whether it is that of an earlier request with the same idempotency key
 * @throws {ScheduleNotFoundError} / {IdempotencyConflictError} / {InvalidTaskError}
 */
export async function runNow(
  engine: Placing,
  id: string,
  idempotency?: Idempotency,
): Promise<{ task: Task; replayed: boolean }> {
  for (;;) {
    const schedule = await readSchedule(engine, id);
    const { row } = schedule;
    const now = engine.clock.now();
    const keyed = keyedAt(engine, idempotency, now);
    const first = keyed && (await idempotencyUnit(engine, keyed, [])).first;
    if (first) return { task: (await replay(engine, first))[0]!, replayed: true };
    const advance = async (taskId: string, isNew: boolean) => {
      const running = [...row.running, taskId].slice(-MOST_INSTANCES);
      const history = [taken(isNew, occurrence("manual", now, now), now, taskId)];
      const deed = audit(engine, { action: "schedule.run", target: id, after: { task_id: taskId } });
      const change = together(
        changeUnit(engine.keys, id, schedule, isNew ? { ...row, lastRunAt: now, running } : row, history),
        { checks: [], mutations: [deed] },
      );
      if (!keyed || !isNew) return change;
      // A request that has taken the key meanwhile has changed this schedule's row too, so the commit fails.
      return together(change, (await idempotencyUnit(engine, keyed, [{ id: taskId }])).unit);
    };
    const task = await submitScheduled(engine, row.task, id, advance, keyed);
    if (task !== null) return { task, replayed: false };
    // The schedule has changed, or another request has taken the same key: read again.
  }
}

function moved(row: ScheduleRow, { next, backfillTo }: Step): ScheduleRow {
  const { backfillTo: _former, ...rest } = row;
  return withDue({ ...rest, nextRunAt: next, ...(backfillTo !== undefined && { backfillTo }) });
}

function occurrence(
  outcome: OccurrenceRow["outcome"],
  now: number,
  plannedAt: number,
  last = plannedAt,
): OccurrenceRow {
  return {
    plannedAt,
    missedUntil: outcome === "missed" ? last : null,
    startedAt: null,
    taskId: null,
    lateBy: Math.max(0, now - plannedAt) / 1000,
    outcome,
    detail: null,
  };
}

/** An occurrence with its task: a new one, or the earlier task that holds the key of its definition. */
function taken(isNew: boolean, row: OccurrenceRow, now: number, taskId: string): OccurrenceRow {
  if (isNew) return { ...row, startedAt: now, taskId };
  return { ...row, outcome: "duplicate", taskId, ...(row.outcome === "manual" && { byHand: true }) };
}

/** Returns a schedule's tasks that have not ended. Nothing is read while there are fewer than `maxInstances`. */
async function unfinished(
  engine: Namespace,
  { running, maxInstances }: ScheduleRow,
): Promise<readonly string[]> {
  if (running.length < maxInstances) return running;
  const records = await readRecords(engine, running);
  return running.filter((_, i) => records[i] && records[i].doneAt === undefined);
}
