import assert from "node:assert/strict";
import { z } from "zod";
import { defineTask } from "../../../queue/mod.ts";
import { decode } from "../../../queue/rows/codec.ts";
import { put } from "../../../queue/rows/unit.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { START } from "../../../queue/testing/fake_clock.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { countRows, rowsOf } from "../../support/rows.ts";

const ticks = task("ticks", (_ctx, word) => word);
const definitions = [ticks];
const ticking = { task: { name: "ticks", args: ["now"] } };

onBothStores("a schedule of every second fires sixty times a minute, each at its second", async (open) => {
  await using q = await open({ definitions });
  await q.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 1 } });
  await q.clock.advance(60_000);
  const { tasks } = await q.queue.list({ limit: 500 });
  assert.equal(tasks.length, 60);
  assert.deepEqual(
    tasks.map(({ createdAt }) => createdAt - START).reverse(),
    Array.from({ length: 60 }, (_, n) => (n + 1) * 1000),
  );
  assert(
    tasks.every(({ state, result, scheduleId }) =>
      state === "SUCCESS" && result === "now" && scheduleId === "s"
    ),
  );
});

onBothStores("intervals below a second and of days fire as often as they say", async (open) => {
  await using q = await open({ definitions });
  await q.queue.schedules.create({ ...ticking, id: "fast", trigger: { interval: 0.25 }, maxInstances: 5 });
  await q.queue.schedules.create({ ...ticking, id: "slow", trigger: { interval: 3 * 86_400 } });
  await q.clock.advance(5_000);
  assert.equal((await q.queue.list({ limit: 500 })).tasks.length, 20);
  await q.queue.schedules.pause("fast");
  await q.clock.skip(6 * 86_400_000);
  await q.clock.advance(1000);
  const { occurrences } = await q.queue.schedules.occurrences("slow");
  const days = occurrences.map(({ plannedAt }) => (plannedAt - START) / 86_400_000);
  assert.deepEqual(days, [6, 3]);
});

onBothStores("an interval keeps its grid however late it is looked at", async (open) => {
  await using q = await open({ definitions });
  await q.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 0.7 }, maxInstances: 9 });
  for (let i = 0; i < 20; i++) await q.clock.skip(333);
  const { occurrences } = await q.queue.schedules.occurrences("s");
  assert.deepEqual(
    occurrences.map(({ plannedAt }) => plannedAt - START).reverse(),
    [700, 1400, 2100, 2800, 3500, 4200, 4900, 5600, 6300],
  );
  assert(occurrences.every(({ lateBy }) => lateBy < 0.4));
});

onBothStores("a new or changed schedule fires in time although nothing was due for long", async (open) => {
  await using q = await open({ definitions });
  await q.clock.advance(10_000);
  const date = (seconds: number) => ({ date: START + seconds * 1000 });
  await q.queue.schedules.create({ ...ticking, id: "a", trigger: date(10.3) });
  await q.clock.advance(300);
  assert.equal((await q.queue.schedules.occurrences("a")).occurrences[0]!.lateBy, 0);
  await q.queue.schedules.create({ ...ticking, id: "b", trigger: date(9000) });
  await q.clock.advance(10_000);
  await q.queue.schedules.update("b", { trigger: date(20.7) });
  await q.clock.advance(400);
  assert.equal((await q.queue.schedules.occurrences("b")).occurrences[0]!.lateBy, 0);
});

onBothStores("an interval that is no whole number of milliseconds is not rounded away", async (open) => {
  await using q = await open({ definitions });
  await q.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 1 / 3 } });
  await q.clock.advance(2_000);
  const { occurrences } = await q.queue.schedules.occurrences("s");
  assert.deepEqual(
    occurrences.map(({ plannedAt }) => plannedAt - START).reverse(),
    [333, 667, 1000, 1333, 1667, 2000],
  );
});

onBothStores("a date fires once and is then over", async (open) => {
  await using q = await open({ definitions });
  await q.queue.schedules.create({ ...ticking, id: "d", trigger: { date: START + 90_000 } });
  await q.clock.advance(89_999);
  assert.equal((await q.queue.list()).tasks.length, 0);
  await q.clock.advance(1);
  await q.clock.skip(86_400_000);
  assert.equal((await q.queue.schedules.get("d")).nextRunAt, null);
  assert.deepEqual(await q.queue.schedules.next("d"), []);
  assert.equal((await q.queue.schedules.occurrences("d")).occurrences.length, 1);
});

onBothStores("start and end bound the occurrences, both inclusive", async (open) => {
  await using q = await open({ definitions });
  const [startAt, endAt] = [START + 10_000, START + 30_000];
  await q.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 10 }, startAt, endAt });
  assert.deepEqual(await q.queue.schedules.next("s"), [startAt, startAt + 10_000, endAt]);
  await q.clock.advance(60_000);
  const { tasks } = await q.queue.list();
  assert.deepEqual(tasks.map(({ createdAt }) => createdAt - START), [30_000, 20_000, 10_000]);
  assert.equal((await countRows(q.store)).due, undefined);
});

onBothStores(
  "jitter moves the expiry of a schedule's tasks along, so none expires before it may run",
  async (open) => {
    await using q = await open({ definitions, random: () => 0.9 });
    const task = { ...ticking.task, expires: 5 };
    await q.queue.schedules.create({ task, id: "s", trigger: { interval: 60 }, jitter: 10 });
    await q.clock.advance(75_000);
    const { tasks: [first] } = await q.queue.list();
    assert.equal(first!.state, "SUCCESS");
    assert.equal(first!.expiresAt! - first!.runAt, 5000);
    const { occurrences } = await q.queue.schedules.occurrences("s");
    assert.deepEqual(occurrences.map(({ outcome }) => outcome), ["submitted"]);
  },
);

onBothStores("jitter delays the task and leaves the grid alone", async (open) => {
  const numbers = [0, 0.5, 0.999];
  await using q = await open({ definitions, random: () => numbers[0] ?? 0.5 });
  await q.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 60 }, jitter: 10 });
  const runAt: number[] = [];
  for (let i = 0; i < 3; i++) {
    await q.clock.advance(60_000);
    const [last] = (await q.queue.list()).tasks;
    runAt.push(last!.runAt - START);
    numbers.shift();
  }
  assert.deepEqual(runAt, [60_000, 125_000, 189_990]);
  const { occurrences } = await q.queue.schedules.occurrences("s");
  assert.deepEqual(occurrences.map(({ plannedAt }) => plannedAt - START), [180_000, 120_000, 60_000]);
});

onBothStores("an occurrence is skipped while max instances have not ended, and says so", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition] });
  const task = { name: "held", args: [] };
  await q.queue.schedules.create({ task, id: "s", trigger: { interval: 1 }, maxInstances: 2 });
  await q.clock.advance(4_000);
  assert.equal(held.runs.length, 2);
  held.runs[0]!.finish();
  await q.clock.advance(2_000);
  assert.equal(held.runs.length, 3);
  const { occurrences } = await q.queue.schedules.occurrences("s");
  assert.deepEqual(
    occurrences.map(({ outcome, state }) => `${outcome} ${state}`).reverse(),
    [
      "submitted SUCCESS",
      "submitted STARTED",
      "skipped null",
      "skipped null",
      "submitted STARTED",
      "skipped null",
    ],
  );
  for (const run of held.runs.slice(1)) run.finish();
  await q.clock.settle();
});

onBothStores("a run that a person asks for is not bound by max instances, and counts", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition] });
  const task = { name: "held", args: [7] };
  await q.queue.schedules.create({ task, id: "s", trigger: { interval: 60 }, paused: true });
  const { task: first } = await q.queue.schedules.run("s");
  await q.queue.schedules.run("s");
  await q.clock.settle();
  assert.deepEqual(held.runs.map(({ args }) => args), [[7], [7]]);
  assert.equal(first.scheduleId, "s");
  await q.queue.schedules.resume("s");
  await q.clock.advance(60_000);
  const { occurrences } = await q.queue.schedules.occurrences("s");
  assert.deepEqual(occurrences.map(({ outcome }) => outcome), ["skipped", "manual", "manual"]);
  assert.equal(occurrences[2]!.taskId, first.id);
  assert.equal((await q.queue.schedules.get("s")).lastRunAt, START);
  for (const run of held.runs) run.finish();
  await q.clock.settle();
});

onBothStores("a schedule whose task this process does not know is left to those who do", async (open) => {
  await using knows = await open({ definitions });
  await knows.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 1 } });
  await using other = await openQueue({
    definitions: [task("other", () => 1)],
    store: knows.store,
    clock: knows.clock,
  });
  assert.match((await other.queue.schedules.get("s")).problem!, /knows no task 'ticks'/);
  await other.queue.schedules.create({
    task: { name: "other", args: [] },
    id: "t",
    trigger: { interval: 1 },
  });
  await knows.clock.advance(3_000);
  for (const id of ["s", "t"]) {
    const { occurrences } = await other.queue.schedules.occurrences(id);
    assert.deepEqual(occurrences.map(({ outcome }) => outcome), Array(3).fill("submitted"));
  }
});

Deno.test("a schedule that no process here can fire does not keep others from firing", async () => {
  await using q = await openQueue({ definitions: [ticks, task("gone", () => 1)], start: false });
  for (let i = 0; i < 250; i++) {
    await q.queue.schedules.create({ task: { name: "gone", args: [] }, trigger: { interval: 1 } });
  }
  await q.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 1.5 } });
  await using here = await openQueue({ definitions, store: q.store, clock: q.clock });
  await q.clock.advance(3_000);
  assert.equal((await here.queue.schedules.occurrences("s")).occurrences.length, 2);
});

Deno.test("history keeps the last thousand occurrences", async () => {
  await using q = await openQueue({ definitions });
  await q.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 3600 } });
  for (let i = 0; i < 1010; i++) await q.queue.schedules.run("s");
  assert.equal((await countRows(q.store)).occurrence, 1000);
  let cursor: string | null = null;
  const seen: string[] = [];
  do {
    const page: Awaited<ReturnType<typeof q.queue.schedules.occurrences>> = await q.queue.schedules
      .occurrences("s", { limit: 300, ...cursor !== null && { cursor } });
    seen.push(...page.occurrences.map(({ taskId }) => taskId!));
    cursor = page.cursor;
  } while (cursor !== null);
  assert.equal(new Set(seen).size, 1000);
  assert.deepEqual(seen, seen.toSorted().reverse());
});

onBothStores("a task that its definition accepts no longer is refused in the history", async (open) => {
  const loose = defineTask({ name: "t", args: z.tuple([z.string()]) }, (_ctx, word) => word);
  const strict = defineTask({ name: "t", args: z.tuple([z.int()]) }, (_ctx, n) => n);
  await using q = await open({ definitions: [loose], start: false });
  await q.queue.schedules.create({ task: { name: "t", args: ["x"] }, id: "s", trigger: { interval: 1 } });
  await using later = await open({ definitions: [strict], store: q.store, clock: q.clock, faults: true });
  await q.clock.advance(1000);
  const { occurrences: [last] } = await later.queue.schedules.occurrences("s");
  assert.equal(last!.outcome, "refused");
  assert.match(last!.detail!, /args\/0/);
  assert.match(later.events.of("fault")[0]!.message, /'s'/);
});

onBothStores(
  "an occurrence whose definition's key is taken is a duplicate and names the task, after an edit and by hand, too",
  async (open) => {
    const held = heldTask("held", {
      idempotency: { key: (tenant) => String(tenant), ttl: 3600, onDuplicate: "raise" },
    });
    await using q = await open({ definitions: [held.definition] });
    const { schedules } = q.queue;
    const task = (cursor: string) => ({ name: "held", args: ["acme", cursor] });
    const { schedule } = await schedules.create({ id: "s", task: task("1"), trigger: { interval: 1 } });
    await q.clock.advance(1_000);
    held.runs[0]!.finish();
    await q.clock.advance(1_000);
    await schedules.update("s", { task: task("2") });
    await q.clock.advance(1_000);
    const first = held.runs[0]!.ctx.id;
    assert.equal((await schedules.run("s")).task.id, first);
    assert.equal(held.runs.length, 1);
    const { occurrences } = await schedules.occurrences("s");
    const planned = (second: number) => schedule.createdAt + second * 1000;
    assert.deepEqual(
      occurrences.map(({ outcome, taskId, state, startedAt, plannedAt }) =>
        [outcome, taskId, state, startedAt, plannedAt] as const
      ),
      [
        ["duplicate", first, "SUCCESS", null, planned(3)],
        ["duplicate", first, "SUCCESS", null, planned(3)],
        ["duplicate", first, "SUCCESS", null, planned(2)],
        ["submitted", first, "SUCCESS", planned(1), planned(1)],
      ],
    );
    assert.equal((await schedules.get("s")).lastRunAt, planned(1));
  },
);

onBothStores(
  "a task that somebody else submitted under the key is no instance of the schedule",
  async (open) => {
    const held = heldTask("held", { idempotency: { key: () => "same" } });
    await using q = await open({ definitions: [held.definition] });
    const { id } = await q.queue.submit(held.definition, []);
    await q.queue.schedules.create({ id: "s", task: { name: "held", args: [] }, trigger: { interval: 1 } });
    await q.clock.advance(3_000);
    const { occurrences } = await q.queue.schedules.occurrences("s");
    assert.deepEqual(
      occurrences.map(({ outcome, taskId }) => [outcome, taskId]),
      Array(3).fill(["duplicate", id]),
    );
    held.runs[0]!.finish();
    await q.clock.settle();
  },
);

onBothStores(
  "a run that is asked for and meets a task with its definition's key leaves no key behind",
  async (open) => {
    const held = heldTask("held", { idempotency: { key: () => "same", ttl: 5 } });
    await using q = await open({ definitions: [held.definition], resultTtl: 60 });
    const task = { name: "held", args: [] };
    await q.queue.schedules.create({ id: "s", task, trigger: { interval: 1_000_000 } });
    const first = await q.queue.submit(held.definition, []);
    await q.clock.settle();
    for (let n = 0; n < 2; n++) {
      const run = await q.queue.schedules.run("s", { scope: "s", key: "k", fingerprint: "f" });
      assert.equal(run.task.id, first.id);
    }
    held.runs[0]!.finish();
    await q.ended(first);
    q.clock.setWall(q.clock.now() + 2 * 86_400_000);
    await q.clock.advance(60_000);
    assert.deepEqual(await rowsOf(q.store, "task"), []);
    assert.deepEqual(await rowsOf(q.store, "idem"), []);
  },
);

onBothStores(
  "a schedule that cannot be worked out does not keep the others from firing, and says so",
  async (open) => {
    await using q = await open({ definitions, faults: true });
    const key = ["sluice", "schedule", "broken"];
    await q.queue.schedules.create({ ...ticking, id: "broken", trigger: { cron: "* * * * * *" } });
    const [entry] = await q.store.getMany([key]);
    const row = decode<Record<string, unknown>>(entry!.value);
    await q.store.commit([], [put(key, { ...row, trigger: { cron: "broken" } })]);
    await q.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 1 } });
    await q.clock.advance(3_000);
    assert.equal((await q.queue.schedules.occurrences("s")).occurrences.length, 3);
    assert.deepEqual(q.events.of("fault").map(({ message }) => message), [
      "Schedule 'broken' could not be fired",
    ]);
    await assert.rejects(q.queue.tick(), /CronPattern/);
  },
);
