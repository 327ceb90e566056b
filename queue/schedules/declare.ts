/**
 * Schedules that code declares: reads them at start and stores them. People edit them like any other. An edit is kept
 * until the declaration in the code changes, which then replaces it. A schedule that a person has paused stays paused.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Base } from "../engine.ts";
import type { AnyTaskDefinition } from "../task/define.ts";
import { encode } from "../rows/codec.ts";
import { canonicalJson } from "../request/idempotency.ts";
import { gridOf, sameGrid } from "./grid.ts";
import { changeUnit, createUnit, scheduleOf, type ScheduleRow, withDue } from "./row.ts";
import type { CodeSchedule, ScheduledTask, ScheduleSettings } from "./schedule.ts";
import { faultsOfSchedule, storedTask, withDefaults } from "./valid.ts";

/** Most bytes of all declared ids together: every process lists them in its `worker` row. */
const ID_BYTES = 32 * 1024;

/** A schedule of the code with its defaults filled in. */
export interface Declared extends ScheduleSettings {
  readonly task: ScheduledTask;
  /**
   * Hash of what the code gives, so that a change is noticed. Defaults do not count: a new one changes no declaration.
   */
  readonly declared: string;
}

/**
 * Reads the schedules of the code.
 *
 * @throws {TypeError} that names every schedule that cannot run, and why
 */
export function readDeclared(
  engine: Base,
  schedules: readonly CodeSchedule[],
): ReadonlyMap<string, Declared> {
  const declared = new Map<string, Declared>();
  const faults: string[] = [];
  for (const { id, task, args, ...options } of schedules) {
    const own = faultsOfDeclared(engine, { id, task, args, ...options }, declared);
    faults.push(...own.map((fault) => `Cannot run schedule '${id}' as ${fault}`));
    if (own.length > 0) continue;
    const stored = storedTask(engine, { name: task.name, args });
    const mark = createHash("sha256").update(canonicalJson([stored, options])).digest("base64url");
    declared.set(id, { ...withDefaults(options), task: stored, declared: mark });
  }
  const bytes = encode([...declared.keys()]).length;
  if (bytes > ID_BYTES) {
    faults.push(`Cannot run so many schedules as their ids must be at most ${ID_BYTES} bytes: got ${bytes}`);
  }
  if (faults.length > 0) throw new TypeError(faults.join("; "));
  return declared;
}

function faultsOfDeclared(
  engine: Base,
  { id, task, args, ...options }: CodeSchedule,
  others: ReadonlyMap<string, Declared>,
): string[] {
  if (others.has(id)) return ["its id must be unique"];
  if (!isKnown(engine, task)) return [`its task '${task.name}' is not among the definitions`];
  return faultsOfSchedule(engine, { ...options, id, task: { name: task.name, args } })
    .map(({ pointer, detail }) => `${pointer.slice(1)} ${detail}`);
}

function isKnown(engine: Pick<Base, "definitions">, task: AnyTaskDefinition): boolean {
  return engine.definitions.get(task.name) === task;
}

/** Stores schedules that this process's code declares. */
export async function declareSchedules(
  engine: Base,
  schedules: readonly (readonly [id: string, Declared])[],
): Promise<void> {
  await Promise.all(schedules.map(([id, declared]) => declare(engine, id, declared)));
}

async function declare(engine: Base, id: string, declared: Declared): Promise<void> {
  for (;;) {
    const [entry] = await engine.store.getMany([engine.keys.schedule(id)]);
    const stored = scheduleOf(entry);
    const row = stored?.row;
    // An orphan stays one here: `tidySchedules` takes the mark away.
    if (row?.origin === "code" && row.declared === declared.declared) return;
    const to = withDue(redeclared(declared, row, engine.clock.now(), engine.nextId()));
    const unit = stored
      ? changeUnit(engine.keys, id, stored, to)
      : createUnit(engine.keys, id, entry ?? null, to);
    if (await engine.committer.commit(unit) !== null) return;
    // Another process has changed the schedule meanwhile: read it again.
  }
}

/** Makes the row of a new or changed declaration. If the grid is the same, so is the next occurrence. */
function redeclared(
  declared: Declared,
  row: ScheduleRow | undefined,
  now: number,
  revision: string,
): Omit<ScheduleRow, "dueAt"> {
  const { orphaned: _orphaned, backfillTo: _backfillTo, ...former } = row ?? {
    paused: false,
    createdAt: now,
    nextRunAt: null,
    lastRunAt: null,
    handled: 0,
    running: [],
  };
  const next = { ...former, ...declared, revision, origin: "code" as const, updatedAt: now };
  return row && sameGrid(row, declared) ? next : { ...next, nextRunAt: gridOf(next).after(now) };
}
