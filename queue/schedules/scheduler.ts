/**
 * The scheduler: fires schedules that are due. Every process has one, beside the minute tick of `cron.ts`; there is no
 * leader.
 *
 * @module
 */
import { Bell, POLL } from "../bell.ts";
import type { Engine } from "../engine.ts";
import { idOf } from "../store/keys.ts";
import { type Declared, declareSchedules, readDeclared } from "./declare.ts";
import { fire } from "./fire.ts";
import { readSchedules } from "./row.ts";
import type { CodeSchedule } from "./schedule.ts";
import { tidySchedules } from "./tidy.ts";

/** Due schedules handled at once. */
const BATCH = 200;
/** Least milliseconds from a look that found something to the next: what is due meanwhile shares its commits. */
const PAUSE = 10;
/** Milliseconds between two looks at what needs no haste. */
const TIDY = 15_000;

/** Watches what becomes due. */
export class Scheduler {
  #bell: Bell;
  #next = Infinity;
  #tidied = -Infinity;
  #stopping = false;
  #loop: Promise<void> | null = null;
  #declaring: Promise<void> | null = null;

  /** What this process's code declares, by id. */
  readonly declared: ReadonlyMap<string, Declared>;

  /** @throws {TypeError} naming every schedule that cannot be, and why */
  constructor(readonly engine: Engine, schedules: readonly CodeSchedule[]) {
    this.declared = readDeclared(engine, schedules);
    this.#bell = new Bell(engine.clock);
  }

  /** Stores what code declares, and begins. */
  async start(): Promise<void> {
    await this.#declare();
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#bell.ring();
    await this.#loop;
  }

  /** A schedule is due at this wall-clock time; look then at the latest. */
  dueAt(time: number): void {
    if (time < this.#next) this.#bell.ring();
  }

  /** Fires everything that is due by now. @throws what kept a schedule from firing, when the others have been served */
  async tick(): Promise<void> {
    const now = this.engine.clock.now();
    while (await this.runOnce(now) > 0);
  }

  /** One step of each schedule that is due at `now`. Returns how many steps were due, whoever took them. */
  async runOnce(now: number): Promise<number> {
    await this.#declare();
    const { store, keys } = this.engine;
    const errors: unknown[] = [];
    let due = 0;
    for (let range = keys.dueAll();;) {
      const entries = await store.list(range, { limit: BATCH });
      const pending = entries.findIndex(({ key }) => Number(key.at(-2)) > now);
      const ready = pending < 0 ? entries : entries.slice(0, pending);
      due += await this.#fire(ready.map(({ key }) => idOf(key)), now, errors);
      if (pending >= 0 || entries.length < BATCH) {
        this.#next = pending < 0 ? Infinity : Number(entries[pending]!.key.at(-2));
        break;
      }
      const [at, id] = entries.at(-1)!.key.slice(-2) as [number, string];
      range = { ...range, start: keys.due(at, `${id}\0`) };
    }
    if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors);
    return due;
  }

  async #run(): Promise<void> {
    const { engine } = this;
    let poll: number = POLL.first;
    while (!this.#stopping) {
      let due = 0;
      try {
        due = await this.runOnce(engine.clock.now());
        if (engine.clock.monotonic() - this.#tidied >= TIDY) {
          this.#tidied = engine.clock.monotonic();
          await tidySchedules(engine, this.declared.keys());
        }
      } catch (error) {
        engine.emit({ type: "fault", message: "Due schedules could not be fired", error });
      }
      const pause = due > 0 ? PAUSE : Math.max(1, Math.min(poll, this.#next - engine.clock.now()));
      const rang = await this.#bell.wait(pause);
      poll = rang || due > 0 ? POLL.first : Math.min(poll * 2, POLL.last);
    }
  }

  async #fire(ids: readonly string[], now: number, errors: unknown[]): Promise<number> {
    const { engine } = this;
    const schedules = (await readSchedules(engine, ids)).filter((schedule) =>
      // Fired meanwhile; or of a task that only other processes know: theirs to fire.
      schedule !== null && schedule.row.dueAt !== null && schedule.row.dueAt <= now &&
      engine.definitions.has(schedule.row.task.name)
    );
    const steps = await Promise.allSettled(schedules.map((schedule) => fire(engine, schedule!, now)));
    const failed = steps.filter((step) => step.status === "rejected");
    errors.push(...failed.map(({ reason }) => reason));
    return steps.length - failed.length;
  }

  /** Once; again after a failure. */
  #declare(): Promise<void> {
    return this.#declaring ??= declareSchedules(this.engine, this.declared).catch((error) => {
      this.#declaring = null;
      throw error;
    });
  }
}
