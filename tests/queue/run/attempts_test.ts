/** Attempts: the runs that a task has had, and its timeline. */
import assert from "node:assert/strict";
import type { Task } from "../../../queue/mod.ts";
import { encode } from "../../../queue/rows/codec.ts";
import { withAttempt } from "../../../queue/task/attempts.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores } from "../../support/open_queue.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";
import { rowsOf } from "../../support/rows.ts";

const outcomes = ({ attempts }: Task) => attempts.map(({ outcome }) => outcome);

const failing = (maxRetries: number, message = "no luck") =>
  task("failing", () => {
    throw new TypeError(message);
  }, { maxRetries, retry: { delay: 2, factor: 1 } });

onBothStores("the only run of a task is read off its record, which keeps nothing for it", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition] });
  const { id, attempts: none } = await q.queue.submit(held.definition, []);
  assert.deepEqual(none, []);
  await q.clock.advance(1000);
  const running = await q.queue.get(id);
  const { startedAt, worker } = running;
  assert.deepEqual(running.attempts, [{ startedAt, endedAt: null, worker, outcome: null, error: null }]);
  held.runs[0]!.finish(1);
  const { attempts, doneAt } = await q.ended({ id });
  assert.deepEqual(attempts, [{ startedAt, endedAt: doneAt, worker, outcome: "succeeded", error: null }]);
  const [record] = await rowsOf(q.store, "task");
  assert.equal("attempts" in (record!.value as object), false);
});

onBothStores("each retry keeps the run that failed, with its times and its error", async (open) => {
  const definition = failing(2);
  await using q = await open({ definitions: [definition] });
  const { attempts, doneAt, worker } = await q.ended(await q.queue.submit(definition, []), 60);
  const error = { type: "TypeError", message: "no luck" };
  assert.deepEqual(
    attempts.map(({ startedAt: _, endedAt: __, ...rest }) => rest),
    ["retried", "retried", "failed"].map((outcome) => ({ worker, outcome, error })),
  );
  for (const [i, { startedAt, endedAt }] of attempts.entries()) {
    assert(startedAt <= endedAt! && (i === 0 || startedAt >= attempts[i - 1]!.endedAt! + 2000));
  }
  assert.equal(attempts.at(-1)!.endedAt, doneAt);
});

onBothStores("the last ten runs are kept", async (open) => {
  const definition = failing(13);
  await using q = await open({ definitions: [definition] });
  const ended = await q.ended(await q.queue.submit(definition, []), 60);
  assert.deepEqual(outcomes(ended), [...Array(9).fill("retried"), "failed"]);
  const { timeline } = await q.queue.explain(ended.id);
  assert.deepEqual([timeline.length, timeline[0]!.what], [19, "ran"]);
});

Deno.test("kept runs take at most 4 KiB, the oldest are dropped", () => {
  const error = { type: "E".repeat(4000), message: '"\u{1F600}'.repeat(1000), traceback: null };
  let record = { attempts: [] } as unknown as Parameters<typeof withAttempt>[0];
  for (let startedAt = 0; startedAt < 12; startedAt++) {
    const attempts = withAttempt(record, { startedAt, worker: "w-1" }, startedAt, "retried", error);
    assert(encode(attempts).length <= 4096);
    assert.equal(attempts.at(-1)!.startedAt, startedAt);
    record = { ...record, attempts };
  }
  assert(record.attempts!.length >= 3);
});

Deno.test("a run whose worker was lost, and one that was given back, are kept", async () => {
  await using processes = new Processes();
  const { process, id } = await processes.startRunning();
  const first = process.worker();
  const held = heldTask("held");
  const other = await processes.start({ definitions: [held.definition] });
  await other.clock.advance(LOST_AFTER + 5000);
  assert.deepEqual(outcomes(await other.queue.get(id)), ["lost", null]);
  const stopped = other.queue.stop(0);
  await other.clock.advance(1000);
  await stopped;
  const last = await processes.start({ definitions: [task("held", () => "done")] });
  const ended = await last.ended({ id });
  assert.deepEqual(outcomes(ended), ["lost", "returned", "succeeded"]);
  assert.deepEqual(ended.attempts.map(({ worker }) => worker), [first, other.worker(), last.worker()]);
});

onBothStores("a task that is revoked while it waits for a retry has no further run", async (open) => {
  const definition = failing(1);
  await using q = await open({ definitions: [definition] });
  const { id } = await q.queue.submit(definition, []);
  await q.clock.advance(1000);
  assert.deepEqual(outcomes(await q.queue.revoke(id)), ["retried"]);
  const whats = (await q.queue.explain(id)).timeline.map(({ what }) => what);
  assert.deepEqual(whats.filter((what) => what !== "waited"), ["ran", "retried"]);
});

onBothStores(
  "a timeline tells what a task waited for, how it ran, and why it is parked now",
  async (open) => {
    const held = heldTask("held", { concurrencyKey: () => "gpu", concurrencyLimit: 1 });
    await using q = await open({ definitions: [held.definition, failing(1)] });
    const first = await q.queue.submit(held.definition, []);
    const second = await q.queue.submit(held.definition, []);
    await q.clock.advance(1000);
    const { reasons, timeline: [parked] } = await q.queue.explain(second.id);
    assert.deepEqual(parked, { what: "parked", from: second.createdAt, to: null, why: reasons[0]!.message });
    held.runs[0]!.finish();
    await q.ended(first);
    await q.clock.advance(3000);
    held.runs[1]!.finish();
    const { startedAt, doneAt } = await q.ended(second);
    assert.deepEqual((await q.queue.explain(second.id)).timeline, [
      { what: "waited", from: second.createdAt, to: startedAt, why: null },
      { what: "ran", from: startedAt, to: doneAt, why: "succeeded" },
    ]);
    const failed = await q.ended(await q.queue.submit(failing(1), [], { delay: 5 }), 60);
    const spans = (await q.queue.explain(failed.id)).timeline;
    assert.deepEqual(spans.map(({ what, why }) => [what, why]), [
      ["waited", null],
      ["ran", "retried: TypeError: no luck"],
      ["retried", null],
      ["ran", "failed: TypeError: no luck"],
    ]);
  },
);
