import assert from "node:assert/strict";
import { z } from "zod";
import { chain, chord, defineTask, TaskFailedError } from "../../../queue/mod.ts";
import { testQueue } from "../../../queue/testing/mod.ts";

const none = z.tuple([]);

Deno.test("a task's result is there at once", async () => {
  const add = defineTask({ name: "add", args: z.tuple([z.int(), z.int()]) }, (_ctx, x, y) => x + y);
  await using t = await testQueue({ definitions: [add] });
  const before = t.now;
  assert.equal(await t.run(add, [1, 2]), 3);
  assert.equal(t.now, before);
});

Deno.test("a task that fails for good throws what it failed with", async () => {
  const broken = defineTask({ name: "broken", args: none }, () => {
    throw new TypeError("no luck");
  });
  await using t = await testQueue({ definitions: [broken] });
  await assert.rejects(t.run(broken, []), (error: unknown) => {
    assert(error instanceof TaskFailedError);
    assert.match(error.message, /TypeError.*no luck/);
    return true;
  });
});

Deno.test("retries of days pass by themselves, each at its own moment", async () => {
  const at: number[] = [];
  const flaky = defineTask(
    { name: "flaky", args: none, maxRetries: 3, retry: { delay: 86_400, factor: 1, maxDelay: 86_400 } },
    () => {
      at.push(t.now);
      if (at.length < 4) throw new Error("not yet");
      return at.length;
    },
  );
  await using t = await testQueue({ definitions: [flaky] });
  const task = await t.queue.submit(flaky, []);
  const ended = await t.ended(task, 4 * 86_400);
  assert.equal(ended.result, 4);
  const [first, ...rest] = at.map((time) => time - at[0]!);
  assert.equal(first, 0);
  rest.forEach((time, i) => assert(Math.abs(time - (i + 1) * 86_400_000) < 50, `${time}`));
});

Deno.test("a handler that sleeps sleeps by the test's clock", async () => {
  const slow = defineTask({ name: "slow", args: none }, async (ctx) => {
    await ctx.sleep(600);
    return "done";
  });
  await using t = await testQueue({ definitions: [slow] });
  const task = await t.queue.submit(slow, []);
  await t.advance(599);
  assert.equal((await t.queue.get(task.id)).state, "STARTED");
  await t.advance(1);
  assert.equal((await t.queue.get(task.id)).state, "SUCCESS");
});

Deno.test("a time limit and an expiry are reached by moving the clock", async () => {
  const stuck = defineTask({ name: "stuck", args: none, timeLimit: 30 }, () => new Promise(() => {}));
  await using t = await testQueue({ definitions: [stuck], channels: { default: 1 } });
  const first = await t.queue.submit(stuck, []);
  const second = await t.queue.submit(stuck, [], { expires: 10 });
  await t.advance(11);
  assert.equal((await t.queue.get(second.id)).error?.type, "Expired");
  assert.equal((await t.ended(first)).error?.type, "TimeLimitExceeded");
});

Deno.test("the clock starts where the test says", async () => {
  const when = defineTask({ name: "when", args: none }, () => t.now);
  await using t = await testQueue({ definitions: [when], now: new Date("2030-03-31T00:59:59Z") });
  assert.equal(await t.run(when, []), Date.UTC(2030, 2, 31, 0, 59, 59));
});

Deno.test("a task that does not end is told by name and state", async () => {
  const late = defineTask({ name: "late", args: none }, () => 1);
  await using t = await testQueue({ definitions: [late] });
  const task = await t.queue.submit(late, [], { delay: 3600 });
  await assert.rejects(t.ended(task, 60), { message: `Task ${task.id} is still PENDING after 60 s` });
});

Deno.test("a week of a nightly schedule passes in a moment", async () => {
  const nights: string[] = [];
  const report = defineTask({ name: "report", args: none }, () => {
    nights.push(new Date(t.now).toISOString());
  });
  await using t = await testQueue({
    definitions: [report],
    schedules: [{ id: "nightly", task: report, args: [], trigger: { cron: "0 3 * * *" } }],
  });
  await t.advance(7 * 86_400);
  assert.equal(nights.length, 7);
  for (const night of nights) assert.match(night, /T03:00:00\.0\d\dZ$/);
});

Deno.test("a workflow runs to its end, waits and all", async () => {
  const add = defineTask({ name: "add", args: z.tuple([z.int(), z.int()]) }, async (ctx, x, y) => {
    await ctx.sleep(10);
    return x + y;
  });
  const sum = defineTask({ name: "sum", args: z.tuple([z.array(z.int())]) }, (_ctx, list) => {
    if (list.includes(0)) throw new Error("nothing to add");
    return list.reduce((a, b) => a + b);
  });
  await using t = await testQueue({ definitions: [add, sum] });
  const before = t.now;
  const done = await t.runWorkflow(chain(add.s(4, 5), add.s(6)));
  assert.deepEqual([done.state, done.result], ["SUCCESS", 15]);
  assert(t.now - before >= 20_000 && t.now - before < 23_000);
  const failed = await t.runWorkflow(chord([add.s(0, 0), add.s(1, 1)], sum.s()));
  assert.deepEqual([failed.state, failed.error?.message], ["FAILURE", "nothing to add"]);
});
