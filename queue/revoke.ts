/**
 * Revoke: a waiting task ends at once; a running one has its signal aborted and ends as REVOKED.
 *
 * @module
 */
import type { Engine } from "./engine.ts";
import { TaskFinalError, TaskRevokedError } from "./errors.ts";
import { findTask, recordOf } from "./read.ts";
import { endWaitingUnit, waitingKeys } from "./places.ts";
import type { Run } from "./run.ts";
import { ended } from "./state.ts";
import { idOf } from "./store/keys.ts";
import { del, put } from "./store/unit.ts";

/**
 * See `Queue.revoke`.
 *
 * @param runHere the open run of a task in this process
 */
export async function revoke(
  engine: Engine,
  id: string,
  runHere: (id: string) => Run | undefined,
): Promise<void> {
  for (;;) {
    const { record } = await findTask(engine, id);
    if (record.doneAt !== undefined) throw new TaskFinalError(id, record.state);
    const here = runHere(id);
    if (here) {
      await here.revoke();
      return;
    }
    // One snapshot: the task is in exactly one of these places (invariant 2).
    const [run, task, ...places] = await engine.store.getMany([
      engine.keys.run(id),
      engine.keys.task(id),
      ...waitingKeys(engine.keys, record),
    ]);
    // It was retried or has ended between the reads: look again.
    if (!task || recordOf(task).state !== record.state || recordOf(task).retries !== record.retries) continue;
    const place = places.find((entry) => entry !== null);
    if (run) {
      const unit = { checks: [run], mutations: [put(engine.keys.revoke(id), {})] };
      if (await engine.committer.commit(unit) !== null) return;
    } else if (place) {
      const { name, message } = new TaskRevokedError("Task was revoked before it ran");
      const error = { type: name, message, traceback: null };
      const final = ended(record, null, { state: "REVOKED", error }, engine.clock.now());
      if (await engine.committer.commit(endWaitingUnit(engine.keys, final, place)) !== null) {
        return engine.ended(final);
      }
    }
    // It moved between the reads: look again.
  }
}

/**
 * Ends the runs of this process that others revoked, and removes what is left of revokes whose run has ended: retry,
 * rescue and give-back fail while a `revoke` row exists, so a run that is gone has ended for good.
 */
export async function obeyRevokes(engine: Engine, runHere: (id: string) => Run | undefined): Promise<void> {
  for (
    const entry of await engine.store.list(engine.keys.revokes(), { limit: engine.store.limits.listBatch })
  ) {
    const id = idOf(entry.key);
    const here = runHere(id);
    if (here) await here.revoke();
    const run = engine.keys.run(id);
    const [running] = await engine.store.getMany([run]);
    if (running) continue;
    const checks = [entry, { key: run, versionstamp: null }];
    await engine.committer.commit({ checks, mutations: [del(entry.key)] });
  }
}
