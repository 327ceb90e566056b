/**
 * Late keys: makes the concurrency keys of tasks whose arguments were not all known at submission. These are the tasks
 * of a workflow that take a result, and error callbacks. Such a task stands in `ready` with a pointer that says so. A
 * claim that meets it makes the key and writes it into record and pointer. The next claim then finds a task with a key,
 * or without one, like any other.
 *
 * @module
 */
import type { Base, Signals } from "../engine.ts";
import { ArgumentsError, InvalidTaskError } from "../ground/errors.ts";
import { isOver } from "../ground/is_over.ts";
import type { Overrides } from "../limits/overrides.ts";
import { endIfWaiting } from "../request/revoke.ts";
import type { TaskRecord } from "../rows/record.ts";
import { idOf } from "../rows/keys.ts";
import type { Check, Entry } from "../store/port.ts";
import type { Json } from "../ground/task.ts";
import { faultsOf } from "../task/args.ts";
import { keyOf } from "../task/concurrency.ts";
import { argumentsRefused, type Ending } from "../task/endings.ts";
import { brief, describe } from "../task/failure.ts";
import { keyUnit } from "../task/moves.ts";
import { readRecords } from "../task/read.ts";
import type { Results } from "../workflow/results.ts";
import { resolveArgs } from "../workflow/value.ts";

/** Makes late keys for the tasks of one channel. */
export class LateKeys {
  /**
   * @param busy ids of the tasks that a commit in flight is about to change in `ready`
   * @param outdated called when the tasks read ahead may no longer be as they were read
   */
  constructor(
    readonly engine: Base & Signals & { readonly overrides: Overrides; readonly results: Results },
    readonly channel: string,
    readonly busy: Set<string>,
    readonly outdated: () => void,
  ) {}

  /** Makes the keys of ready tasks, or ends the tasks whose arguments their definitions refuse. Never rejects. */
  async make(entries: readonly Entry[]): Promise<void> {
    const { engine: { overrides }, channel } = this;
    // A purge would miss a task whose pointer is rewritten between its read of `ready` and its commit.
    if (overrides.isPaused(channel)) return;
    const under = overrides.checks(channel);
    for (const { key } of entries) this.busy.add(idOf(key));
    try {
      const records = await readRecords(this.engine, entries.map(({ key }) => idOf(key)));
      const made = await Promise.allSettled(
        entries.map((entry, i) => this.#make(entry, records[i] ?? null, under)),
      );
      for (const each of made) if (each.status === "rejected") this.#fault(each.reason);
    } catch (error) {
      this.#fault(error);
    }
    for (const { key } of entries) this.busy.delete(idOf(key));
    this.outdated();
    // The consumer goes on without it; a drain of a queue on demand is prolonged by it, until the tasks can be claimed.
    this.engine.wake(this.channel);
  }

  async #make(entry: Entry, record: TaskRecord | null, under: readonly Check[]): Promise<void> {
    const { engine, channel } = this;
    const { overrides } = engine;
    const key = record ? await this.#keyFor(record) : null;
    if (key !== null && typeof key === "object") return void await endIfWaiting(engine, record!.id, key);
    const unit = keyUnit(engine.keys, entry, record && withKey(record, key), under);
    if (await engine.committer.commit(unit) !== null) return;
    // The task was revoked, another process was faster, or the channel's settings have changed.
    if (overrides.shared) await overrides.reread(channel);
  }

  /**
   * The key for a task; `null` when its definition makes none. The end of the task when its definition refuses the
   * arguments, or when its schema itself throws: a task that ran without its key would run beside others of that key.
   */
  async #keyFor(record: TaskRecord): Promise<string | null | Ending> {
    const { store, keys, results, definitions } = this.engine;
    const definition = definitions.get(record.name)!;
    // The results stay in the cache: the run takes them.
    const peeking: Pick<Results, "take"> = { take: (of, count) => results.peek(of, count) };
    let args: readonly Json[];
    try {
      args = await resolveArgs({ store, keys, results: peeking }, record);
    } catch (error) {
      if (error instanceof ArgumentsError) return { state: "FAILURE", error: brief(error) };
      throw error;
    }
    try {
      const parsed = definition.args.safeParse(args);
      return parsed.success
        ? keyOf(definition, args, "/args")
        : argumentsRefused(faultsOf(parsed.error, "/args"));
    } catch (error) {
      if (error instanceof InvalidTaskError) return argumentsRefused(error.faults);
      return { state: "FAILURE", error: describe(error) };
    }
  }

  #fault(error: unknown): void {
    if (isOver(error)) return;
    const message = `Channel ${this.channel}: concurrency keys could not be made`;
    this.engine.emit({ type: "fault", message, error });
  }
}

function withKey({ unkeyed: _, ...record }: TaskRecord, key: string | null): TaskRecord {
  return key === null ? record : { ...record, concurrencyKey: key };
}
