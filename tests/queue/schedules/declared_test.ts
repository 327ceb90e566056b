import assert from "node:assert/strict";
import { z } from "zod";
import { type CodeSchedule, createQueue, defineTask, memoryStore } from "../../../queue/mod.ts";
import { put } from "../../../queue/rows/unit.ts";
import { START } from "../../../queue/testing/fake_clock.ts";
import { task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { rowsOf } from "../../support/rows.ts";

const ticks = task("ticks", (_ctx, word) => word);
const definitions = [ticks];
const minutely: CodeSchedule = { id: "minutely", task: ticks, args: ["now"], trigger: { cron: "* * * * *" } };
const hourly: CodeSchedule = { id: "hourly", task: ticks, args: ["now"], trigger: { cron: "0 * * * *" } };

onBothStores("a schedule from code is stored at start and fires", async (open) => {
  await using q = await open({ definitions, schedules: [minutely] });
  const schedule = await q.queue.schedules.get("minutely");
  assert.equal(schedule.origin, "code");
  assert.equal(schedule.nextRunAt, START + 60_000);
  await q.clock.advance(120_000);
  assert.deepEqual((await q.queue.list()).tasks.map(({ args }) => args), [["now"], ["now"]]);
});

Deno.test("a tick of a queue that was never started fires what code declares", async () => {
  await using q = await openQueue({ definitions, schedules: [minutely], start: false });
  await q.queue.tick();
  await q.clock.skip(60_000);
  await Promise.all([q.queue.tick(), q.queue.tick()]);
  assert.equal((await q.queue.schedules.occurrences("minutely")).occurrences.length, 1);
  await q.close();
  await q.queue.tick();
});

Deno.test("a schedule from code is stored again in a store that has lost it, and others' edits are kept", async () => {
  await using q = await openQueue({ definitions, schedules: [minutely, hourly] });
  await q.queue.schedules.pause("hourly");
  await q.clock.advance(1000);
  const lost = (await rowsOf(q.store)).filter(({ key }) => key.includes("minutely"));
  await q.store.commit([], lost.map(({ key }) => ({ type: "delete", key })));
  await q.clock.advance(120_000);
  assert.equal((await q.queue.list()).tasks.length, 2);
  assert.equal((await q.queue.schedules.get("hourly")).paused, true);
});

onBothStores("a person's edit wins until the code's own definition changes", async (open) => {
  await using q = await open({ definitions, schedules: [minutely] });
  await q.queue.schedules.update("minutely", { trigger: { interval: 5 }, jitter: 1 });
  await q.queue.schedules.pause("minutely");
  const options = { definitions, store: q.store, clock: q.clock };
  {
    await using _same = await open({ ...options, schedules: [minutely] });
    const { trigger, jitter, paused } = await q.queue.schedules.get("minutely");
    assert.deepEqual({ trigger, jitter, paused }, { trigger: { interval: 5 }, jitter: 1, paused: true });
  }
  await using _changed = await open({ ...options, schedules: [{ ...minutely, args: ["later"] }] });
  const { trigger, jitter, paused, task } = await q.queue.schedules.get("minutely");
  assert.deepEqual({ trigger, jitter, args: task.args }, {
    trigger: { cron: "* * * * *", timezone: "UTC" },
    jitter: 0,
    args: ["later"],
  });
  assert(paused, "what a person paused stays paused");
});

onBothStores("a changed definition keeps its place when its grid is the same", async (open) => {
  await using q = await open({ definitions, schedules: [hourly], start: false });
  await q.queue.tick();
  await q.clock.skip(90 * 60_000);
  await using _changed = await open({
    definitions,
    schedules: [{ ...hourly, jitter: 3 }],
    store: q.store,
    clock: q.clock,
  });
  await q.clock.advance(1_000);
  const { occurrences } = await q.queue.schedules.occurrences("hourly");
  assert.deepEqual(occurrences.map(({ plannedAt }) => plannedAt), [START + 3_600_000]);
});

onBothStores(
  "a schedule that no code declares any more is paused as an orphan, and comes back with its code",
  async (open) => {
    const first = await open({ definitions, schedules: [minutely, hourly], store: "shared" });
    const options = { definitions, store: first.store, clock: first.clock };
    {
      await using second = await open({ ...options, schedules: [hourly] });
      await first.clock.advance(30_000);
      const { problem, paused } = await second.queue.schedules.get("minutely");
      assert.deepEqual({ problem, paused }, { problem: null, paused: false }, "another process declares it");
    }
    await first.queue.stop(0);
    await using later = await openQueue({ ...options, schedules: [hourly] });
    await later.clock.settle();
    const orphan = await later.queue.schedules.get("minutely");
    assert.match(orphan.problem!, /No code declares/);
    assert(orphan.paused);
    assert.equal(orphan.nextRunAt, null);
    assert.equal((await later.queue.schedules.get("hourly")).problem, null);
    await assert.rejects(later.queue.schedules.resume("minutely"), { code: "schedule-orphaned" });
    await assert.rejects(later.queue.schedules.update("minutely", { paused: false }), {
      code: "schedule-orphaned",
    });
    await later.queue.schedules.update("minutely", { jitter: 0 });
    await later.clock.skip(90_000);
    await later.clock.advance(1_000);
    assert.equal((await later.queue.schedules.occurrences("minutely")).occurrences.length, 0);

    await using back = await openQueue({ ...options, schedules: [minutely] });
    assert.equal((await back.queue.schedules.get("minutely")).problem, null);
    await back.clock.advance(1_000);
    // As if Sluice had been down: two minutes have passed, the second one in time.
    assert.equal(
      (await back.queue.schedules.occurrences("minutely")).occurrences[0]!.plannedAt,
      START + 120_000,
    );
    await back.close();
    await later.close();
    await first.close();
  },
);

onBothStores("a schedule from code cannot be deleted, an orphan can", async (open) => {
  await using q = await open({ definitions, schedules: [minutely] });
  await assert.rejects(q.queue.schedules.delete("minutely"), {
    code: "schedule-declared",
    message: /pause it/,
  });
  await q.queue.stop(0);
  await using later = await open({ definitions, store: q.store, clock: q.clock });
  await later.queue.schedules.delete("minutely");
  assert.equal((await rowsOf(q.store, "schedule")).length, 0);
});

onBothStores("code takes the id of a schedule that a person made", async (open) => {
  await using q = await open({ definitions });
  await q.queue.schedules.create({
    id: "minutely",
    task: { name: "ticks", args: ["mine"] },
    trigger: { interval: 9 },
  });
  await using later = await open({ definitions, schedules: [minutely], store: q.store, clock: q.clock });
  const { origin, trigger } = await later.queue.schedules.get("minutely");
  assert.deepEqual({ origin, trigger }, {
    origin: "code",
    trigger: { cron: "* * * * *", timezone: "UTC" },
  });
});

onBothStores("a row of the first version is written anew", async (open) => {
  await using q = await open({ definitions });
  const key = ["sluice", "schedule", "minutely"];
  await q.store.commit([], [put(key, { every: 60, nextRunAt: START })]);
  assert.deepEqual((await q.queue.schedules.list()).schedules, []);
  await using later = await open({ definitions, schedules: [minutely], store: q.store, clock: q.clock });
  assert.equal((await later.queue.schedules.get("minutely")).nextRunAt, START + 60_000);
});

Deno.test("a schedule that cannot be is refused when the queue is made, with every fault", () => {
  const strict = defineTask({ name: "strict", args: z.tuple([z.int()]) }, (_ctx, n) => n);
  const store = memoryStore();
  const schedules: CodeSchedule[] = [
    { id: "a", task: strict, args: ["x"], trigger: { cron: "61 * * * *" } },
    { id: "b", task: strict, args: [1], trigger: { interval: 0 }, maxInstances: 0 },
    { id: "b c", task: strict, args: [1], trigger: { interval: 1 } },
    { id: "d", task: strict, args: [1], trigger: { interval: 1 } },
    { id: "d", task: strict, args: [1], trigger: { interval: 1 } },
  ];
  assert.throws(() => createQueue({ store, definitions: [strict], schedules }), (error: Error) => {
    assert.equal(error.name, "TypeError");
    for (
      const part of [
        /'a' as task\/args\/0/,
        /'a' as trigger\/cron must be cron text/,
        /'b' as trigger\/interval must be/,
        /'b' as max_instances must be/,
        /'b c' as id must be/,
        /'d' as its id must be unique/,
      ]
    ) assert.match(error.message, part);
    return true;
  });
});
