/**
 * How a run leaves the store, in one commit. There are three ways: the task ends; the task is put back for another run
 * after a failure; the task is given back, which counts as no run. When another process has revoked the task by then,
 * a retry or give-back does not land, and the task ends as REVOKED. `engine.ended` then tells the other parts
 * (`assemble.ts`, `ended`).
 *
 * @module
 */
import { CommitConflictError, RefusedCommitError } from "../ground/errors.ts";
import { isOver } from "../ground/is_over.ts";
import { put, together, type Unit } from "../rows/unit.ts";
import { EXPIRED, REVOKED_RUNNING, STOPPED } from "../task/endings.ts";
import { oneLine } from "../task/failure.ts";
import { endRunUnit, requeueUnit } from "../task/moves.ts";
import { cutOff, ended, type Outcome, retried, returned } from "../task/state.ts";
import { endAndRelease } from "../workflow/release.ts";
import { failed, type Retry } from "./outcome.ts";
import type { ThisRun } from "./this_run.ts";

/** Stores the outcome of a run that has been closed; `writes` land with its end. Never rejects. */
export function settle(
  run: ThisRun,
  outcome: Outcome | Retry,
  writes: Unit | null = null,
): Promise<void> {
  return outcome.state === "RETRY" ? retry(run, outcome) : end(run, outcome, writes);
}

/** run → no place. */
async function end(run: ThisRun, outcome: Outcome, writes: Unit | null = null): Promise<void> {
  const { engine, record, row } = run;
  try {
    const final = ended(record, outcome === EXPIRED ? null : row, outcome, engine.clock.now());
    const keepResult = engine.results.copy(final);
    const settled = (done: "release" | null) => {
      keepResult();
      run.releaseLocks();
      engine.ended(final, done);
    };
    // The handler's writes have checks of their own, which leave no room for those of a release.
    if (final.state === "SUCCESS" && record.workflow?.followed && !writes) {
      const unit = { ...endRunUnit(engine.keys, final, true), worker: row.worker };
      if (await endAndRelease(engine, record.id, unit, () => settled("release"))) return;
    }
    const unit = endRunUnit(engine.keys, final);
    const versionstamp = await run.commit(writes ? together(unit, writes) : unit);
    if (versionstamp !== null) return settled(null);
    const conflict = new CommitConflictError(
      "A check of ctx.commit did not hold when the result was stored",
    );
    settle(run, failed(run, conflict));
  } catch (error) {
    if (error instanceof RefusedCommitError && writes) settle(run, failed(run, error));
    else lost(run, error);
  }
}

/** run → ready or delayed, counted as a retry. */
async function retry(run: ThisRun, { error, delay }: Retry): Promise<void> {
  const { engine, record, row } = run;
  try {
    const now = engine.clock.now();
    const next = retried(record, row, error, now + Math.round(delay * 1000), now);
    if (await run.commit(requeueUnit(engine.keys, next, 0, now)) === null) {
      return end(run, REVOKED_RUNNING);
    }
    run.releaseLocks();
    engine.freed(record);
    const duration = (now - row.startedAt) / 1000;
    const { retries } = next;
    engine.emit({ type: "retried", task: record, retries, delay, duration, error: oneLine(error) });
    if (next.runAt > now) engine.dueAt(next.runAt);
    else engine.wake(record.channel);
  } catch (fault) {
    lost(run, fault);
  }
}

/**
 * run → ready or delayed, uncounted. A task with `acks: "early"` fails instead if its handler has begun. Resolves when
 * that is stored.
 */
export async function giveBack(run: ThisRun, hasBegun: boolean): Promise<void> {
  const { engine, record, row } = run;
  if (record.acks === "early" && hasBegun) return await end(run, STOPPED);
  // When a group is closed, its members that do not run are ended; a claimed member is not among them. If this group was
  // closed meanwhile, the task must not wait as if it had never started: marked as started, it runs again.
  const isStarted = hasBegun || record.workflow?.group !== undefined;
  const now = engine.clock.now();
  const marked = isStarted ? returned(record, row) : record;
  const next = hasBegun ? cutOff(marked, row, "returned", now) : marked;
  const { expiresAt } = next;
  const back = requeueUnit(engine.keys, next, row.deliveries - 1, now);
  // The reminder of the task's expiry may have come while the task was claimed; at a hand-off none was written.
  const unit = isStarted || expiresAt === undefined
    ? back
    : together(back, { checks: [], mutations: [put(engine.keys.later(expiresAt, record.id), {})] });
  try {
    if (await run.commit(unit) === null) return await end(run, REVOKED_RUNNING);
  } catch (error) {
    return lost(run, error);
  }
  run.releaseLocks();
  engine.freed(record);
  engine.emit({ type: "returned", task: record });
  if (!isStarted && expiresAt !== undefined) engine.dueAt(expiresAt);
  engine.wake(record.channel);
}

/** The settlement could not be stored: the task stays claimed and is rescued, or the store is broken. */
function lost({ engine, record }: ThisRun, error: unknown): void {
  if (isOver(error)) return;
  engine.emit({ type: "fault", message: `Task ${record.id} could not be settled`, error });
}
