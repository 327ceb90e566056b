import assert from "node:assert/strict";
import { Tally } from "../../../queue/inspect/tally.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores } from "../../support/open_queue.ts";

const ref = { id: "i", name: "n", channel: "c" };
const finished = { type: "finished", task: ref, state: "SUCCESS", duration: 1, error: null } as const;

Deno.test("Tally's rate is of the last minute, or since the start", async () => {
  const clock = new FakeClock();
  const tally = new Tally(clock);
  assert.equal(tally.rate, 0);
  for (let i = 0; i < 10; i++) tally.record(finished);
  assert.equal(tally.rate, 10);
  await clock.advance(10_000);
  assert.equal(tally.rate, 1);
  for (let i = 0; i < 20; i++) tally.record(finished);
  await clock.advance(49_000);
  assert.equal(tally.rate, 0.508);
  await clock.advance(2000);
  assert.equal(tally.rate, 0.333);
  await clock.skip(10_000_000);
  assert.equal(tally.rate, 0);
  tally.record(finished);
  assert.equal(tally.rate, 0.017);
  assert.equal(tally.uptime, 10_061);
  assert.equal(tally.counts.succeeded, 31);
});

onBothStores("stats() shows what stands where, who works, and what the process has done", async (open) => {
  const held = heldTask("held");
  let failures = 0;
  const fails = task("fails", () => {
    failures++;
    throw new Error("no luck");
  }, { channel: "other", maxRetries: 1, retry: { delay: 1 } });
  await using q = await open({ definitions: [held.definition, fails], channels: { default: 2, other: 1 } });
  for (let i = 0; i < 5; i++) await q.queue.submit(held.definition, []);
  for (let i = 0; i < 2; i++) await q.queue.submit(held.definition, [], { delay: 600 });
  const revoked = await q.queue.submit(held.definition, [], { delay: 600 });
  await q.queue.revoke(revoked.id);
  await q.queue.submit(fails, []);
  await q.clock.advance(10_000);
  held.runs[0]!.finish();
  await q.clock.settle();
  assert.equal(failures, 2);
  const stats = await q.queue.stats();
  assert.deepEqual(stats.tasks, {
    ready: 2,
    delayed: 2,
    blocked: 0,
    waiting: 0,
    running: 2,
    failure: 1,
    revoked: 1,
  });
  assert.deepEqual(stats.workers, { alive: 1, lost: 0 });
  assert.deepEqual(stats.sinceStart, {
    submitted: 9,
    started: 5,
    retried: 1,
    succeeded: 1,
    failed: 1,
    revoked: 1,
  });
  assert.equal(stats.uptime, 10);
  assert.equal(stats.rate, 0.3);
  assert.equal(stats.worker, (await q.queue.workers())[0]!.id);
  assert.deepEqual(stats.channels, await q.queue.channels());
});
