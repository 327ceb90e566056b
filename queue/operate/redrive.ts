/**
 * Redrive: submits a task that ended in FAILURE or REVOKED anew, as a new task whose record names the former. Final is
 * final: the former task keeps its record. Its `ended` row is checked and marked by the commit that stores the new
 * task, so each task is redriven at most once, however many callers ask and however often.
 *
 * @module
 */
import { definitionKeys } from "../request/definition_keys.ts";
import type { Namespace } from "../rows/keys.ts";
import {
  ArgumentsError,
  DuplicateTaskError,
  RedriveError,
  SluiceError,
  TaskNotFoundError,
} from "../ground/errors.ts";
import { isOver } from "../ground/is_over.ts";
import { idempotencyUnit, keyedAt, replay } from "../request/idempotency.ts";
import { listTasks, type TaskFilter } from "../task/list.ts";
import { findTask } from "../task/read.ts";
import type { EndedRow, TaskRecord } from "../rows/record.ts";
import { viewOf } from "../task/state.ts";
import { decode, decodeEntry } from "../rows/codec.ts";
import { audit } from "../rows/audit.ts";
import { put, together, type Unit } from "../rows/unit.ts";
import { store, type Submitting, toKeyedRecord } from "../request/submit.ts";
import type { Idempotency, Json, Task, TaskRequest } from "../ground/task.ts";
import { resolveArgs, type Resolving } from "../workflow/value.ts";

/** Most tasks that are redriven at a time: their arguments are in memory. */
const AT_ONCE = 50;

/** Tasks that `redriveAll` takes; newest first. */
export interface RedriveFilter extends Omit<TaskFilter, "state" | "redriven"> {
  /** @default {"FAILURE"} */
  readonly state?: "FAILURE" | "REVOKED";
  /** 1 to 500 tasks are looked at in one call. @default {100} */
  readonly limit?: number;
  /** Whether only to say which tasks would be redriven, and to store nothing. @default {false} */
  readonly dryRun?: boolean;
}

/** The outcome of `redriveAll` for one task. */
export interface Redriven {
  readonly id: string;
  readonly name: string;
  /** Id of the new task that repeats it; `null` in a dry run, and when the task was skipped. */
  readonly taskId: string | null;
  /** Why the task was skipped; `null`: it was not. */
  readonly skipped: string | null;
}

/** See `Queue.redrive`. */
export async function redrive(
  engine: Submitting & Resolving,
  id: string,
  idempotency?: Idempotency,
): Promise<{ task: Task; replayed: boolean }> {
  for (;;) {
    const { record: former } = await findTask(engine, id);
    const now = engine.clock.now();
    const keyed = keyedAt(engine, idempotency, now);
    // The row is read before the idempotency key. One commit writes both, so a repeat of a request that finds the mark
    // finds the key as well.
    const { entry, row } = await endedRow(engine, former);
    const request = requestOf(former, await argsOf(engine, former));
    const record = { ...toKeyedRecord(engine, request, "", now, keyed), redriveOf: id };
    const claim = keyed && await idempotencyUnit(engine, keyed, [record]);
    if (claim?.first) return { task: (await replay(engine, claim.first))[0]!, replayed: true };
    const { redrivenAs } = row;
    if (redrivenAs !== undefined) throw new RedriveError(id, `it was before, as '${redrivenAs}'`, redrivenAs);
    const { tasks: [holder], fresh, unit } = await definitionKeys(engine, [record], 2);
    if (fresh.length === 0) throw new DuplicateTaskError(record.name, record.definitionKey!.key, holder!.id);
    const mark: Unit = {
      checks: [entry],
      mutations: [
        put(entry.key, { redrivenAs: record.id } satisfies EndedRow),
        audit(engine, { action: "task.redrive", target: id, after: { task_id: record.id } }),
      ],
    };
    const also = together(mark, ...[claim?.unit, unit].filter((one) => one !== undefined));
    const leave = engine.intake.enter([record]);
    try {
      await engine.depths.refuseFull(engine, [record]);
      if (await store(engine, [record], also, now) !== null) {
        return { task: viewOf(record, null), replayed: false };
      }
    } finally {
      leave();
    }
    // The task was redriven or removed meanwhile, or another request took a key: look again.
  }
}

/**
 * The `ended` row of a task.
 *
 * @throws {RedriveError} when the task has not ended in FAILURE or REVOKED
 * @throws {TaskNotFoundError} when the row has been removed
 */
async function endedRow(engine: Namespace, { id, state }: TaskRecord) {
  if (state !== "FAILURE" && state !== "REVOKED") {
    throw new RedriveError(id, `it is ${state}, and only what ended in FAILURE or REVOKED can`);
  }
  const [entry] = await engine.store.getMany([engine.keys.ended(state, id)]);
  if (!entry) throw new TaskNotFoundError(id, "expired");
  return { entry, row: decode<EndedRow>(entry.value) };
}

/**
 * The arguments that a task ran with, or would have run with. A task of a workflow is redriven alone: the tasks before
 * it do not run again.
 *
 * @throws {RedriveError} when a part of the arguments never came, or is no longer kept
 */
async function argsOf(engine: Resolving, record: TaskRecord): Promise<readonly Json[]> {
  const { takes, waitsFor } = record.workflow ?? {};
  if (takes === "task" || takes === "group") {
    const { keys, store } = engine;
    const [before] = await store.getMany([takes === "task" ? keys.task(waitsFor!) : keys.group(waitsFor!)]);
    const state = decodeEntry<{ state: string }>(before)?.state;
    if (state !== "SUCCESS" && state !== "fired") {
      throw new RedriveError(
        record.id,
        `it has no arguments, as ${takes} '${waitsFor}' before it has no result`,
      );
    }
  }
  try {
    return await resolveArgs(engine, record);
  } catch (error) {
    if (error instanceof ArgumentsError) throw new RedriveError(record.id, error.message);
    throw error;
  }
}

/** The request that submits a task anew; without a delay, which is over. */
function requestOf(record: TaskRecord, args: readonly Json[]): TaskRequest {
  const {
    name,
    channel,
    priority,
    maxRetries,
    softTimeLimit,
    timeLimit,
    retryOnTimeout,
    ignoreResult,
    tags,
  } = record;
  return {
    name,
    args,
    channel,
    priority,
    maxRetries,
    ...(record.expiresAt !== undefined && { expires: (record.expiresAt - record.createdAt) / 1000 }),
    ...(softTimeLimit !== undefined && { softTimeLimit }),
    ...(timeLimit !== undefined && { timeLimit }),
    ...(retryOnTimeout !== undefined && { retryOnTimeout }),
    ...(ignoreResult !== undefined && { ignoreResult }),
    ...(tags !== undefined && { tags }),
  };
}

/** See `Queue.redriveAll`. */
export async function redriveAll(
  engine: Submitting & Resolving,
  { dryRun = false, state = "FAILURE", limit = 100, ...filter }: RedriveFilter,
): Promise<{ tasks: Redriven[]; cursor: string | null; lookedAt: number }> {
  const page = await listTasks(engine, { ...filter, state, limit, redriven: false });
  const one = async ({ id, name }: Task): Promise<Redriven> => {
    if (dryRun) return { id, name, taskId: null, skipped: null };
    try {
      return { id, name, taskId: (await redrive(engine, id)).task.id, skipped: null };
    } catch (error) {
      if (!isItsOwn(error)) throw error;
      return { id, name, taskId: null, skipped: error.message };
    }
  };
  const tasks: Redriven[] = [];
  for (let at = 0; at < page.tasks.length; at += AT_ONCE) {
    tasks.push(...await Promise.all(page.tasks.slice(at, at + AT_ONCE).map(one)));
  }
  return { tasks, cursor: page.cursor, lookedAt: page.lookedAt };
}

/** Whether an error concerns one task only, so that the others may still be redriven. */
function isItsOwn(error: unknown): error is SluiceError {
  return error instanceof SluiceError && !isOver(error);
}
