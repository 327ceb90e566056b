/** Lost workers, workers that only seem lost, and the processes that rescue them (invariants 3 and 9). */
import assert from "node:assert/strict";
import { put } from "../../../queue/rows/unit.ts";
import { START } from "../../../queue/testing/fake_clock.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { type CommitCall, deletes } from "../../support/faulty_store.ts";
import { heldTask } from "../../support/held_task.ts";
import { brokenLaws } from "../../support/invariants.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";
import { rowsOf } from "../../support/rows.ts";

const BEAT = 3000;

/** A process that stops to live while it runs `n` tasks, unless its clock is moved again. */
async function leaving(processes: Processes, n: number) {
  const mine = heldTask("held");
  const dead = await processes.start({ definitions: [mine.definition], channels: { default: n } });
  await dead.queue.submitAll(Array.from({ length: n }, (_, i) => ({ name: "held", args: [i] })));
  await dead.clock.settle();
  assert.equal(mine.runs.length, n);
  return { dead, mine };
}

const marksLost = ({ checks, mutations }: CommitCall) =>
  checks.some(({ key }) => key[1] === "worker") &&
  mutations.some(({ type, key }) => type === "delete" && key[1] === "lane");

Deno.test("a worker is lost after 15 s without a heartbeat, and no sooner", async () => {
  await using processes = new Processes();
  await leaving(processes, 1);
  const observer = await processes.start({ channels: {} });
  await observer.clock.advance(LOST_AFTER - 1);
  assert.equal(observer.events.of("lost-worker").length, 0);
  await observer.clock.advance(1);
  assert.equal(observer.events.of("lost-worker").length, 1);
  assert.equal((await rowsOf(processes.store, "ready"))[0]!.value.deliveries, 1);
});

Deno.test("a worker that beats is never lost", async () => {
  await using processes = new Processes();
  const { dead: alive } = await leaving(processes, 1);
  const observer = await processes.start({ channels: {} });
  for (let n = 0; n < 20; n++) {
    await observer.clock.advance(BEAT);
    if (n % 4 === 3) await alive.clock.advance(BEAT);
  }
  assert.equal(observer.events.of("lost-worker").length, 0);
});

Deno.test("a leap of the wall clock makes no worker lost, and keeps none alive", async () => {
  await using processes = new Processes();
  await leaving(processes, 1);
  const observer = await processes.start({ channels: {} });
  await observer.clock.advance(BEAT);
  observer.clock.setWall(START + 86_400_000);
  await observer.clock.advance(BEAT);
  assert.equal(observer.events.of("lost-worker").length, 0);
  observer.clock.setWall(START - 86_400_000);
  await observer.clock.advance(LOST_AFTER - 2 * BEAT);
  assert.equal(observer.events.of("lost-worker").length, 1);
});

Deno.test("an observer that was suspended itself starts its judgement anew", async () => {
  await using processes = new Processes();
  const { dead } = await leaving(processes, 1);
  const observer = await processes.start({ channels: {} });
  await observer.clock.advance(BEAT);
  // The whole machine sleeps for a minute; the other one was asleep as well.
  await observer.clock.skip(60_000);
  assert.equal(observer.events.of("lost-worker").length, 0);
  await observer.clock.advance(LOST_AFTER - BEAT);
  assert.equal(observer.events.of("lost-worker").length, 0);
  await dead.clock.advance(BEAT);
  await observer.clock.advance(LOST_AFTER - BEAT);
  assert.equal(observer.events.of("lost-worker").length, 0);
  await observer.clock.advance(2 * BEAT);
  assert.equal(observer.events.of("lost-worker").length, 1);
});

Deno.test("a worker that beats between its judgement and the rescue is not rescued", async () => {
  await using processes = new Processes();
  const { dead: late, mine } = await leaving(processes, 1);
  const observer = await processes.start({ channels: {} });
  observer.faulty.beforeCommit(marksLost, () => late.clock.advance(BEAT));
  await observer.clock.advance(LOST_AFTER);
  assert.equal(observer.events.of("lost-worker").length, 0);
  mine.runs[0]!.finish("done");
  await late.clock.settle();
  assert.deepEqual((await rowsOf(processes.store, "task")).map(({ value }) => value.state), ["SUCCESS"]);
  assert.equal(late.events.of("fenced").length, 0);
});

Deno.test("a rescue that takes long keeps no heartbeat waiting", async () => {
  await using processes = new Processes();
  await leaving(processes, 1);
  const observer = await processes.start({ channels: {} });
  const held = observer.faulty.onCommit("held", marksLost);
  await observer.clock.advance(LOST_AFTER);
  assert(held.met);
  const beats = async () =>
    (await rowsOf(processes.store, "worker")).find(({ key }) => key[2] === observer.worker())!.value.beat;
  const before = await beats();
  await observer.clock.advance(2 * BEAT);
  assert.equal(await beats(), before + 2);
  await held.land();
  await observer.clock.settle();
  assert.equal(observer.events.of("rescued").length, 1);
});

Deno.test("two rescuers of one worker: each run is given back once", async () => {
  await using processes = new Processes({ limits: { checks: 6 } });
  await leaving(processes, 10);
  const clock = new FakeClock();
  const rescuers = [
    await processes.start({ channels: {}, clock }),
    await processes.start({ channels: {}, clock }),
  ];
  await clock.advance(LOST_AFTER);
  const all = rescuers.flatMap(({ events }) => events.all);
  assert.equal(all.filter(({ type }) => type === "lost-worker").length, 1);
  assert.equal(all.filter(({ type }) => type === "lost").length, 10);
  const ready = await rowsOf(processes.store, "ready");
  assert.deepEqual(ready.map(({ value }) => value.deliveries), Array(10).fill(1));
  assert.deepEqual(await brokenLaws(processes.store), []);
});

Deno.test("two rescuers that both continue a half done rescue give each run back once", async () => {
  await using processes = new Processes({ limits: { checks: 6 } });
  const { dead } = await leaving(processes, 10);
  const [worker] = await rowsOf(processes.store, "worker");
  const lanes = (await rowsOf(processes.store, "lane")).map(({ key }) => ({ type: "delete", key }) as const);
  await processes.store.commit([], [...lanes, put(worker!.key, { ...worker!.value, lost: true })]);
  const clock = new FakeClock();
  const rescuers = [
    await processes.start({ channels: {}, clock, start: false }),
    await processes.start({ channels: {}, clock, start: false }),
  ];
  await Promise.all(rescuers.map(({ queue }) => queue.start()));
  await clock.advance(2 * BEAT);
  const given = rescuers.flatMap(({ events }) => events.of("lost")).map(({ task }) => task.id);
  assert.equal(given.length, 10);
  assert.equal(new Set(given).size, 10);
  await dead.clock.settle();
});

Deno.test("a rescue half done is finished by another at its next look, without 15 s more", async () => {
  await using processes = new Processes({ limits: { checks: 6 } });
  await leaving(processes, 10);
  const first = await processes.start({ channels: {} });
  let batches = 0;
  // It dies after its first batch of four.
  const dying = first.faulty.onCommit("held", (commit) => deletes("run")(commit) && ++batches === 2);
  await first.clock.advance(LOST_AFTER);
  assert(dying.met);
  assert.equal((await rowsOf(processes.store, "ready")).length, 4);
  const second = await processes.start({ channels: {} });
  const ready = await rowsOf(processes.store, "ready");
  assert.deepEqual(ready.map(({ value }) => value.deliveries), Array(10).fill(1));
  assert.equal(second.events.of("lost-worker").length, 0);
  assert.equal(second.events.of("rescued").length, 1);
  // What the first one had under way lands now, and changes nothing.
  assert.equal(await dying.land(), null);
  assert.deepEqual(await brokenLaws(processes.store), []);
});

Deno.test("a worker of an earlier opening of an unshared store is rescued at once", async () => {
  const before = new Processes({ incarnation: "first" });
  await leaving(before, 2);
  const after = new Processes({ incarnation: "second" });
  const entries = await rowsOf(before.store);
  await after.store.commit([], entries.map(({ key, entry }) => ({ type: "set", key, value: entry.value })));
  const held = heldTask("held");
  const next = await after.start({ definitions: [held.definition] });
  await next.clock.settle();
  assert.equal(held.runs.length, 2);
  assert.deepEqual(held.runs.map(({ ctx }) => ctx.retries), [0, 0]);
  for (const run of held.runs) run.finish();
  await next.clock.settle();
  await after[Symbol.asyncDispose]();
  assert.equal((await rowsOf(after.store, "worker")).length, 0);
  await before[Symbol.asyncDispose]();
});

Deno.test("a task that loses three workers fails as WorkerLostError; a retry starts the count anew", async () => {
  await using processes = new Processes();
  const held = heldTask("held", { maxRetries: 1, retry: { delay: 0 } });
  const observer = await processes.start({ channels: {} });
  let id = "";
  for (let lost = 0; lost < 5; lost++) {
    const worker = await processes.start({ definitions: [held.definition], channels: { default: 1 } });
    if (lost === 0) id = (await worker.queue.submitAll([{ name: "held", args: [] }])).tasks[0]!.id;
    await worker.clock.settle();
    if (lost === 2) {
      held.runs.at(-1)!.fail(new Error("counts as a retry"));
      await worker.clock.settle();
    }
    assert.equal((await observer.queue.get(id)).state, "STARTED");
    await observer.clock.advance(LOST_AFTER + BEAT);
  }
  const { state, error, retries } = await observer.queue.get(id);
  assert.deepEqual([state, error?.type, retries], ["FAILURE", "WorkerLostError", 1]);
  assert.match(error!.message, /given to 3 workers/);
  assert.equal(held.runs.length, 6);
});

Deno.test("many large tasks that end with their worker do not overfill the rescue", async () => {
  await using processes = new Processes();
  const mine = heldTask("held");
  const dead = await processes.start({ definitions: [mine.definition], channels: { default: 90 } });
  const args = ["x".repeat(16_000)];
  for (let n = 0; n < 9; n++) {
    await dead.queue.submitAll(Array.from({ length: 10 }, () => ({ name: "held", args })));
  }
  await dead.clock.settle();
  assert.equal(mine.runs.length, 90);
  const observer = await processes.start({ channels: {} });
  for (const { id } of (await observer.queue.list({ limit: 500 })).tasks) await observer.queue.revoke(id);
  await observer.clock.advance(LOST_AFTER + BEAT);
  const { tasks } = await observer.queue.list({ limit: 500 });
  assert.equal(tasks.filter(({ state }) => state === "REVOKED").length, 90);
  assert.deepEqual(observer.events.of("fault"), []);
});
