/**
 * Error callbacks: the task that a failing end submits in its own commit.
 *
 * @module
 */
import { chunkCount, jsonSize } from "../rows/payload.ts";
import type { TaskRecord } from "../rows/record.ts";
import type { Json } from "../ground/task.ts";

/** Makes the callback's record from the one frozen at submit and from the end of the task that failed. */
export function errorCallback(callback: TaskRecord, failed: TaskRecord): TaskRecord {
  const now = failed.doneAt!;
  const args: Json[] = [failed.id, { ...failed.error! }, ...callback.args!];
  const chunks = chunkCount(jsonSize(args));
  const delay = callback.workflow?.delay;
  return {
    ...callback,
    createdAt: now,
    runAt: delay === undefined ? Math.max(now, callback.runAt) : now + delay,
    args,
    ...(chunks !== undefined && { argsChunks: chunks }),
    ...(callback.expiresAt !== undefined && {
      expiresAt: now + callback.expiresAt - callback.createdAt,
    }),
  };
}
