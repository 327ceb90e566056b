/**
 * One step of the model, and what must be true after it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { brokenLaws } from "../support/invariants.ts";
import { rowsOf } from "../support/rows.ts";
import { act, cause } from "./acts.ts";
import type { Model } from "./model.ts";
import { brokenHistories } from "./occurrences.ts";
import { before, outOfOrder } from "./order.ts";
import { isTrouble, type Step } from "./steps.ts";

/** Takes a step, lets all happen that follows from it, and checks the laws. */
export async function take(model: Model, step: Step): Promise<void> {
  const { world, time } = model;
  const { commits } = world.history;
  const runs = model.runs.length;
  const from = before(world.history, await rowsOf(world.store, "channel"));
  if (isTrouble(step)) await cause(model, step);
  else await act(model, step);
  await time.settle();
  if (world.history.commits > commits || model.runs.length > runs) await check(model, from);
}

async function check(model: Model, from: ReturnType<typeof before>): Promise<void> {
  const { world: { history, ledger, store, finished }, options: { trouble, unshared } } = model;
  const rows = await rowsOf(store);
  const channels = rows.filter(({ family }) => family === "channel");
  assert.deepEqual([
    ...history.broken,
    ...ledger.broken(history.records),
    ...model.reference.broken(model.runs),
    ...await brokenLaws(store, undefined, model.world.options.queue.definitions),
    ...brokenHistories(rows, model.paused),
    ...outOfOrder(from, history, channels, model.limited, !trouble, !unshared),
    ...[...finished].flatMap(([id, times]) => times > 1 ? [`Task ${id} has ended ${times} times`] : []),
  ], []);
}
