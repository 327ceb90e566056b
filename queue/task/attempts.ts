/**
 * Attempts: the runs that a task has had. The record itself tells of the only run of a task, so a task that runs once
 * keeps nothing for it. A run that is not the last is added to the record by the commit that ends it: a retry, a
 * give-back, a rescue.
 *
 * @module
 */
import type { Attempt, AttemptOutcome, TaskError } from "../ground/task.ts";
import { jsonSize } from "../rows/payload.ts";
import type { RunRow, TaskRecord } from "../rows/record.ts";

/** Runs that are kept of a task: its last ones. */
const MOST = 10;
/** Bytes of all kept runs as JSON: beside arguments, result and error they fit in a value of the store. */
const MOST_BYTES = 4096;
/** Characters kept of an error's message, and of its type. */
const MESSAGE = 200, TYPE = 100;

const NONE: readonly Attempt[] = [];

/** The kept runs and one more, the oldest dropped if they are too many or too large. */
export function withAttempt(
  { attempts = NONE }: TaskRecord,
  { startedAt, worker }: Pick<RunRow, "startedAt" | "worker">,
  endedAt: number,
  outcome: AttemptOutcome,
  error: TaskError | null,
): readonly Attempt[] {
  const kept = [...attempts, { startedAt, endedAt, worker, outcome, error: error && short(error) }].slice(
    -MOST,
  );
  while (jsonSize(kept) > MOST_BYTES) kept.shift();
  return kept;
}

/** How the last run of a final task ended. */
export function outcomeOf({ state, error }: Pick<TaskRecord, "state" | "error">): AttemptOutcome {
  if (state === "SUCCESS") return "succeeded";
  if (state === "REVOKED") return "revoked";
  return error?.type === "WorkerLostError" ? "lost" : "failed";
}

/** The runs of a task, oldest first: the kept ones, and the one that the record or the `run` row tells of. */
export function attemptsOf(record: TaskRecord, run: RunRow | null): readonly Attempt[] {
  const { attempts = NONE, startedAt, doneAt, worker, error } = record;
  if (doneAt === undefined) {
    if (!run) return attempts;
    const { startedAt, worker } = run;
    return [...attempts, { startedAt, endedAt: null, worker, outcome: null, error: null }];
  }
  // The end of a task that had run before has put its last run beside the others.
  if (attempts.length > 0 || startedAt === undefined) return attempts;
  return [{
    startedAt,
    endedAt: doneAt,
    worker: worker!,
    outcome: outcomeOf(record),
    error: error ? short(error) : null,
  }];
}

function short({ type, message }: TaskError): { type: string; message: string } {
  return { type: cut(type, TYPE), message: cut(message, MESSAGE) };
}

function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest).toWellFormed()}…` : text;
}
