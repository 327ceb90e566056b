/**
 * Tidying of schedules: marks those that no code declares any more as orphans, and deletes the idempotency keys that
 * schedules were created with, once the time of a key is over.
 *
 * @module
 */
import type { Base, Signals } from "../engine.ts";
import type { WorkerRow } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import { idOf, type Namespace } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import { together } from "../rows/unit.ts";
import { changeUnit, forgetKeyUnit, scheduleOf, type StoredSchedule, withDue } from "./row.ts";

/**
 * Tidies all schedules once.
 *
 * @param own ids of the schedules that this process's code declares
 * @returns the ids of `own` that are not stored
 */
export async function tidySchedules(
  engine: Base & Signals,
  own: Iterable<string>,
): Promise<ReadonlySet<string>> {
  const missing = new Set(own);
  const declared = await declaredAnywhere(engine, own);
  for await (const page of pagesOf(engine.store, engine.keys.schedules())) {
    for (const entry of page) {
      const schedule = scheduleOf(entry);
      if (!schedule) continue;
      const id = idOf(entry.key);
      missing.delete(id);
      const orphaned = schedule.row.origin === "code" && !declared.has(id);
      if (orphaned !== (schedule.row.orphaned ?? false)) await setOrphaned(engine, id, schedule, orphaned);
      else await forgetKey(engine, id, schedule);
    }
  }
  return missing;
}

/** Reads the ids of the schedules that the code of any registered process declares. */
async function declaredAnywhere(engine: Namespace, own: Iterable<string>): Promise<Set<string>> {
  const workers = await engine.store.list(engine.keys.workers(), { limit: engine.store.limits.listBatch });
  return new Set([
    ...own,
    ...workers.flatMap(({ value }) => decode<WorkerRow>(value).schedules ?? []),
  ]);
}

/**
 * Marks a schedule as an orphan, or takes that mark away. An orphan keeps its next occurrence: once code declares it
 * again, it goes on as if Sluice had been down meanwhile. So a deployment may stop the only process that declares a
 * schedule before it starts the next one.
 */
async function setOrphaned(
  engine: Base & Signals,
  id: string,
  schedule: StoredSchedule,
  orphaned: boolean,
): Promise<void> {
  const to = withDue({ ...schedule.row, orphaned });
  const landed = await engine.committer.commit(changeUnit(engine.keys, id, schedule, to));
  if (landed !== null && to.dueAt !== null) engine.scheduleDueAt(to.dueAt);
}

/** Deletes the idempotency key that a schedule was created with, once the key's time is over. */
async function forgetKey(engine: Base, id: string, schedule: StoredSchedule): Promise<void> {
  const { idempotency, ...row } = schedule.row;
  if (!idempotency || idempotency.expiresAt > engine.clock.now()) return;
  const change = changeUnit(engine.keys, id, schedule, row);
  await engine.committer.commit(together(change, await forgetKeyUnit(engine, id, schedule.row)));
}
