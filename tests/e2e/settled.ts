/**
 * One row for each settlement of a task that landed, in a namespace of the tests beside the queue's.
 *
 * @module
 */
import type { Store } from "../../queue/store/port.ts";
import { rowsOf } from "../support/rows.ts";

/** First part of the keys `settled id uuid`. */
export function settledIn(namespace: string): string {
  return `${namespace}-settled`;
}

/** How often each task was settled, by its id; none has an entry with 0. */
export async function settlements(store: Store, namespace: string): Promise<Map<string, number>> {
  const settled = new Map<string, number>();
  for (const { key } of await rowsOf(store, undefined, settledIn(namespace))) {
    settled.set(String(key[1]), (settled.get(String(key[1])) ?? 0) + 1);
  }
  return settled;
}
