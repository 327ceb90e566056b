import assert from "node:assert/strict";
import fc from "fast-check";
import type { Occurrence, Queue, ScheduleOptions } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { FakeClock, START } from "../../../queue/testing/fake_clock.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { countRows } from "../../support/rows.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const definitions = [task("ticks", () => 1)];
const ticking = { task: { name: "ticks", args: [] }, id: "s" };

/** A schedule of every minute that catches up with all, whose task the test holds. */
async function catchingUp(open: typeof openQueue, more: Partial<ScheduleOptions> = {}) {
  const held = heldTask("held");
  const q = await open({ definitions: [held.definition] });
  const task = { name: "held", args: [] };
  await q.queue.schedules.create({ id: "s", task, trigger: { interval: 60 }, catchUp: "all", ...more });
  return { held, q };
}

/** `outcome planned`, minutes after the start, oldest first. */
function told(occurrences: readonly Occurrence[]): string[] {
  const minute = (time: number) => (time - START) / MINUTE;
  return occurrences.toReversed().map(({ outcome, plannedAt, missedUntil }) =>
    `${outcome} ${minute(plannedAt)}${missedUntil === null ? "" : `-${minute(missedUntil)}`}`
  );
}

/** What a schedule of every minute does when nothing has run for an hour and 30 seconds. */
async function afterAnHour(
  open: typeof openQueue,
  options: Partial<ScheduleOptions>,
): Promise<string[]> {
  const clock = new FakeClock();
  await using made = await open({ definitions, clock, start: false });
  await made.queue.schedules.create({ ...ticking, trigger: { interval: 60 }, ...options });
  await clock.skip(HOUR + MINUTE / 2);
  await using q = await open({ definitions, clock, store: made.store });
  await clock.advance(20_000);
  return told((await q.queue.schedules.occurrences("s", { limit: 100 })).occurrences);
}

onBothStores("skip: missed occurrences stay missed, and those in time run", async (open) => {
  assert.deepEqual(await afterAnHour(open, { catchUp: "skip" }), ["missed 1-59", "submitted 60"]);
});

onBothStores("one: an occurrence in time stands for the missed ones", async (open) => {
  assert.deepEqual(await afterAnHour(open, {}), ["missed 1-59", "submitted 60"]);
});

onBothStores("one: the last missed occurrence stands for those before it", async (open) => {
  assert.deepEqual(await afterAnHour(open, { misfireGrace: 5 }), ["missed 1-59", "submitted 60"]);
  assert.deepEqual(await afterAnHour(open, { misfireGrace: 5, catchUp: "skip" }), ["missed 1-60"]);
});

onBothStores(
  "one: what is due together within the grace is one task, as after a leap of two hours",
  async (open) => {
    const trigger = { interval: 60 };
    assert.deepEqual(await afterAnHour(open, { trigger, misfireGrace: 7200 }), [
      "missed 1-59",
      "submitted 60",
    ]);
    // The last one within the end; a pattern with seconds; a date alone.
    const endAt = START + 30.5 * MINUTE;
    assert.deepEqual(await afterAnHour(open, { trigger, misfireGrace: 7200, endAt }), [
      "missed 1-29",
      "submitted 30",
    ]);
    const cron = { cron: "0 */20 * * * *" };
    assert.deepEqual(await afterAnHour(open, { trigger: cron, misfireGrace: 7200 }), [
      "missed 20-40",
      "submitted 60",
    ]);
    assert.deepEqual(await afterAnHour(open, { trigger: { date: START + MINUTE }, misfireGrace: 7200 }), [
      "submitted 1",
    ]);
    const each = Array.from({ length: 60 }, (_, n) => `submitted ${n + 1}`);
    for (const catchUp of ["skip", "all"] as const) {
      const options = { trigger, misfireGrace: 7200, maxInstances: 100, catchUp };
      assert.deepEqual(await afterAnHour(open, options), each, catchUp);
    }
  },
);

onBothStores("one: a leap of two hours makes one task, with jitter and whoever was running", async (open) => {
  await using q = await open({ definitions });
  const options = { trigger: { cron: "* * * * *" }, jitter: 5, misfireGrace: 10_000 };
  await q.queue.schedules.create({ ...ticking, ...options });
  await q.clock.advance(MINUTE + 10_000);
  q.clock.setWall(START + 2 * HOUR + 30_000);
  await q.clock.advance(10_000);
  const { occurrences } = await q.queue.schedules.occurrences("s");
  assert.deepEqual(told(occurrences), ["submitted 1", "missed 2-119", "submitted 120"]);
  assert.deepEqual(occurrences.map(({ lateBy }) => Math.floor(lateBy / 60)), [0, 118, 0]);
  assert.equal((await countRows(q.store)).task, 2);
});

onBothStores("one: what is due together while an instance runs is one skipped occurrence", async (open) => {
  const { held, q } = await catchingUp(open, { catchUp: "one", misfireGrace: 7200 });
  await using _ = q;
  await q.clock.advance(MINUTE);
  await q.clock.skip(10 * MINUTE);
  await q.clock.advance(5_000);
  assert.deepEqual(told((await q.queue.schedules.occurrences("s")).occurrences), [
    "submitted 1",
    "missed 2-10",
    "skipped 11",
  ]);
  held.runs[0]!.finish();
  await q.clock.settle();
});

onBothStores("all: each missed occurrence has its task, the last of them up to the limit", async (open) => {
  const submitted = (from: number) => Array.from({ length: 61 - from }, (_, n) => `submitted ${from + n}`);
  assert.deepEqual(await afterAnHour(open, { catchUp: "all" }), submitted(1));
  assert.deepEqual(await afterAnHour(open, { catchUp: "all", catchUpLimit: 10 }), [
    "missed 1-49",
    ...submitted(50),
  ]);
});

onBothStores("one tick catches up with all, where nothing else ticks", async (open) => {
  await using q = await open({ definitions, start: false });
  await q.queue.schedules.create({
    ...ticking,
    trigger: { interval: 60 },
    catchUp: "all",
    maxInstances: 100,
  });
  await q.clock.skip(10 * MINUTE);
  await q.queue.tick();
  assert.equal((await q.queue.schedules.occurrences("s")).occurrences.length, 10);
});

onBothStores("one missed occurrence alone is missed with skip, and late with one", async (open) => {
  const trigger = { date: START + MINUTE };
  assert.deepEqual(await afterAnHour(open, { trigger, catchUp: "skip" }), ["missed 1-1"]);
  assert.deepEqual(await afterAnHour(open, { trigger }), ["submitted 1"]);
});

onBothStores("a late occurrence tells by how much", async (open) => {
  await using q = await open({ definitions });
  await q.queue.schedules.create({ ...ticking, trigger: { interval: 60 } });
  await q.clock.skip(72_500);
  await q.clock.advance(1);
  const { occurrences: [only] } = await q.queue.schedules.occurrences("s");
  assert.equal(only!.lateBy, 12.5);
  assert.equal(only!.startedAt, START + 72_500);
  assert.equal(only!.plannedAt, START + 60_000);
});

onBothStores("late by exactly the grace is in time, by a millisecond more is missed", async (open) => {
  for (const [more, outcome] of [[0, "submitted 1"], [1, "missed 1-1"]] as const) {
    const clock = new FakeClock();
    await using q = await open({ definitions, clock, start: false });
    await q.queue.schedules.create({ ...ticking, trigger: { date: START + MINUTE }, catchUp: "skip" });
    await clock.skip(2 * MINUTE + more);
    await q.queue.tick();
    assert.deepEqual(told((await q.queue.schedules.occurrences("s")).occurrences), [outcome]);
  }
});

onBothStores(
  "all: occurrences due during the catch-up take no place from the missed ones",
  async (open) => {
    const { held, q } = await catchingUp(open, { catchUpLimit: 3 });
    await using _ = q;
    await q.clock.skip(10 * MINUTE);
    for (let n = 0; n < 4; n++) {
      await q.clock.advance(3 * MINUTE);
      held.runs[n]!.finish();
      await q.clock.settle();
    }
    assert.deepEqual(told((await q.queue.schedules.occurrences("s")).occurrences).slice(0, 4), [
      "missed 1-5",
      "submitted 6",
      "submitted 7",
      "submitted 8",
    ]);
  },
);

onBothStores(
  "all never skips: occurrences that find no instance free come one after the other",
  async (open) => {
    const { held, q } = await catchingUp(open);
    await using _ = q;
    await q.clock.skip(3 * MINUTE);
    await q.clock.advance(10_000);
    assert.equal(held.runs.length, 1);
    for (let n = 0; n < 3; n++) {
      held.runs[n]!.finish();
      await q.clock.advance(1_000);
    }
    assert.equal(held.runs.length, 3);
    assert.deepEqual(told((await q.queue.schedules.occurrences("s")).occurrences), [
      "submitted 1",
      "submitted 2",
      "submitted 3",
    ]);
  },
);

onBothStores("a clock set back repeats nothing, and goes on when the time comes again", async (open) => {
  await using q = await open({ definitions });
  await q.queue.schedules.create({ ...ticking, trigger: { cron: "* * * * *" } });
  await q.clock.advance(3 * MINUTE);
  q.clock.setWall(START);
  await q.clock.advance(3 * MINUTE);
  assert.deepEqual(told((await q.queue.schedules.occurrences("s")).occurrences), [
    "submitted 1",
    "submitted 2",
    "submitted 3",
  ]);
  await q.clock.advance(MINUTE);
  assert.equal((await q.queue.schedules.occurrences("s")).occurrences.length, 4);
});

onBothStores("a clock set forward catches up as after a standstill", async (open) => {
  await using q = await open({ definitions });
  await q.queue.schedules.create({ ...ticking, trigger: { cron: "* * * * *" } });
  await q.clock.advance(MINUTE);
  q.clock.setWall(START + 10 * MINUTE + 30_000);
  await q.clock.advance(5_000);
  assert.deepEqual(told((await q.queue.schedules.occurrences("s")).occurrences), [
    "submitted 1",
    "missed 2-9",
    "submitted 10",
  ]);
});

/** The history, oldest first. */
async function wholeHistory(queue: Queue): Promise<Occurrence[]> {
  const found: Occurrence[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Queue["schedules"]["occurrences"]>> = await queue.schedules.occurrences(
      "s",
      { limit: 500, ...cursor !== null && { cursor } },
    );
    found.push(...page.occurrences);
    cursor = page.cursor;
  } while (cursor !== null);
  return found.reverse();
}

/** Whatever happens to the clock, the history is the grid, each moment once and in order. */
Deno.test("every occurrence of the grid is handled once, by its policy, however long the process stands still", async () => {
  const plan = fc.record({
    trigger: fc.constantFrom(
      { interval: 1 },
      { interval: 7.5 },
      { interval: 1.3 },
      { cron: "*/10 * * * * *" },
      { cron: "*/3 * * * *" },
    ),
    catchUp: fc.constantFrom("skip" as const, "one" as const, "all" as const),
    catchUpLimit: fc.integer({ min: 1, max: 20 }),
    misfireGrace: fc.integer({ min: 1, max: 90 }),
    moves: fc.array(
      fc.tuple(fc.constantFrom("advance", "skip", "back"), fc.integer({ min: 1, max: 150_000 })),
      { minLength: 1, maxLength: 5 },
    ),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ moves, ...options }) => {
      await using q = await openQueue({ definitions, channels: { default: 500 } });
      await q.queue.schedules.create({ ...ticking, ...options, maxInstances: 100 });
      let latest = START;
      for (const [move, milliseconds] of moves) {
        if (move === "advance") await q.clock.advance(Math.min(milliseconds, 20_000));
        if (move === "skip") await q.clock.skip(milliseconds);
        if (move === "back") q.clock.setWall(q.clock.now() - milliseconds);
        await q.clock.advance(2_000);
        latest = Math.max(latest, q.clock.now());
      }
      q.clock.setWall(latest);
      await q.queue.tick();
      const history = await wholeHistory(q.queue);
      const step = "interval" in options.trigger
        ? options.trigger.interval * 1000
        : options.trigger.cron.includes("10")
        ? 10_000
        : 180_000;
      let next = START + step;
      for (const { outcome, plannedAt, missedUntil, lateBy, startedAt } of history) {
        assert.equal(plannedAt, next, `${outcome} is out of order`);
        const late = lateBy > options.misfireGrace;
        if (outcome === "missed") {
          assert(late || options.catchUp === "one", "missed although in time");
          next = missedUntil!;
        } else {
          assert.equal(outcome, "submitted");
          assert(startedAt! >= plannedAt, "too early");
          assert(!late || options.catchUp !== "skip", "submitted although missed");
          if (options.catchUp === "one") {
            assert(Math.round(next + step) > startedAt!, "submitted although a later one was due");
          }
        }
        next = Math.round(next + step);
      }
      assert(next > latest, `${next - START} is owed since ${latest - next} ms`);
      assert.equal(
        (await countRows(q.store)).task ?? 0,
        history.filter(({ taskId }) => taskId !== null).length,
      );
    }),
    { numRuns: 25 },
  );
});
