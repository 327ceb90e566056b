/** Redrive: a task that ended in FAILURE or REVOKED is submitted anew, once. */
import assert from "node:assert/strict";
import { RedriveError } from "../../../queue/mod.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import { faultyStore, sets } from "../../support/faulty_store.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { Processes } from "../../support/processes.ts";
import { rowsOf } from "../../support/rows.ts";

const broken = { now: true };
const flaky = task("flaky", (_ctx, value) => {
  if (broken.now) throw new Error("no luck");
  return value;
});

onBothStores("a failed task is submitted anew with all that it had, and stays what it was", async (open) => {
  const held = heldTask("held", { maxRetries: 0 });
  await using q = await open({ definitions: [held.definition], channels: { default: 4, other: 4 } });
  const large = "x".repeat(100_000);
  const options = {
    channel: "other",
    priority: 8,
    maxRetries: 2,
    timeLimit: 60,
    softTimeLimit: 30,
    retryOnTimeout: true,
    ignoreResult: true,
    tags: ["a", "b"],
    expires: 500,
  };
  const first = await q.queue.submit(held.definition, [large, { n: 1 }], options);
  await q.clock.settle();
  await q.queue.revoke(first.id);
  await q.clock.advance(1000);
  const before = await q.queue.get(first.id);
  const { task: again, replayed } = await q.queue.redrive(first.id);
  assert.equal(replayed, false);
  assert.deepEqual(
    { ...again, id: "", rootId: "", createdAt: 0, runAt: 0, expiresAt: 0 },
    { ...first, id: "", rootId: "", createdAt: 0, runAt: 0, expiresAt: 0, redriveOf: first.id },
  );
  assert.equal(again.expiresAt! - again.createdAt, 500_000);
  const records = (await rowsOf(q.store, "task")).map(({ value }) => value as { retryOnTimeout?: boolean });
  assert.deepEqual(records.map(({ retryOnTimeout }) => retryOnTimeout), [true, true]);
  await q.clock.settle();
  assert.deepEqual(held.runs[1]!.args, [large, { n: 1 }]);
  held.runs[1]!.fail(new Error("again"));
  await q.clock.settle();
  assert.deepEqual([(await q.queue.get(again.id)).state, (await q.queue.get(again.id)).retries], [
    "RETRY",
    1,
  ]);
  assert.deepEqual(await q.queue.get(first.id), before);
  await q.queue.revoke(again.id);
});

onBothStores("only a task that ended in FAILURE or REVOKED is redriven, and once", async (open) => {
  broken.now = false;
  await using q = await open({ definitions: [flaky] });
  const delayed = await q.queue.submit(flaky, [1], { delay: 60 });
  const good = await q.ended(await q.queue.submit(flaky, [2]));
  for (const [{ id }, state] of [[delayed, "PENDING"], [good, "SUCCESS"]] as const) {
    await assert.rejects(q.queue.redrive(id), (error) => {
      assert(error instanceof RedriveError);
      assert.deepEqual([error.taskId, error.redrivenAs], [id, null]);
      assert.match(error.message, new RegExp(`it is ${state}, and only`));
      return true;
    });
  }
  await assert.rejects(q.queue.redrive("0193d9f0-0000-7000-8000-000000000000"), { code: "task-expired" });
  await q.queue.revoke(delayed.id);
  // Its delay is over: it runs at once.
  const { task } = await q.queue.redrive(delayed.id);
  assert.equal(task.runAt, task.createdAt);
  await assert.rejects(q.queue.redrive(delayed.id), { code: "not-redrivable", redrivenAs: task.id });
  assert.equal((await q.ended(task)).result, 1);
});

Deno.test("only one of many redrives of a task at once, in several processes, succeeds", async () => {
  broken.now = true;
  await using processes = new Processes();
  const all = [
    await processes.start({ definitions: [flaky] }),
    await processes.start({ definitions: [flaky], channels: {} }),
  ];
  const { id } = await all[0]!.ended(await all[0]!.queue.submit(flaky, [1]));
  const answers = await Promise.allSettled(
    all.flatMap(({ queue }) => [queue.redrive(id), queue.redrive(id), queue.redriveAll()]),
  );
  const made = answers.flatMap((answer) =>
    answer.status === "rejected"
      ? []
      : "task" in answer.value
      ? [answer.value.task.id]
      : answer.value.tasks.map(
        ({ taskId }) => taskId,
      )
  ).filter((taskId) => taskId !== null);
  assert.equal(made.length, 1);
  const tasks = (await rowsOf(processes.store, "task")).filter(({ value }) => value.redriveOf === id);
  assert.deepEqual(tasks.map(({ key }) => key[2]), made);
  await all[0]!.clock.settle();
});

for (const fault of ["lost", "failed", "nothing", "repeated", "held"] as const) {
  Deno.test(`a redrive whose commit is ${fault} makes one task, also under its key asked again`, async () => {
    broken.now = true;
    const store = faultyStore(memoryStore());
    await using q = await openQueue({ store, definitions: [flaky], channels: {} });
    const { id } = await q.queue.submit(flaky, [1]);
    await q.queue.revoke(id);
    const trap = store.onCommit(fault, sets("idem"));
    const keyed = { scope: "s", key: "k", fingerprint: "f" };
    const first = q.queue.redrive(id, keyed);
    await trap.hit;
    const again = q.queue.redrive(id, keyed);
    await q.clock.advance(20_000);
    const ids = (await Promise.all([first, again])).map(({ task }) => task.id);
    assert.equal(ids[0], ids[1]);
    if (fault !== "failed") assert.equal(await trap.land(), null);
    assert.equal((await rowsOf(store, "task")).length, 2);
    assert.equal((await q.queue.redrive(id, keyed)).replayed, true);
  });
}

onBothStores("many tasks are redriven by filter, page by page, newest first, each once", async (open) => {
  broken.now = true;
  const other = task("other", () => {
    throw new Error("no luck either");
  }, { channel: "mail" });
  await using q = await open({ definitions: [flaky, other], channels: { default: 9, mail: 9 } });
  const failed: string[] = [];
  for (let i = 0; i < 5; i++) failed.unshift((await q.ended(await q.queue.submit(flaky, [i]))).id);
  const late = await q.ended(await q.queue.submit(other, []));
  const revoked = await q.queue.submit(flaky, [9], { delay: 60 });
  await q.queue.revoke(revoked.id);
  broken.now = false;

  const dry = await q.queue.redriveAll({ name: "flaky", dryRun: true });
  assert.deepEqual(dry.tasks, failed.map((id) => ({ id, name: "flaky", taskId: null, skipped: null })));
  assert.equal((await q.queue.list()).tasks.length, 7);
  const none = await q.queue.redriveAll({ createdBefore: late.createdAt - 60_000 });
  assert.deepEqual(none, { tasks: [], cursor: null, lookedAt: 0 });

  const pages: string[][] = [];
  for (let next: { cursor?: string } = {};;) {
    const { tasks, cursor } = await q.queue.redriveAll({ name: "flaky", limit: 2, ...next });
    pages.push(tasks.map(({ id }) => id));
    for (const { id, taskId } of tasks) assert.equal((await q.queue.get(taskId!)).redriveOf, id);
    await q.clock.settle();
    if (cursor === null) break;
    next = { cursor };
  }
  assert.deepEqual(pages.flat(), failed);
  assert(pages.every((page) => page.length <= 2));
  assert.deepEqual((await q.queue.redriveAll({ name: "flaky" })).tasks, []);
  assert.deepEqual((await q.queue.redriveAll({ channel: "mail" })).tasks.map(({ id }) => id), [late.id]);
  assert.deepEqual((await q.queue.redriveAll({ state: "REVOKED" })).tasks.map(({ id }) => id), [revoked.id]);
  const filter = (redriven: boolean) => q.queue.list({ state: "FAILURE", redriven });
  await q.clock.settle();
  // What was submitted anew and has failed again is another task.
  assert.deepEqual((await filter(false)).tasks.map(({ name, redriveOf }) => [name, redriveOf]), [[
    "other",
    late.id,
  ]]);
  assert.deepEqual((await filter(true)).tasks.map(({ id }) => id), [late.id, ...failed]);
});

onBothStores(
  "a task whose key is another's is not redriven; among many it is skipped and told",
  async (open) => {
    broken.now = true;
    const keyed = task("keyed", () => {
      if (broken.now) throw new Error("no luck");
    }, { idempotency: { key: (id) => `${id}`, ttl: 100 } });
    await using q = await open({ definitions: [keyed, flaky] });
    const failed = await q.ended(await q.queue.submit(keyed, [1]));
    const free = await q.ended(await q.queue.submit(flaky, [1]));
    const next = await q.queue.submit(keyed, [1], { delay: 60 });
    await assert.rejects(q.queue.redrive(failed.id), { code: "duplicate-task", taskId: next.id });
    const { tasks } = await q.queue.redriveAll();
    assert.deepEqual(tasks.map(({ id, skipped }) => [id, skipped === null]), [[free.id, true], [
      failed.id,
      false,
    ]]);
    assert.match(tasks[1]!.skipped!, /submitted before with the idempotency key '1'/);
    await q.queue.revoke(next.id);
    const { task: again } = await q.queue.redrive(failed.id);
    assert.equal((await q.queue.submit(keyed, [1])).id, again.id);
    await q.clock.settle();
  },
);

Deno.test("a task that its definition would not accept any more is not redriven, and can be later", async () => {
  await using one = await openQueue({ definitions: [flaky], channels: {} });
  const { id } = await one.queue.submit(flaky, [1]);
  await one.queue.revoke(id);
  await using two = await openQueue({
    store: one.store,
    clock: one.clock,
    definitions: [task("flocky", () => 1)],
  });
  await assert.rejects(two.queue.redrive(id), { code: "unknown-task", suggestion: "flocky" });
  assert.match(
    (await two.queue.redriveAll({ state: "REVOKED" })).tasks[0]!.skipped!,
    /No task is named 'flaky'/,
  );
  await one.queue.redrive(id);
});

onBothStores("a redriven task is removed with its mark when its time has come", async (open) => {
  broken.now = true;
  await using q = await open({ definitions: [flaky], resultTtl: 60 });
  const { id } = await q.ended(await q.queue.submit(flaky, [1]));
  await q.clock.advance(50_000);
  const { task } = await q.queue.redrive(id);
  await q.clock.advance(30_000);
  await assert.rejects(q.queue.get(id), { code: "task-expired" });
  assert.equal((await q.queue.get(task.id)).redriveOf, id);
  await q.clock.advance(60_000);
  assert.deepEqual(await rowsOf(q.store, "ended"), []);
});
