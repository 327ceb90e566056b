/**
 * A task's timeline: what it did since it was submitted, read off its record and its attempts.
 *
 * @module
 */
import type { Attempt, Task } from "../ground/task.ts";

/** A part of a task's life. Times in milliseconds since 1970. */
export interface Span {
  /**
   * `waited`: for its time, a slot or what comes before it in a workflow; `retried`: for its next run, after a failed
   * one; `parked`: for a rate, a concurrency key or a worker that knows its name; `ran`.
   */
  readonly what: "waited" | "retried" | "parked" | "ran";
  readonly from: number;
  /** `null`: the task does this now. */
  readonly to: number | null;
  /** How a run ended, or what the task waits for now; `null` where the record does not tell. */
  readonly why: string | null;
}

/**
 * The spans of a task, oldest first. Of parks only the present one is known, and of more than ten runs the last ten.
 *
 * @param parked whether the task is parked now
 * @param why what it waits for now
 */
export function timelineOf(task: Task, parked: boolean, why: string | null): Span[] {
  const { attempts, createdAt, doneAt, retries } = task;
  const spans: Span[] = [];
  // Where earlier runs are not kept, the task's life is known from the first kept run on.
  const isWhole = attempts.filter(({ outcome }) => outcome === "retried").length >= retries;
  let last: Attempt | null = null;
  const wait = (from: number, to: number | null, isParked = false) => {
    const what = isParked ? "parked" : last?.outcome === "retried" ? "retried" : "waited";
    spans.push({ what, from, to, why: to === null ? why : null });
  };
  for (const attempt of attempts) {
    if (last) wait(last.endedAt!, attempt.startedAt);
    else if (isWhole) wait(createdAt, attempt.startedAt);
    spans.push({ what: "ran", from: attempt.startedAt, to: attempt.endedAt, why: howEnded(attempt) });
    last = attempt;
  }
  const since = last ? last.endedAt : createdAt;
  // A task that was ended while it waited has waited until then.
  if (since !== null && (doneAt === null || doneAt > since)) wait(since, doneAt, parked);
  return spans;
}

function howEnded({ outcome, error }: Attempt): string | null {
  return outcome && error ? `${outcome}: ${error.type}: ${error.message}` : outcome;
}
