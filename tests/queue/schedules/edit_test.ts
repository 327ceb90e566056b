import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import { defineTask, InvalidScheduleError, type ScheduleRequest } from "../../../queue/mod.ts";
import { START } from "../../../queue/testing/fake_clock.ts";
import { task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { countRows, stored } from "../../support/rows.ts";

const strict = defineTask({ name: "strict", args: z.tuple([z.int()]) }, (_ctx, n) => n);
const definitions = [task("ticks", () => 1), strict];
const ticking = { task: { name: "ticks", args: [] } };

onBothStores("a schedule is created with every default told", async (open) => {
  await using q = await open({ definitions });
  const { schedule, replayed } = await q.queue.schedules.create({ ...ticking, trigger: { interval: 60 } });
  assert(!replayed);
  assert.match(schedule.id, /^[0-9a-f-]{36}$/);
  const { id: _id, revision: _revision, ...rest } = schedule;
  assert.deepEqual(rest, {
    task: { name: "ticks", args: [] },
    trigger: { interval: 60 },
    paused: false,
    startAt: null,
    endAt: null,
    jitter: 0,
    misfireGrace: 60,
    catchUp: "one",
    catchUpLimit: 100,
    maxInstances: 1,
    origin: "api",
    problem: null,
    nextRunAt: START + 60_000,
    lastRunAt: null,
    createdAt: START,
    updatedAt: START,
  });
  assert.deepEqual(await q.queue.schedules.get(schedule.id), schedule);
});

Deno.test("all faults of a schedule are told at once, and nothing is stored", async () => {
  await using q = await openQueue({ definitions });
  const good: ScheduleRequest = { ...ticking, trigger: { interval: 60 } };
  const cases: [Partial<ScheduleRequest>, Record<string, RegExp>][] = [
    [{ trigger: { interval: 0 } }, { "/trigger/interval": /from 0\.01/ }],
    [{ trigger: { interval: NaN } }, { "/trigger/interval": /got NaN/ }],
    [{ trigger: { cron: "0 0 31 2 *" } }, { "/trigger/cron": /never does/ }],
    [{ trigger: { cron: "* * * *" } }, { "/trigger/cron": /five fields/ }],
    [{ trigger: { cron: "* * * * * * 2030" } }, { "/trigger/cron": /five fields/ }],
    [{ trigger: { cron: "61 * * * *" } }, { "/trigger/cron": /61/ }],
    [{ trigger: { cron: "70/5 * * * *" } }, { "/trigger/cron": /70/ }],
    [{ trigger: { cron: "0 22-2/0 * * *" } }, { "/trigger/cron": /illegal stepping/ }],
    [{ trigger: { cron: "0 0 * * FRI-FOO" } }, { "/trigger/cron": /must be cron text/ }],
    [{ trigger: { cron: "@reboot" } }, { "/trigger/cron": /one of @.*@daily.*: got '@reboot'/ }],
    [{ trigger: { cron: "x".repeat(5000) } }, { "/trigger/cron": /200 characters/ }],
    [{ trigger: { cron: "0 3 * * *", timezone: "Europe/Rom" } }, {
      "/trigger/timezone": /did you mean 'Europe\/Rome'/,
    }],
    [{ trigger: { cron: "x x x x x", timezone: "Mars/Base" } }, {
      "/trigger/cron": /must be/,
      "/trigger/timezone": /Mars/,
    }],
    [{ trigger: {} as never }, { "/trigger": /got none/ }],
    [{ trigger: { cron: "* * * * *", interval: 1 } as never }, { "/trigger": /cron and interval/ }],
    [{ trigger: { date: START - 1 } }, { "/trigger/date": /in the future/ }],
    [{ trigger: { date: Date.parse("0001-01-01T00:00:00Z") } }, {
      "/trigger/date": /in the future: got 0001-/,
    }],
    [{ startAt: START + 20_000, endAt: START + 10_000 }, { "/end_at": /before start_at/ }],
    [{ endAt: START + 10_000 }, { "/end_at": /the first is at 2026-01-05T09:01:00/ }],
    [
      { jitter: -1, misfireGrace: 0, catchUpLimit: 0, maxInstances: 1.5, catchUp: "some" as never },
      {
        "/jitter": /from 0/,
        "/misfire_grace": /from 1/,
        "/catch_up": /skip, one or all/,
        "/catch_up_limit": /1 to 1000/,
        "/max_instances": /1 to 100/,
      },
    ],
    [{ id: "a/b" }, { "/id": /letters/ }],
    [{ task: { name: "strct", args: [] } }, { "/task/name": /did you mean 'strict'/ }],
    [{ task: { name: "strict", args: ["x"], priority: 10 }, trigger: { interval: -1 } }, {
      "/task/args/0": /number/,
      "/task/priority": /0 to 9/,
      "/trigger/interval": /got -1/,
    }],
    [{ task: { name: "ticks", args: [], delay: 5 } as never }, { "/task/delay": /trigger says when/ }],
  ];
  for (const [change, expected] of cases) {
    const made = q.queue.schedules.create({ ...good, ...change });
    const faults = await made.then(() => [], (error) => error.faults ?? [error]);
    const found = Object.fromEntries(
      faults.map((f: { pointer: string; detail: string }) => [f.pointer, f.detail]),
    );
    assert.deepEqual(Object.keys(found).sort(), Object.keys(expected).sort(), JSON.stringify(change));
    for (const [pointer, detail] of Object.entries(expected)) assert.match(found[pointer], detail);
  }
  await assert.rejects(
    q.queue.schedules.create({ ...good, task: { name: "ticks", args: ["x".repeat(60_000)] } }),
    { code: "too-large" },
  );
  assert.deepEqual(await stored(q.store), {});
});

onBothStores("what has no default cannot be taken away by an update", async (open) => {
  await using q = await open({ definitions });
  const { schedule } = await q.queue.schedules.create({ ...ticking, trigger: { interval: 60 } });
  for (const value of [undefined, null]) {
    const none = { task: value, trigger: value } as never;
    await assert.rejects(q.queue.schedules.update(schedule.id, none), (error) => {
      assert(error instanceof InvalidScheduleError);
      assert.deepEqual(error.faults.map(({ pointer }) => pointer), ["/task", "/trigger"]);
      return true;
    });
  }
  assert.deepEqual(await q.queue.schedules.get(schedule.id), schedule);
});

Deno.test("no cron text throws anything but its faults", async () => {
  await using q = await openQueue({ definitions });
  const field = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      "*",
      "*/5",
      "1-5",
      "L",
      "MON#2",
      "5W",
      "22-2",
      "FRI-MON",
      "2/12",
      "7-2#3",
      "9-0/0",
      "@daily",
    ),
  );
  const text = fc.oneof(fc.string(), fc.array(field, { minLength: 5, maxLength: 6 }).map((f) => f.join(" ")));
  fc.assert(
    fc.property(text, (cron) => {
      q.queue.schedules.faults({ ...ticking, trigger: { cron } });
    }),
    { numRuns: 300 },
  );
});

onBothStores("an edit needs the revision it was made from; firing does not change it", async (open) => {
  await using q = await open({ definitions });
  const { schedule } = await q.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 1 } });
  await q.clock.advance(3_000);
  const fired = await q.queue.schedules.get("s");
  assert.equal(fired.revision, schedule.revision);
  assert.equal(fired.lastRunAt, START + 3_000);
  const edited = await q.queue.schedules.update("s", { jitter: 2 }, schedule.revision);
  assert.notEqual(edited.revision, schedule.revision);
  assert.equal(edited.jitter, 2);
  await assert.rejects(q.queue.schedules.update("s", { jitter: 3 }, schedule.revision), {
    code: "schedule-changed",
  });
  assert.equal((await q.queue.schedules.get("s")).jitter, 2);
});

onBothStores("a new trigger counts from now, any other change keeps the next occurrence", async (open) => {
  await using q = await open({ definitions });
  await q.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 600 } });
  await q.clock.advance(60_000);
  const { nextRunAt } = await q.queue.schedules.update("s", { task: { name: "strict", args: [1] } });
  assert.equal(nextRunAt, START + 600_000);
  const changed = await q.queue.schedules.update("s", { trigger: { cron: "*/5 * * * *" } });
  assert.equal(changed.nextRunAt, START + 300_000);
  await q.clock.advance(240_000);
  assert.equal((await q.queue.list()).tasks[0]!.name, "strict");
  await assert.rejects(q.queue.schedules.update("s", { trigger: { interval: 0 }, jitter: -1 }), {
    code: "invalid-schedule",
  });
});

onBothStores("occurrences in a pause are not made up for", async (open) => {
  await using q = await open({ definitions });
  await q.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 60 } });
  const paused = await q.queue.schedules.pause("s");
  assert(paused.paused);
  assert.equal(paused.nextRunAt, null);
  assert.equal((await q.queue.schedules.pause("s")).revision, paused.revision);
  await q.clock.skip(3_630_000);
  assert.deepEqual(await q.queue.schedules.next("s", 2), [START + 3_660_000, START + 3_720_000]);
  for (const resume of ["update", "resume"] as const) {
    const resumed = resume === "update"
      ? await q.queue.schedules.update("s", { paused: false })
      : await q.queue.schedules.resume("s");
    assert.equal(resumed.nextRunAt, START + 3_660_000, resume);
    if (resume === "update") await q.queue.schedules.pause("s");
  }
  await q.clock.advance(30_000);
  const { occurrences } = await q.queue.schedules.occurrences("s");
  assert.deepEqual(occurrences.map(({ plannedAt }) => plannedAt), [START + 3_660_000]);
});

onBothStores("a deleted schedule leaves nothing but its tasks", async (open) => {
  await using q = await open({ definitions });
  await q.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 0.5 } });
  await q.clock.advance(150_000);
  assert.equal((await countRows(q.store)).occurrence, 300);
  await q.queue.schedules.delete("s");
  await q.clock.advance(10_000);
  assert.deepEqual(await stored(q.store), { task: 300 });
  for (const ask of ["get", "delete", "pause", "resume", "run", "next", "occurrences"] as const) {
    await assert.rejects(q.queue.schedules[ask]("s"), { code: "schedule-unknown" }, ask);
  }
});

Deno.test("a process whose clock is behind resumes a schedule: no occurrence is handled again", async () => {
  await using q = await openQueue({ definitions });
  const { schedules } = q.queue;
  await schedules.create({ ...ticking, id: "minutely", trigger: { interval: 60 } });
  await schedules.create({ ...ticking, id: "once", trigger: { date: START + 60_000 } });
  await q.clock.advance(60_000);
  for (const resume of ["update", "resume"] as const) {
    for (const id of ["minutely", "once"]) {
      await schedules.pause(id);
      q.clock.setWall(START + 30_000);
      if (resume === "update") await schedules.update(id, { paused: false });
      else await schedules.resume(id);
    }
    await q.clock.advance(40_000);
    const { occurrences } = await schedules.occurrences("minutely");
    assert.deepEqual(occurrences.map(({ plannedAt }) => plannedAt), [START + 60_000], resume);
    assert.equal((await schedules.occurrences("once")).occurrences.length, 1, resume);
  }
  await q.clock.advance(60_000);
  assert.equal((await schedules.occurrences("minutely")).occurrences.length, 2);
});

Deno.test("an id that cannot be is unknown, however long: a database's keys have an end", async () => {
  await using q = await openQueue({ definitions, store: "file" });
  for (const id of ["", "a/b", "x".repeat(5000)]) {
    await assert.rejects(q.queue.schedules.get(id), { code: "schedule-unknown" });
    await assert.rejects(q.queue.schedules.run(id), { code: "schedule-unknown" });
    const request = { ...ticking, id, trigger: { interval: 1 } };
    await assert.rejects(q.queue.schedules.create(request), { code: "invalid-schedule" });
  }
});

onBothStores("schedules are listed by id, in pages", async (open) => {
  await using q = await open({ definitions });
  for (const id of ["c", "a", "e", "b", "d"]) {
    await q.queue.schedules.create({ ...ticking, id, trigger: { interval: 60 } });
  }
  const first = await q.queue.schedules.list({ limit: 2 });
  const second = await q.queue.schedules.list({ limit: 2, cursor: first.cursor! });
  const third = await q.queue.schedules.list({ limit: 2, cursor: second.cursor! });
  assert.deepEqual(
    [first, second, third].map(({ schedules }) => schedules.map(({ id }) => id).join("")),
    ["ab", "cd", "e"],
  );
  assert.equal(third.cursor, null);
  for (const options of [{ limit: 0 }, { cursor: "?" }, { cursor: "WzFd" }]) {
    await assert.rejects(q.queue.schedules.list(options), { code: "invalid-schedule" });
  }
});

onBothStores("a repeated creation with one idempotency key is the first schedule", async (open) => {
  await using q = await open({ definitions, idempotencyTtl: 60 });
  const key = { scope: "http", key: "k", fingerprint: "1" };
  const request = { ...ticking, trigger: { interval: 600 } };
  const both = await Promise.all([1, 2].map(() => q.queue.schedules.create(request, key)));
  assert.equal(both[0]!.schedule.id, both[1]!.schedule.id);
  assert.deepEqual(both.map(({ replayed }) => replayed).sort(), [false, true]);
  await assert.rejects(q.queue.schedules.create(request, { ...key, fingerprint: "2" }), {
    code: "idempotency-key-reused",
  });
  const named = { ...request, id: "s" };
  const twice = await Promise.all([1, 2].map(() => q.queue.schedules.create(named, { ...key, key: "l" })));
  assert.deepEqual(twice.map(({ replayed }) => replayed).sort(), [false, true]);
  await assert.rejects(q.queue.schedules.create(named), { code: "schedule-exists" });
  assert.equal((await countRows(q.store)).idem, 2);
  await q.queue.schedules.delete("s");
  assert.equal((await countRows(q.store)).idem, 1);
  await q.clock.advance(80_000);
  assert.equal((await countRows(q.store)).idem, undefined, "forgotten when its time is over");
});

onBothStores("a repeated run with one idempotency key is the first task", async (open) => {
  await using q = await open({ definitions, idempotencyTtl: 60 });
  await q.queue.schedules.create({ ...ticking, id: "s", trigger: { interval: 600 } });
  const key = { scope: "http", key: "k", fingerprint: "1" };
  const runs = await Promise.all([1, 2, 3].map(() => q.queue.schedules.run("s", key)));
  assert.deepEqual(runs.map(({ replayed }) => replayed).sort(), [false, true, true]);
  assert.equal(new Set(runs.map(({ task }) => task.id)).size, 1);
  assert.equal((await q.queue.schedules.occurrences("s")).occurrences.length, 1);
  await assert.rejects(q.queue.schedules.run("s", { ...key, fingerprint: "2" }), {
    code: "idempotency-key-reused",
  });
  await q.clock.advance(61_000);
  assert.equal((await q.queue.schedules.run("s", key)).replayed, false);
});
