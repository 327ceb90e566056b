/**
 * The scheduler: the loop that fires due schedules. Every process has one, beside the minute tick of `cron.ts`; there
 * is no leader.
 *
 * @module
 */
import { Loop } from "../ground/loop.ts";
import type { Placing } from "../request/submit.ts";
import { idOf, timeIn } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import { type Declared, declareSchedules, readDeclared } from "./declare.ts";
import { fire } from "./fire.ts";
import { readSchedules } from "./row.ts";
import type { CodeSchedule } from "./schedule.ts";
import { tidySchedules } from "./tidy.ts";

/** Most due schedules handled at once. */
const BATCH = 200;
/** Milliseconds from a round that fired to the next one, so that schedules that become due meanwhile share commits. */
const PAUSE = 10;
/** Least milliseconds between two calls of `tidySchedules`, which needs no haste. */
const TIDY = 15_000;

/** The outcome of firing the schedules that were due. */
interface FireReport {
  /** Number of steps that were due, those that another process took included. */
  due: number;
  /** Errors of the schedules that could not be fired, by id. */
  readonly failed: Map<string, unknown>;
}

/** Fires due schedules. Also stores those that this process's code declares, and tidies all of them now and then. */
export class Scheduler extends Loop {
  #tidied = -Infinity;
  /** Ids of the schedules that could not be fired in the last round. */
  #failed: ReadonlySet<string> = new Set();
  #declaring: Promise<void> | null = null;

  /** The schedules that this process's code declares, by id. */
  readonly declared: ReadonlyMap<string, Declared>;

  /** @throws {TypeError} that names every schedule that cannot run, and why */
  constructor(readonly engine: Placing, schedules: readonly CodeSchedule[]) {
    super(engine.clock, { busy: PAUSE });
    this.declared = readDeclared(engine, schedules);
  }

  /**
   * Fires every schedule that is due by now.
   *
   * @throws the error of a schedule that could not be fired, when the others have been; an {AggregateError} for several
   */
  async tick(): Promise<void> {
    const now = this.engine.clock.now();
    let report: FireReport;
    do report = await this.#fireDue(now); while (report.due > 0);
    const errors = [...report.failed.values()];
    if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors);
  }

  protected async round(): Promise<boolean> {
    const { engine } = this;
    let due = 0;
    try {
      const report = await this.#fireDue(engine.clock.now());
      due = report.due;
      this.#report(report.failed);
      if (engine.clock.monotonic() - this.#tidied >= TIDY) {
        this.#tidied = engine.clock.monotonic();
        const missing = await tidySchedules(engine, this.declared.keys());
        // A KV server may come back with another file, in which declared schedules are missing.
        await declareSchedules(engine, [...this.declared].filter(([id]) => missing.has(id)));
      }
    } catch (error) {
      engine.emit({ type: "fault", message: "Due schedules could not be fired", error });
    }
    return due > 0;
  }

  /** Takes one step of each schedule that is due at `now`. */
  async #fireDue(now: number): Promise<FireReport> {
    await this.declare();
    const { store, keys } = this.engine;
    const report = { due: 0, failed: new Map<string, unknown>() };
    let next = Infinity;
    for await (const page of pagesOf(store, keys.dueAll(), { page: BATCH })) {
      const due = page.filter(({ key }) => timeIn(key) <= now);
      await this.#fire(due.map(({ key }) => idOf(key)), now, report);
      if (due.length === page.length) continue;
      next = timeIn(page[due.length]!.key);
      break;
    }
    this.nextDue = next;
    return report;
  }

  async #fire(ids: readonly string[], now: number, report: FireReport): Promise<void> {
    const { engine } = this;
    const schedules = await readSchedules(engine, ids);
    await Promise.all(schedules.map(async (schedule, i) => {
      // Another process has fired, paused or deleted it since its `due` row was read.
      if (!schedule || schedule.row.dueAt === null || schedule.row.dueAt > now) return;
      // A process that defines the task fires it.
      if (!engine.definitions.has(schedule.row.task.name)) return;
      try {
        await fire(engine, schedule, now);
        report.due++;
      } catch (error) {
        report.failed.set(ids[i]!, error);
      }
    }));
  }

  /** Reports a schedule that cannot be fired once, not in every round. */
  #report(failed: ReadonlyMap<string, unknown>): void {
    for (const [id, error] of failed) {
      if (this.#failed.has(id)) continue;
      this.engine.emit({ type: "fault", message: `Schedule '${id}' could not be fired`, error });
    }
    this.#failed = new Set(failed.keys());
  }

  /** Stores the declared schedules once; after a failure the next call tries again. */
  declare(): Promise<void> {
    return this.#declaring ??= declareSchedules(this.engine, [...this.declared]).catch((error) => {
      this.#declaring = null;
      throw error;
    });
  }
}
