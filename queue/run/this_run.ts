/**
 * The ports of a run: the parts of the engine that it takes, and the run as its own parts see it, which are the
 * handler's context, the locks, the progress reports and the settlement.
 *
 * @module
 */
import type { AnyTaskDefinition, TaskContext } from "../task/define.ts";
import type { RunRow, TaskRecord } from "../rows/record.ts";
import type { Unit } from "../rows/unit.ts";
import type { Json } from "../ground/task.ts";
import type { ThreadPool } from "../threads/pool.ts";
import type { Releasing } from "../workflow/release.ts";
import type { Results } from "../workflow/results.ts";
import type { Deadlines } from "./deadlines.ts";
import type { LockWaits } from "./lock_waits.ts";

/**
 * The parts of the engine that runs take. Among them are parts of workflows: the end of a workflow's task lets others
 * go on, and its arguments may be results.
 */
export interface Running extends Releasing {
  readonly deadlines: Deadlines;
  readonly locks: LockWaits;
  readonly results: Results;
  /** Runs the thread tasks; `null`: they run on the event loop. */
  readonly threads: ThreadPool | null;
}

/** A run, as its parts see it. */
export interface ThisRun {
  readonly engine: Running;
  readonly record: TaskRecord;
  readonly definition: AnyTaskDefinition;
  readonly row: RunRow;
  /** Aborts at the soft and at the hard time limit, on revoke, at shutdown and when the worker was judged lost. */
  readonly signal: AbortSignal;
  readonly lock: TaskContext["lock"];
  /** Releases the locks that the run holds, once its end is stored or its task waits again. */
  releaseLocks(): void;
  /** Takes a progress report. Does nothing after the run has ended. */
  report(report: Json): void;
  /** Commits in the name of the worker that claimed the task: nothing lands once that worker was judged lost. */
  commit(unit: Unit): Promise<string | null>;
}
