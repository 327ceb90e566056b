/** Invariant 7: one task per occurrence, whatever number of processes tick and whatever happens to their commits. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { FakeClock, START } from "../../../queue/testing/fake_clock.ts";
import { asks, type CommitFault, sets } from "../../support/faulty_store.ts";
import { task } from "../../support/held_task.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";
import { rowsOf } from "../../support/rows.ts";
import type { Store } from "../../../queue/mod.ts";

const definitions = [task("ticks", () => 1)];
const ticking = { task: { name: "ticks", args: [] } };

/** Planned moments of a schedule's history, seconds after the start; each must have its task, and it alone. */
async function firedSeconds(store: Store, id: string): Promise<number[]> {
  const history = (await rowsOf(store, "occurrence")).filter(({ key }) => key[2] === id);
  const tasks = (await rowsOf(store, "task")).filter(({ value }) => value.scheduleId === id);
  const named = history.map(({ value }) => value.taskId);
  assert.deepEqual(named.toSorted(), tasks.map(({ key }) => key[2]));
  return history.map(({ value }) => (value.plannedAt - START) / 1000);
}

const seconds = (count: number) => Array.from({ length: count }, (_, n) => n + 1);

Deno.test("three processes that tick at once fire each occurrence once", async () => {
  await using all = new Processes();
  const clock = new FakeClock();
  const three = [
    await all.start({ definitions, clock }),
    await all.start({ definitions, clock }),
    await all.start({ definitions, clock, start: false }),
  ];
  for (let n = 0; n < 20; n++) {
    await three[n % 3]!.queue.schedules.create({ ...ticking, id: `s${n}`, trigger: { interval: 1 } });
  }
  for (let second = 0; second < 10; second++) {
    await clock.advance(1000);
    await Promise.all(three.map((process) => process.queue.tick()));
  }
  for (let n = 0; n < 20; n++) assert.deepEqual(await firedSeconds(all.store, `s${n}`), seconds(10));
});

Deno.test("what three processes find due after a leap is one task, whatever becomes of the commit's answer", async () => {
  for (const fault of ["lost", "failed", "nothing", "repeated", "echoed"] satisfies CommitFault[]) {
    await using all = new Processes();
    const clock = new FakeClock();
    const three = [
      await all.start({ definitions, clock }),
      await all.start({ definitions, clock }),
      await all.start({ definitions, clock, start: false }),
    ];
    const trigger = { interval: 1 };
    await three[0]!.queue.schedules.create({ ...ticking, id: "s", trigger, misfireGrace: 7200 });
    const injected = three[0]!.faulty.onCommit(fault, sets("occurrence"));
    clock.setWall(START + 7_200_500);
    await Promise.all(three.map((process) => process.queue.tick().catch(() => {})));
    await clock.settle();
    if (fault === "echoed" && injected.met) await injected.land();
    const rows = (await rowsOf(all.store, "occurrence")).map(({ value }) => value).slice(0, 2);
    assert.deepEqual(
      rows.map((
        { outcome, plannedAt, missedUntil },
      ) => [outcome, plannedAt - START, missedUntil && missedUntil - START]),
      [["missed", 1000, 7_199_000], ["submitted", 7_200_000, null]],
      fault,
    );
    assert.equal((await rowsOf(all.store, "task")).length, 1, fault);
  }
});

Deno.test("no lock by the minute: a job of 30 seconds fires twice a minute in three processes", async () => {
  await using all = new Processes();
  const clock = new FakeClock();
  const three = [1, 2, 3].map(() => all.start({ definitions, clock }));
  const [first] = await Promise.all(three);
  await first!.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 30 } });
  await first!.queue.schedules.create({ ...ticking, id: "c", trigger: { cron: "*/30 * * * * *" } });
  await clock.advance(180_000);
  for (const id of ["s", "c"]) {
    assert.deepEqual(await firedSeconds(all.store, id), [30, 60, 90, 120, 150, 180]);
  }
});

Deno.test("two processes on a store of ten checks a commit fire each occurrence once", async () => {
  await using all = new Processes({ limits: { checks: 10, lanes: 8 } });
  const clock = new FakeClock();
  const [a] = [await all.start({ definitions, clock }), await all.start({ definitions, clock })];
  for (let n = 0; n < 60; n++) {
    await a.queue.schedules.create({ ...ticking, id: `s${n}`, trigger: { interval: 1 } });
  }
  await clock.advance(5_000);
  for (let n = 0; n < 60; n++) assert.deepEqual(await firedSeconds(all.store, `s${n}`), seconds(5));
});

Deno.test("an occurrence fires once whatever becomes of the commit's answer", async () => {
  for (const fault of ["lost", "failed", "nothing", "repeated", "echoed"] satisfies CommitFault[]) {
    await using all = new Processes();
    const clock = new FakeClock();
    const a = await all.start({ definitions, clock });
    await all.start({ definitions, clock });
    await a.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 1 } });
    const injected = a.faulty.onCommit(fault, sets("occurrence"));
    await clock.advance(5_000);
    if (fault === "echoed" && injected.met) await injected.land();
    assert.deepEqual(await firedSeconds(all.store, "s"), seconds(5), fault);
  }
});

Deno.test("a process that dies in mid-fire leaves the occurrence to another, and its late commit lands in vain", async () => {
  await using all = new Processes();
  const dead = await all.start({ definitions });
  await dead.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 1 } });
  const held = dead.faulty.onCommit("held", sets("occurrence"));
  await dead.clock.advance(1_000);
  assert(held.met);
  // Its clock stands still from here: to the others it is dead.
  const other = await all.start({ definitions });
  await other.clock.advance(3_000);
  assert.deepEqual(await firedSeconds(all.store, "s"), seconds(3));
  assert.equal(await held.land(), null);
  assert.deepEqual(await firedSeconds(all.store, "s"), seconds(3));
  await other.clock.advance(LOST_AFTER + 5_000);
  await dead.clock.advance(1_000);
});

Deno.test("a schedule that was read before another process fired it is not fired again", async () => {
  await using all = new Processes();
  const clock = new FakeClock();
  const a = await all.start({ definitions, clock, start: false });
  const b = await all.start({ definitions, clock, start: false });
  await a.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 60 } });
  await clock.advance(60_000);
  const late = a.faulty.onRead("late", asks("schedule"));
  const slow = a.queue.tick();
  await late.hit;
  await b.queue.tick();
  await late.land();
  await slow;
  assert.deepEqual(await firedSeconds(all.store, "s"), [60]);
});

Deno.test("an edit, a pause and a deletion race with firing, and neither is lost", async () => {
  await using all = new Processes();
  const clock = new FakeClock();
  const a = await all.start({ definitions, clock, start: false });
  const b = await all.start({ definitions, clock, start: false });
  const request = { ...ticking, id: "s", trigger: { interval: 1 }, maxInstances: 100 };
  const { schedule } = await a.queue.schedules.create(request);
  for (
    const edit of [
      () => a.queue.schedules.update("s", { jitter: 1 }, schedule.revision),
      () => a.queue.schedules.run("s"),
      () => a.queue.schedules.pause("s"),
      () => a.queue.schedules.resume("s"),
      () => a.queue.schedules.delete("s"),
    ]
  ) {
    await clock.advance(1_000);
    a.faulty.beforeCommit(
      ({ checks }) => checks.some(({ key }) => key[1] === "schedule"),
      () => b.queue.tick(),
    );
    await edit();
  }
  assert.equal((await rowsOf(all.store, "schedule")).length, 0);
  assert.equal((await rowsOf(all.store, "occurrence")).length, 0);
  const fired = (await rowsOf(all.store, "task")).filter(({ value }) => value.scheduleId === "s").length;
  assert.equal(fired, 5, "four occurrences while it was not paused, and the run that was asked for");
});

Deno.test("random faults in two processes: every second of every schedule has its one task", async () => {
  const faults = fc.array(
    fc.record({
      process: fc.nat(1),
      fault: fc.constantFrom<CommitFault>("lost", "failed", "nothing", "repeated"),
      at: fc.integer({ min: 0, max: 7_000 }),
    }),
    { minLength: 1, maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(faults, async (plan) => {
      await using all = new Processes();
      const clock = new FakeClock();
      const two = [await all.start({ definitions, clock }), await all.start({ definitions, clock })];
      for (let n = 0; n < 5; n++) {
        const request = { ...ticking, id: `s${n}`, trigger: { interval: 1 } };
        await two[n % 2]!.queue.schedules.create({ ...request, maxInstances: 100 });
      }
      let now = 0;
      for (const { process, fault, at } of plan.toSorted((x, y) => x.at - y.at)) {
        await clock.advance(at - now);
        now = at;
        two[process]!.faulty.onCommit(fault, ({ checks }) => checks.length > 0);
      }
      await clock.advance(10_000 - now);
      for (let n = 0; n < 5; n++) assert.deepEqual(await firedSeconds(all.store, `s${n}`), seconds(10));
    }),
    { numRuns: 25 },
  );
});
