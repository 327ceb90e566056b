/**
 * A task's states, and each change of its record as one function from record to record.
 *
 * ```text
 *   submitted            claim              settle
 *  ───────────► PENDING ───────► STARTED ──────────► SUCCESS
 *                 │  ▲           PROGRESS ─────────► FAILURE   failed for good, hard time limit, worker lost
 *                 │  │  ▲            │                         too often
 *                 │  │  └────────────┤ give back, rescue: the state stays as it was
 *                 │  │               │ retried
 *                 │  └─── claim ── RETRY
 *                 │                  │
 *                 └──────────────────┴─────────────► REVOKED   revoked, or expired before it started
 * ```
 *
 * STARTED and PROGRESS are read off the `run` row. The place of a task (ready, delayed, blocked, waiting, run) is
 * changed by the units of `moves.ts`, in the same commit as the record.
 *
 * Invariants (docs/architecture.md explains them; tests cite the numbers):
 *
 * 1. Accepted means durable: an id is handed out after its commit; from then on the task ends in a final state.
 * 2. One place: a task that is not final is in exactly one of ready, delayed, blocked, waiting, run.
 * 3. Every commit at most once, and only while its process is in good standing (lanes).
 * 4. Checked removal: a commit that removes a pointer checks it.
 * 5. One end: every way to a final state is `ended` and one commit.
 * 6. Idempotent submit: a request with the same scope, key and fingerprint returns the first task. Tasks with the same
 *    key of their definition are the same work; the key is held until its task has ended, and is free after FAILURE and
 *    REVOKED.
 * 7. One task per occurrence of a schedule.
 * 8. Wake-ups are hints: losing one costs at most a poll interval.
 * 9. Clocks of two machines are never compared.
 * 10. Unknown outcome: when a commit has no answer, or a refusal, its lane tells whether it landed.
 *
 * @module
 */
import type { RunRow, TaskRecord } from "../rows/record.ts";
import { attemptsOf, outcomeOf, withAttempt } from "./attempts.ts";
import type { Ending } from "./endings.ts";
import type { FinalState, Json, Task, TaskError } from "../ground/task.ts";

/** The part of a run that the record keeps: when the run started, and under which worker. */
type RunOf = Pick<RunRow, "startedAt" | "worker">;

/** PENDING or RETRY → RETRY: the run failed at `now`, and another run is due at `runAt`. */
export function retried(
  record: TaskRecord,
  run: RunOf,
  error: TaskError,
  runAt: number,
  now: number,
): TaskRecord {
  return {
    ...record,
    attempts: withAttempt(record, run, now, "retried", error),
    state: "RETRY",
    retries: record.retries + 1,
    runAt,
    error,
    startedAt: run.startedAt,
    worker: run.worker,
  };
}

/** PENDING or RETRY, as before: a run was given back unfinished. The task has started, so it cannot expire any more. */
export function returned(record: TaskRecord, run: RunOf): TaskRecord {
  return { ...record, startedAt: run.startedAt, worker: run.worker };
}

/** PENDING or RETRY, as before: a run was cut off, and is kept among the attempts. */
export function cutOff(record: TaskRecord, run: RunOf, how: "returned" | "lost", now: number): TaskRecord {
  return { ...record, attempts: withAttempt(record, run, now, how, null) };
}

/** How a task ends: with a result, or with the reason why there is none. `endings.ts` has the engine's own reasons. */
export type Outcome =
  | { readonly state: "SUCCESS"; readonly result: Json; readonly resultChunks?: number | undefined }
  | Ending;

/** Any state that is not final → final. `run` is `null` for a task that ends without having been started. */
export function ended(record: TaskRecord, run: RunOf | null, outcome: Outcome, now: number): TaskRecord {
  const { error: _former, ...rest } = record;
  const last = { ...rest, state: outcome.state as FinalState, doneAt: now };
  const ran = run ? { ...last, ...lastRun(record, run, outcome, now) } : last;
  if (outcome.state !== "SUCCESS") return { ...ran, error: outcome.error };
  if (record.ignoreResult) return ran;
  const { result, resultChunks } = outcome;
  return { ...ran, result, ...(resultChunks !== undefined && { resultChunks }) };
}

function lastRun(record: TaskRecord, { startedAt, worker }: RunOf, outcome: Outcome, now: number) {
  if (!record.attempts) return { startedAt, worker };
  const error = outcome.state === "SUCCESS" ? null : outcome.error;
  const how = outcomeOf(outcome.state === "SUCCESS" ? { state: "SUCCESS" } : outcome);
  return { startedAt, worker, attempts: withAttempt(record, { startedAt, worker }, now, how, error) };
}

/** Makes the task as callers see it, from its record and, if it runs, its run. */
export function viewOf(record: TaskRecord, run: RunRow | null): Task {
  const running = run !== null && record.doneAt === undefined;
  return {
    id: record.id,
    name: record.name,
    args: record.args ?? [],
    state: !running ? record.state : run.progress === undefined ? "STARTED" : "PROGRESS",
    result: record.result ?? null,
    error: record.error ?? null,
    progress: running ? run.progress ?? null : null,
    retries: record.retries,
    maxRetries: record.maxRetries,
    channel: record.channel,
    priority: record.priority,
    tags: record.tags ?? [],
    createdAt: record.createdAt,
    runAt: record.runAt,
    startedAt: running ? run.startedAt : record.startedAt ?? null,
    doneAt: record.doneAt ?? null,
    expiresAt: record.expiresAt ?? null,
    rootId: record.workflow?.root ?? record.id,
    parentId: record.workflow?.parent ?? null,
    groupId: record.workflow?.group ?? null,
    scheduleId: record.scheduleId ?? null,
    submittedBy: record.submittedBy ?? null,
    redriveOf: record.redriveOf ?? null,
    worker: running ? run.worker : record.worker ?? null,
    attempts: attemptsOf(record, run),
  };
}
