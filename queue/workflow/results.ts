/**
 * Results that something in a workflow will take, of tasks that ended in this process, so that it need not read them.
 *
 * @module
 */
import type { TaskRecord } from "../rows/record.ts";
import type { Json } from "../ground/task.ts";

/** Characters of JSON kept at most; whoever takes results beyond that reads them from the store. */
const CAPACITY = 1_000_000;
/** What a result counts for beside its JSON. */
const OVERHEAD = 100;

const NOTHING = () => {};

/** A bounded map from a task to its result, and from a group to those of its members by their ids. */
export class Results {
  #kept = new Map<string, Map<string, string>>();
  #size = 0;

  /**
   * Copies a task's result as it is about to be stored: the handler may go on with its object.
   *
   * @returns keeps it; to be called when it is stored
   */
  copy({ id, state, result = null, resultChunks, workflow }: TaskRecord): () => void {
    const of = workflow?.followed ? id : workflow?.group;
    if (of === undefined || state !== "SUCCESS" || resultChunks !== undefined) return NOTHING;
    const json = JSON.stringify(result) ?? "null";
    return () => this.#put(of, id, json);
  }

  /**
   * Takes out the results of a task, or of a group's members in their order. A group within the group, and what has
   * failed, has none here.
   *
   * @returns `null` unless all `count` are known
   */
  take(of: string, count: number): Json[] | null {
    const results = this.#kept.get(of);
    if (!results) return null;
    this.#drop(of);
    if (results.size !== count) return null;
    return [...results].sort(([a], [b]) => a < b ? -1 : 1).map(([, json]) => JSON.parse(json));
  }

  #put(of: string, id: string, json: string): void {
    const results = this.#kept.get(of);
    if (results) results.set(id, json);
    else this.#kept.set(of, new Map([[id, json]]));
    this.#size += OVERHEAD + json.length;
    while (this.#size > CAPACITY) this.#drop(this.#kept.keys().next().value!);
  }

  #drop(of: string): void {
    for (const json of this.#kept.get(of)!.values()) this.#size -= OVERHEAD + json.length;
    this.#kept.delete(of);
  }
}
