/**
 * Wake-ups that are hints alone: the process that executes has a clock that stands still, so it never polls.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Store, systemClock } from "../../queue/mod.ts";
import { task } from "./held_task.ts";
import { openQueue } from "./open_queue.ts";

/** Asserts that a task that is submitted over one store is run over the other, which may be the same. */
export async function assertRunsByHints(here: Store, there: Store): Promise<void> {
  const done = Promise.withResolvers<string>();
  const add = task("add", (ctx) => done.resolve(ctx.id));
  const submitter = await openQueue({ store: here, definitions: [add], channels: {}, clock: systemClock });
  const still = { now: Date.now, monotonic: () => 0, after: () => () => {} };
  const worker = await openQueue({ store: there, definitions: [add], clock: still });
  const { tasks: [submitted] } = await submitter.queue.submitAll([{ name: "add", args: [] }]);
  assert.equal(await done.promise, submitted!.id);
  await submitter.queue.wait(submitted!.id);
  await worker.close();
  await submitter.close();
}
