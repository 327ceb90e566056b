import assert from "node:assert/strict";
import { chain, Signature, SoftTimeLimitExceeded, TimeLimitExceeded } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores } from "../../support/open_queue.ts";
import { rowsOf } from "../../support/rows.ts";

onBothStores("the soft time limit aborts the signal and leaves the run to its handler", async (open) => {
  const held = heldTask("held", { softTimeLimit: 10, timeLimit: 20 });
  await using q = await open({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, []);
  await q.clock.settle();
  const { signal } = held.runs[0]!.ctx;
  await q.clock.advance(9_999);
  assert(!signal.aborted);
  await q.clock.advance(1);
  assert(signal.reason instanceof SoftTimeLimitExceeded);
  assert.equal(signal.reason.message, "Task ran longer than its soft time limit of 10 s");
  assert.equal((await q.queue.get(id)).state, "STARTED");
  held.runs[0]!.finish("cleaned up");
  const ended = await q.ended({ id });
  assert.deepEqual([ended.state, ended.result], ["SUCCESS", "cleaned up"]);
});

onBothStores(
  "a handler that throws its signal's reason fails with it, and is retried if it may be",
  async (open) => {
    const sleeper = task("sleeper", (ctx) => ctx.sleep(100), {
      softTimeLimit: 5,
      maxRetries: 1,
      retry: { delay: 1, factor: 1 },
    });
    await using q = await open({ definitions: [sleeper] });
    const ended = await q.ended(await q.queue.submit(sleeper, []));
    assert.deepEqual([ended.state, ended.retries, ended.error?.type], [
      "FAILURE",
      1,
      "SoftTimeLimitExceeded",
    ]);
    assert(ended.doneAt! - ended.createdAt >= 11_000);
  },
);

onBothStores("a submission's time limits override its definition's", async (open) => {
  const held = heldTask("held", { softTimeLimit: 100, timeLimit: 200 });
  await using q = await open({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, [], { softTimeLimit: 1, timeLimit: 2 });
  await q.clock.advance(1000);
  assert(held.runs[0]!.ctx.signal.aborted);
  await q.clock.advance(1000);
  assert.equal((await q.queue.get(id)).error?.message, "Task ran longer than its time limit of 2 s");
});

onBothStores(
  "the hard time limit ends a run whose handler ignores its signal: the slot is free at once",
  async (open) => {
    const held = heldTask("held", { timeLimit: 5, maxRetries: 3 });
    await using q = await open({ definitions: [held.definition], channels: { default: 2 } });
    const first = await q.queue.submit(held.definition, [1]);
    await q.clock.advance(1);
    const second = await q.queue.submit(held.definition, [2], { timeLimit: 600 });
    const third = await q.queue.submit(held.definition, [3]);
    await q.clock.advance(4_998);
    assert.equal(held.runs.length, 2);
    await q.clock.advance(1);
    const ended = await q.queue.get(first.id);
    assert.deepEqual([ended.state, ended.error?.type], ["FAILURE", "TimeLimitExceeded"]);
    assert.equal(ended.error?.traceback, null);
    assert.equal(ended.doneAt, ended.startedAt! + 5000);
    assert(held.runs[0]!.ctx.signal.reason instanceof TimeLimitExceeded);
    assert.equal(held.runs.length, 3);
    assert.deepEqual(held.runs[2]!.args, [3]);

    // What it still does changes nothing.
    held.runs[0]!.ctx.progress({ done: 1 });
    held.runs[0]!.finish("too late");
    await q.clock.advance(1000);
    assert.deepEqual(await q.queue.get(first.id), ended);
    held.runs[1]!.finish();
    held.runs[2]!.finish();
    await q.clock.settle();
    assert.equal((await q.queue.get(second.id)).state, "SUCCESS");
    assert.equal((await q.queue.get(third.id)).state, "SUCCESS");
    assert.deepEqual(q.events.of("exhausted"), []);
  },
);

onBothStores(
  "with retryOnTimeout a run that reached its hard limit is repeated as often as maxRetries says",
  async (open) => {
    const held = heldTask("held", {
      timeLimit: 5,
      maxRetries: 1,
      retryOnTimeout: true,
      // Not asked: the definition has said it.
      retry: { delay: 10, factor: 1, retryOn: () => false },
    });
    await using q = await open({ definitions: [held.definition] });
    const { id } = await q.queue.submit(held.definition, []);
    await q.clock.advance(5000);
    const retried = await q.queue.get(id);
    assert.deepEqual([retried.state, retried.retries, retried.error], ["RETRY", 1, {
      type: "TimeLimitExceeded",
      message: "Task ran longer than its time limit of 5 s",
      traceback: null,
    }]);
    assert(held.runs[0]!.ctx.signal.reason instanceof TimeLimitExceeded);
    // What the first run still does changes nothing.
    held.runs[0]!.finish("too late");
    await q.clock.advance(10_000);
    assert.equal(held.runs.length, 2);
    await q.clock.advance(5000);
    const ended = await q.queue.get(id);
    assert.deepEqual([ended.state, ended.retries, ended.error?.type], ["FAILURE", 1, "TimeLimitExceeded"]);
    held.runs[1]!.finish();
  },
);

onBothStores("a submission's retryOnTimeout overrides its definition's, either way", async (open) => {
  const never = heldTask("never", { timeLimit: 5, maxRetries: 1 });
  const always = heldTask("always", { timeLimit: 5, maxRetries: 1, retryOnTimeout: true });
  await using q = await open({ definitions: [never.definition, always.definition] });
  const ids = [];
  for (const { definition } of [never, always]) {
    for (const retryOnTimeout of [true, false]) {
      ids.push((await q.queue.submit(definition, [], { retryOnTimeout })).id);
    }
  }
  await q.clock.advance(5000);
  const tasks = await Promise.all(ids.map((id) => q.queue.get(id)));
  assert.deepEqual(tasks.map(({ retries }) => retries), [1, 0, 1, 0]);
  await Promise.all([ids[0]!, ids[2]!].map((id) => q.queue.revoke(id)));
  for (const { runs } of [never, always]) for (const run of runs) run.finish();
});

onBothStores("retryOnTimeout takes a place in the record only where a submission gives it", async (open) => {
  const held = heldTask("held", { maxRetries: 1, retryOnTimeout: true });
  await using q = await open({ definitions: [held.definition], start: false });
  await q.queue.submit(held.definition, []);
  await q.queue.submit(held.definition, [], { retryOnTimeout: false });
  const rows = await rowsOf(q.store, "task");
  const values = rows.map(({ value }) => (value as { retryOnTimeout?: boolean }));
  assert.deepEqual(values.map((value) => "retryOnTimeout" in value), [false, true]);
});

onBothStores(
  "a soft limit that a handler obeys is retried by maxRetries alone, with or without retryOnTimeout",
  async (open) => {
    const sleeper = task("sleeper", (ctx) => ctx.sleep(100), {
      softTimeLimit: 5,
      timeLimit: 20,
      maxRetries: 1,
      retry: { delay: 1, factor: 1, retryOn: () => false },
    });
    await using q = await open({ definitions: [sleeper] });
    const ended = await q.ended(await q.queue.submit(sleeper, [], { retryOnTimeout: true }));
    // `retryOn` is asked as for any error that a handler throws.
    assert.deepEqual([ended.state, ended.retries, ended.error?.type], [
      "FAILURE",
      0,
      "SoftTimeLimitExceeded",
    ]);
  },
);

onBothStores("schedules and workflows take retryOnTimeout", async (open) => {
  const held = heldTask("held", { timeLimit: 5, maxRetries: 1 });
  await using q = await open({ definitions: [held.definition] });
  await q.queue.schedules.create({
    id: "once",
    task: { name: "held", args: [], retryOnTimeout: true },
    trigger: { date: q.clock.now() + 1000 },
  });
  const { workflow } = await q.queue.submitWorkflow(
    chain(
      new Signature({ name: "held", args: [], retryOnTimeout: true }),
      new Signature({ name: "held", args: [] }),
    ),
  );
  await q.clock.advance(1000);
  const { tasks } = await q.queue.list({ scheduleId: "once" });
  await q.clock.advance(5000);
  assert.equal((await q.queue.get(tasks[0]!.id)).retries, 1);
  assert.equal((await q.queue.get(workflow.id)).retries, 1);
  assert.equal((await q.queue.workflow(workflow.id)).state, "STARTED");
  await q.queue.revoke(workflow.id);
  await q.queue.revoke(tasks[0]!.id);
  for (const run of held.runs) run.finish();
});

onBothStores("a handler that throws after its time limit is not heard", async (open) => {
  const held = heldTask("held", { timeLimit: 5 });
  await using q = await open({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, []);
  await q.clock.advance(5000);
  held.runs[0]!.fail(new Error("much later"));
  await q.clock.advance(1000);
  assert.equal((await q.queue.get(id)).error?.type, "TimeLimitExceeded");
  assert.equal(q.events.of("finished").length, 1);
});

onBothStores("a task without limits of its own has an hour", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, []);
  await q.clock.skip(3_599_000);
  assert.equal((await q.queue.get(id)).state, "STARTED");
  await q.clock.advance(1000);
  assert.equal((await q.queue.get(id)).state, "FAILURE");
});

onBothStores(
  "handlers that ignore their signals until every slot is theirs stop the channel until they return",
  async (open) => {
    const held = heldTask("held", { timeLimit: 5 });
    const other = task("other", () => "fine", { channel: "other" });
    await using q = await open({ definitions: [held.definition, other], channels: { default: 2, other: 1 } });
    for (let i = 0; i < 3; i++) await q.queue.submit(held.definition, [i]);
    await q.clock.settle();
    assert.equal((await q.queue.health()).ready, true);
    await q.clock.advance(5000);
    assert.equal(held.runs.length, 2);
    // Their time to return is over as well.
    await q.clock.advance(10_000);
    assert.deepEqual(q.events.of("exhausted").map(({ channel }) => channel), ["default"]);
    assert.deepEqual(await q.queue.health(), {
      ready: false,
      problems: ["Channel default: every slot is held by a handler that ignores its abort signal."],
    });
    // Others go on, and nothing is claimed that nobody could run.
    await q.queue.submit(other, []);
    await q.events.next("finished", ({ task }) => task.name === "other");
    const [late] = (await q.queue.list({ state: "PENDING" })).tasks;
    assert.equal(late?.name, "held");
    assert.equal((await q.queue.channels()).find(({ name }) => name === "default")?.ready, 1);

    held.runs[0]!.finish();
    await q.clock.settle();
    assert.equal(held.runs.length, 3);
    assert.deepEqual(await q.queue.health(), { ready: true, problems: [] });
    held.runs[1]!.finish();
    held.runs[2]!.finish();
    await q.clock.settle();
    assert.equal((await q.queue.get(late!.id)).state, "SUCCESS");
    assert.equal(q.events.of("exhausted").length, 1);
  },
);

onBothStores("a handler that obeys its signal never exhausts a channel of one slot", async (open) => {
  const obeys = task("obeys", async (ctx) => {
    await ctx.sleep(1000).catch(async (reason) => {
      // It tidies up first.
      for (let i = 0; i < 100; i++) await Promise.resolve();
      throw reason;
    });
  }, { timeLimit: 5 });
  await using q = await open({ definitions: [obeys], channels: { default: 1 } });
  for (let i = 0; i < 3; i++) await q.queue.submit(obeys, [i]);
  await q.clock.advance(20_000);
  const revoked = await q.queue.submit(obeys, []);
  await q.clock.settle();
  await q.queue.revoke(revoked.id);
  await q.clock.advance(20_000);
  assert.equal(q.events.of("finished").length, 4);
  assert.deepEqual(q.events.of("exhausted"), []);
});
