/**
 * `queue.schedules`: creates, reads, changes, deletes and runs schedules.
 *
 * @module
 */
import type { AuditAction } from "../ground/audit.ts";
import type { Placing } from "../request/submit.ts";
import { type Fault, InvalidScheduleError, ScheduleConflictError } from "../ground/errors.ts";
import { idempotencyUnit, keyedAt } from "../request/idempotency.ts";
import { audit } from "../rows/audit.ts";
import { del, together } from "../rows/unit.ts";
import type { Idempotency, Json, Task } from "../ground/task.ts";
import { runNow } from "./fire.ts";
import { gridOf, sameGrid } from "./grid.ts";
import { listOccurrences, listSchedules, viewOfSchedule } from "./read.ts";
import {
  createUnit,
  editSchedule,
  forgetKeyUnit,
  readSchedule,
  type ScheduleRow,
  settingsIn,
  withDue,
} from "./row.ts";
import type { Occurrence, PageOptions, Schedule, ScheduleRequest, Schedules } from "./schedule.ts";
import { faultsOfSchedule, firstAfter, storedTask, withDefaults } from "./valid.ts";

/** Most occurrences deleted in one commit. */
const BATCH = 200;

/** See {@link Schedules}. */
export class EngineSchedules implements Schedules {
  /** @param ready resolves when this process may commit */
  constructor(readonly engine: Placing, readonly ready: () => Promise<void> | undefined) {}

  async create(
    request: ScheduleRequest,
    idempotency?: Idempotency,
  ): Promise<{ schedule: Schedule; replayed: boolean }> {
    const { engine } = this;
    this.#refuse(request);
    await this.ready();
    const now = engine.clock.now();
    const id = request.id ?? engine.nextId();
    const keyed = keyedAt(engine, idempotency, now);
    for (;;) {
      const [taken] = await engine.store.getMany([engine.keys.schedule(id)]);
      const claim = keyed && await idempotencyUnit(engine, keyed, [{ id }]);
      if (claim?.first) return { schedule: await this.get(claim.first.ids[0]!), replayed: true };
      const row = this.#newRow(request, now, keyed);
      if (taken) throw new ScheduleConflictError("schedule-exists", `Schedule '${id}' exists already`);
      const after = settingsIn(row) as Json;
      const deed = audit(engine, { action: "schedule.create", target: id, after });
      const unit = together(createUnit(engine.keys, id, null, row), { checks: [], mutations: [deed] });
      // When this does not land, another request has taken the same id or key: read both again.
      if (await engine.committer.commit(claim ? together(unit, claim.unit) : unit) === null) continue;
      if (row.dueAt !== null) engine.scheduleDueAt(row.dueAt);
      return { schedule: viewOfSchedule(engine, id, row), replayed: false };
    }
  }

  faults(request: Partial<ScheduleRequest>): Fault[] {
    return faultsOfSchedule(this.engine, request);
  }

  list(options: PageOptions = {}): Promise<{ schedules: Schedule[]; cursor: string | null }> {
    return listSchedules(this.engine, options);
  }

  async get(id: string): Promise<Schedule> {
    const { row } = await readSchedule(this.engine, id);
    return viewOfSchedule(this.engine, id, row);
  }

  async update(
    id: string,
    changes: Partial<Omit<ScheduleRequest, "id">>,
    revision?: string,
  ): Promise<Schedule> {
    return await this.#edit(id, (row) => {
      const now = this.engine.clock.now();
      if (changes.paused === false) refuseOrphan(id, row);
      refuseNone(changes);
      const asked = { ...row, ...changes };
      // The id was accepted, perhaps by an earlier version.
      this.#refuse(asked);
      const { backfillTo, ...rest } = row;
      const next = {
        ...rest,
        ...withDefaults(asked),
        task: storedTask(this.engine, asked.task),
        paused: asked.paused ?? false,
        updatedAt: now,
        revision: this.engine.nextId(),
      };
      const moved = !sameGrid(row, next);
      if (moved) return { ...next, nextRunAt: firstAfter(next, now) };
      if (row.paused && !next.paused) return { ...next, nextRunAt: resumedAt(next, now) };
      return { ...next, ...(backfillTo !== undefined && { backfillTo }) };
    }, { revision, deed: "schedule.update" });
  }

  async delete(id: string): Promise<void> {
    const { engine } = this;
    const { keys, store, committer } = engine;
    await this.ready();
    for (;;) {
      const { entry, row } = await readSchedule(engine, id);
      if (row.origin === "code" && !row.orphaned) {
        throw new ScheduleConflictError(
          "schedule-declared",
          `Schedule '${id}' is declared in code and would be back at the next start: pause it, or take it out of the code`,
        );
      }
      const history = await store.list(keys.occurrencesOf(id), { limit: BATCH });
      const mutations = history.map(({ key }) => del(key));
      const last = history.length < BATCH;
      if (last) mutations.push(del(entry.key));
      if (last && row.dueAt !== null) mutations.push(del(keys.due(row.dueAt, id)));
      if (last) {
        mutations.push(
          audit(engine, { action: "schedule.delete", target: id, before: settingsIn(row) as Json }),
        );
      }
      const unit = together({ checks: [entry], mutations }, await forgetKeyUnit(engine, id, row));
      // The schedule is deleted together with the last of its history, so that a crash leaves no history behind.
      if (await committer.commit(unit) !== null && last) return;
    }
  }

  pause(id: string): Promise<Schedule> {
    return this.#edit(id, (row) => row.paused ? row : this.#edited(row, { paused: true }), {
      deed: "schedule.pause",
    });
  }

  resume(id: string): Promise<Schedule> {
    return this.#edit(id, (row) => {
      refuseOrphan(id, row);
      if (!row.paused) return row;
      const { backfillTo: _backfillTo, ...rest } = row;
      return this.#edited(rest, { paused: false, nextRunAt: resumedAt(row, this.engine.clock.now()) });
    }, { deed: "schedule.resume" });
  }

  async run(id: string, idempotency?: Idempotency): Promise<{ task: Task; replayed: boolean }> {
    await this.ready();
    return await runNow(this.engine, id, idempotency);
  }

  async next(id: string, count = 10): Promise<number[]> {
    if (!Number.isInteger(count) || count < 1 || count > 100) {
      const detail = `must be an integer from 1 to 100: got ${count}`;
      throw new InvalidScheduleError([{ pointer: "/count", detail }]);
    }
    const { row } = await readSchedule(this.engine, id);
    const grid = gridOf(row);
    const moments: number[] = [];
    let at = row.dueAt === null ? grid.after(this.engine.clock.now()) : row.nextRunAt;
    for (; at !== null && moments.length < count; at = grid.after(at)) moments.push(at);
    return moments;
  }

  occurrences(
    id: string,
    options: PageOptions = {},
  ): Promise<{ occurrences: Occurrence[]; cursor: string | null }> {
    return listOccurrences(this.engine, id, options);
  }

  async #edit(
    id: string,
    edit: (row: ScheduleRow) => ScheduleRow,
    options: { revision?: string | undefined; deed: AuditAction },
  ): Promise<Schedule> {
    await this.ready();
    const row = await editSchedule(this.engine, id, (row) => {
      const to = edit(row);
      return to === row ? row : withDue(to);
    }, options);
    return viewOfSchedule(this.engine, id, row);
  }

  #edited(row: ScheduleRow, changes: Partial<ScheduleRow>): ScheduleRow {
    return { ...row, ...changes, updatedAt: this.engine.clock.now(), revision: this.engine.nextId() };
  }

  #newRow(request: ScheduleRequest, now: number, idempotency: ScheduleRow["idempotency"]): ScheduleRow {
    const options = { ...withDefaults(request), createdAt: now };
    return withDue({
      ...options,
      task: storedTask(this.engine, request.task),
      paused: request.paused ?? false,
      origin: "api",
      revision: this.engine.nextId(),
      updatedAt: now,
      nextRunAt: firstAfter(options, now),
      lastRunAt: null,
      handled: 0,
      running: [],
      ...(idempotency && { idempotency: keyOf(idempotency) }),
    });
  }

  #refuse(request: ScheduleRequest): void {
    const faults = faultsOfSchedule(this.engine, request);
    if (faults.length > 0) throw new InvalidScheduleError(faults);
  }
}

/**
 * Finds the first occurrence from now on that has not been handled. A clock ahead of this one may have handled some
 * before the pause.
 */
function resumedAt(row: ScheduleRow, now: number): number | null {
  return row.nextRunAt === null ? null : gridOf(row).after(Math.max(now, row.nextRunAt - 1));
}

/** Picks the fields of a request's key that a row keeps. */
function keyOf({ scope, key, expiresAt }: NonNullable<ScheduleRow["idempotency"]>) {
  return { scope, key, expiresAt };
}

/** Refuses to take away what has no default; the types forbid it, JavaScript does not. */
function refuseNone(changes: object): void {
  const faults = Object.entries(changes)
    .filter(([field, value]) => ["task", "trigger"].includes(field) && (value ?? null) === null)
    .map(([field]) => ({ pointer: `/${field}`, detail: "must not be taken away: it has no default" }));
  if (faults.length > 0) throw new InvalidScheduleError(faults);
}

function refuseOrphan(id: string, { orphaned }: ScheduleRow): void {
  if (!orphaned) return;
  throw new ScheduleConflictError(
    "schedule-orphaned",
    `Schedule '${id}' cannot be resumed as no code declares it any more`,
  );
}
