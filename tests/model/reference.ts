/**
 * The reference: all that must be true of every task, derived from what the actors did: why it may have ended as it
 * has, what its runs were given, and which task comes before which.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { isFinal, type Json } from "../../queue/mod.ts";
import type { TaskRecord } from "../../queue/rows/record.ts";
import type { HeldRun } from "../support/held_task.ts";
import type { History } from "./history.ts";

/** What a handler was told to do. */
interface Told {
  readonly how: "finish" | "fail" | "retry";
  readonly value: string;
}

/** Error types of a run that was told to fail. */
const THROWN = { fail: "Error", retry: "RetryError" } as const;

/** See the module's text. */
export class Reference {
  /** What was asked to be revoked: tasks, and whole workflows by their root. */
  readonly revoked = new Set<string>();
  /** Channels that were purged. */
  readonly purged = new Set<string>();
  #told = new Map<HeldRun, Told>();
  #judged = new Set<string>();
  #begun = new Set<HeldRun>();

  constructor(readonly history: History) {}

  /** Ends a run. */
  tell(run: HeldRun, how: Told["how"]): void {
    if (this.#told.has(run)) return;
    const value = `value ${this.#told.size}`;
    this.#told.set(run, { how, value });
    if (how === "finish") run.finish(value);
    else run.fail(how === "retry" ? run.ctx.retry({ in: 0 }) : new Error(value));
  }

  /** Runs that go on. */
  untold(runs: readonly HeldRun[]): HeldRun[] {
    return runs.filter((run) => !this.#told.has(run));
  }

  /** One sentence for each task that is not as it may be. */
  broken(runs: readonly HeldRun[]): string[] {
    const broken: string[] = [];
    const byTask = Map.groupBy(runs, ({ ctx }) => ctx.id);
    for (const [id, started] of byTask) {
      const claims = this.history.claimsOf(id);
      if (started.length > claims) {
        broken.push(
          `Task ${id} was started ${started.length} times and claimed ${claims} times (invariant 3)`,
        );
      }
    }
    for (const run of runs) {
      if (this.#begun.has(run)) continue;
      this.#begun.add(run);
      broken.push(...this.#ofArgs(run));
    }
    const redriven = new Map<string, string>();
    for (const record of this.history.records.values()) {
      const { id, state, redriveOf } = record;
      if (redriveOf !== undefined) {
        if (redriven.has(redriveOf)) broken.push(`Task ${redriveOf} was redriven twice`);
        redriven.set(redriveOf, id);
      }
      if (!isFinal(state) || this.#judged.has(id)) continue;
      this.#judged.add(id);
      if (!this.#mayEnd(record, byTask.get(id) ?? [])) {
        const { error, result } = record;
        broken.push(`Task ${id} is ${state} for no reason: ${error?.type}: ${error?.message}, ${result}`);
      }
    }
    return broken;
  }

  /** Whether somebody asked for this end. */
  #mayEnd({ id, state, error, result, channel, workflow, ...record }: TaskRecord, runs: HeldRun[]): boolean {
    const told = runs.flatMap((run) => this.#told.get(run) ?? []);
    if (state === "SUCCESS") return told.some(({ how, value }) => how === "finish" && value === result);
    const last = record.retries === record.maxRetries;
    switch (error!.type) {
      case THROWN.fail:
        return last && told.some(({ how, value }) => how === "fail" && error!.message === value);
      case THROWN.retry:
        return last && told.some(({ how }) => how === "retry");
      case "WorkerLostError":
        return record.acks === "early" ? runs.length <= 1 : this.history.claimsOf(id) >= 3;
      case "TaskRevokedError":
        return this.revoked.has(id) || this.revoked.has(workflow?.root ?? "") || this.purged.has(channel);
      case "Expired":
        return record.expiresAt !== undefined && runs.length === 0;
      case "ChainError":
      case "ChordError":
        return workflow !== undefined;
      default:
        return false;
    }
  }

  /** A run is given its task's own arguments, behind the result of what was before it. */
  #ofArgs({ ctx: { id }, args }: HeldRun): string[] {
    const { records } = this.history;
    const record = records.get(id);
    if (!record) return [`Task ${id} was started without a record`];
    const { takes, waitsFor } = record.workflow ?? {};
    const own = record.args ?? [];
    if (!takes) return isDeepStrictEqual(args, own) ? [] : [`Task ${id} was given ${JSON.stringify(args)}`];
    const before = takes === "task" ? outcomeOf(records.get(waitsFor!)) : args[0];
    const isList = takes === "task" || Array.isArray(before);
    const same = isList && isDeepStrictEqual(args, [before, ...own]);
    return same ? [] : [`Task ${id} was given ${JSON.stringify(args)}, behind ${JSON.stringify(before)}`];
  }
}

function outcomeOf(record: TaskRecord | undefined): Json {
  return record?.state === "SUCCESS" ? record.result ?? null : { error: { ...record?.error } };
}
