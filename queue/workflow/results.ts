/**
 * A cache of results: those of tasks that ended in this process and whose result a later task of the workflow may take,
 * so that it need not be read from the store.
 *
 * @module
 */
import { leastSize, PAYLOAD_BYTES } from "../rows/payload.ts";
import type { TaskRecord } from "../rows/record.ts";
import type { Json } from "../ground/task.ts";
import { wellFormed } from "../ground/well_formed.ts";

/** Most characters of JSON kept. The oldest results make room, and are then read from the store. */
const CAPACITY = 1_000_000;
/** Characters that a result counts for beside its JSON. */
const OVERHEAD = 100;

/** Least characters of a result that counts towards its group's size, so that groups of small results keep no sum. */
const COUNTED = 100;
/** Groups whose sizes are kept. The oldest make room: their bodies then tell that the list is too large. */
const SUMS = 1_000;

const NOTHING = () => {};

/** A bounded map from a followed task to its result, and from a group to the results of its members by their ids. */
export class Results {
  #kept = new Map<string, Map<string, string>>();
  #size = 0;
  /** Least bytes, by group, of the results of those of its own members that ended here. */
  #sums = new Map<string, number>();

  /**
   * Copies a task's result before it is stored, because the handler may go on to change its object.
   *
   * @returns a function that keeps the copy, to be called when the result is stored
   */
  copy({ id, state, result = null, resultChunks, workflow }: TaskRecord): () => void {
    const of = workflow?.followed ? id : workflow?.group;
    if (of === undefined || state !== "SUCCESS") return NOTHING;
    const isMember = !workflow!.followed;
    if (resultChunks !== undefined) {
      return isMember ? () => this.#add(of, leastSize({ resultChunks })) : NOTHING;
    }
    const json = wellFormed(JSON.stringify(result) ?? "null");
    return () => {
      this.#put(of, id, json);
      if (isMember && json.length >= COUNTED) this.#add(of, json.length);
    };
  }

  /** Whether the results of a group are known to be larger together than arguments may be. */
  isTooLarge(group: string): boolean {
    return (this.#sums.get(group) ?? 0) > PAYLOAD_BYTES;
  }

  #add(group: string, bytes: number): void {
    this.#sums.set(group, (this.#sums.get(group) ?? 0) + bytes);
    if (this.#sums.size > SUMS) this.#sums.delete(this.#sums.keys().next().value!);
  }

  /** Returns results as {@link peek} does, and removes what is kept of the task or group. */
  take(of: string, count: number): Json[] | null {
    const results = this.peek(of, count);
    if (this.#kept.has(of)) this.#drop(of);
    this.#sums.delete(of);
    return results;
  }

  /**
   * Returns the result of a task, or the results of a group's members in their order. Nested groups and members that
   * failed have no result here.
   *
   * @returns `null` unless all `count` results are known
   */
  peek(of: string, count: number): Json[] | null {
    const results = this.#kept.get(of);
    if (results?.size !== count) return null;
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
