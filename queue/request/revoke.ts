/**
 * Revoke: a waiting task ends at once; a running task has its signal aborted and ends as REVOKED.
 *
 * @module
 */
import { type Base, type Here, REVOKES, type Signals } from "../engine.ts";
import { TaskFinalError, TaskNotFoundError } from "../ground/errors.ts";
import { type Ending, REVOKED_WAITING } from "../task/endings.ts";
import { assertSubmitted, findTask, readRecords, recordOf } from "../task/read.ts";
import { endWaitingUnit, waitingKeys } from "../task/moves.ts";
import { ended } from "../task/state.ts";
import { idOf } from "../rows/keys.ts";
import type { Entry, Mutation } from "../store/port.ts";
import { audit } from "../rows/audit.ts";
import { del, put, together } from "../rows/unit.ts";
import type { TaskRecord } from "../rows/record.ts";
import type { FinalState } from "../ground/task.ts";

/** Revokes a task; see `Queue.revoke`. */
export async function revoke(
  engine: Base & Signals & Here,
  id: string,
): Promise<void> {
  await findTask(engine, id);
  const also = [audit(engine, { action: "task.revoke", target: id })];
  const state = await revokeAnyhow(engine, id, REVOKED_WAITING, { also });
  if (state !== null) throw new TaskFinalError(id, state);
}

/** How a task's end is written. */
interface EndOptions {
  /** See `endWaitingUnit`. */
  readonly along?: boolean;
  /** Written by the same commit. */
  readonly also?: readonly Mutation[];
}

/**
 * Ends a task where it waits, or has its run aborted: in this process directly, in another by a `revoke` row.
 *
 * @returns the state of the task if it had ended already, else `null`
 */
export async function revokeAnyhow(
  engine: Base & Signals & Here,
  id: string,
  ending: Ending,
  options: EndOptions = {},
): Promise<FinalState | null> {
  const { also = [] } = options;
  for (;;) {
    const here = engine.runOf(id);
    if (here) {
      await here.revoke(also);
      return null;
    }
    const found = await endIfWaiting(engine, id, ending, options);
    if (found === null) return null;
    if (typeof found === "string") return found;
    const unit = { checks: [found], mutations: [put(engine.keys.revoke(id), {}), ...also] };
    if (await engine.committer.commit(unit) !== null) {
      // If this process has claimed the task, its run may have begun during the commit.
      await engine.runOf(id)?.revoke();
      engine.wake(REVOKES);
      return null;
    }
    // The run has ended or changed between the read and the commit: look again.
  }
}

/**
 * Ends a task unless it runs.
 *
 * @returns the `run` row if the task runs, its state if it had ended already, else `null`
 */
export async function endIfWaiting(
  engine: Base & Signals,
  id: string,
  ending: Ending,
  { along = false, also = [] }: EndOptions = {},
): Promise<Entry | FinalState | null> {
  for (;;) {
    const [record] = await readRecords(engine, [id]);
    if (!record) throw new TaskNotFoundError(id, "expired");
    if (record.doneAt !== undefined) return record.state as FinalState;
    // One snapshot: the task is in exactly one of these places (invariant 2).
    const [run, task, ...places] = await engine.store.getMany([
      engine.keys.run(id),
      engine.keys.task(id),
      ...waitingKeys(engine.keys, record),
    ]);
    // The task was retried, got its concurrency key or has ended between the reads: look again.
    if (!task || !isSame(recordOf(task), record)) continue;
    if (run) return run;
    const place = places.find((entry) => entry !== null);
    if (!place) {
      await assertSubmitted(engine, record);
      continue;
    }
    const final = ended(record, null, ending, engine.clock.now());
    const unit = together(endWaitingUnit(engine.keys, final, place, along), { checks: [], mutations: also });
    if (await engine.committer.commit(unit) !== null) {
      engine.ended(final, along ? "all" : null);
      return null;
    }
    // The task has left its place between the read and the commit: look again.
  }
}

function isSame(a: TaskRecord, b: TaskRecord): boolean {
  return a.state === b.state && a.retries === b.retries && a.unkeyed === b.unkeyed;
}

/**
 * Ends the runs of this process that other processes revoked, and removes `revoke` rows whose run has ended. Retry,
 * rescue and give-back fail while a `revoke` row exists, so the task of a run that is gone has ended for good.
 */
export async function obeyRevokes(engine: Base & Here): Promise<void> {
  const { store, keys, committer } = engine;
  const entries = await store.list(keys.revokes(), { limit: store.limits.listBatch });
  await Promise.all(entries.map(({ key }) => engine.runOf(idOf(key))?.revoke()));
  const runs = await store.getMany(entries.map(({ key }) => keys.run(idOf(key))));
  await Promise.all(
    entries.filter((_, i) => !runs[i]).map((entry) => {
      const checks = [entry, { key: keys.run(idOf(entry.key)), versionstamp: null }];
      return committer.commit({ checks, mutations: [del(entry.key)] });
    }),
  );
}
