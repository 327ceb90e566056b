/**
 * The load that the scenarios have in common, so that one's figures can be laid beside another's.
 *
 * @module
 */
import type { Connection } from "./connection.ts";

/** Slots for the tasks that add numbers: with the default 16, most of what 64 connections submit has to wait. */
export const SLOTS = 100;
/** Tasks of a batch, as many as a request over HTTP may hold. */
export const BATCH = 250;
/** The task of `main.ts` that adds two integers. */
export const TASK = "app.tasks.add";
/** Where the channel of that task is paused and resumed. */
export const CHANNEL = "/v1/channels/celery";

/** Submits so many tasks over HTTP, a batch after the other. Resolves to their ids. */
export async function submitBatches(client: Connection, count: number): Promise<string[]> {
  const tasks = Array.from({ length: BATCH }, () => ({ name: TASK, args: [1, 2] }));
  const ids: string[] = [];
  while (ids.length < count) {
    const answer = await client.json("POST", "/v1/tasks/batch", { body: { tasks } });
    ids.push(...(answer.tasks as { id: string }[]).map(({ id }) => id));
  }
  return ids;
}
