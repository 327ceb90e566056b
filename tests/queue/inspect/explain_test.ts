/** explain(): the reasons for which a task does not run. */
import assert from "node:assert/strict";
import type { Queue } from "../../../queue/mod.ts";
import { encode } from "../../../queue/rows/codec.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";

/** Place, codes and sentences of a task. */
async function why(queue: Queue, { id }: { id: string }) {
  const { state, place, reasons } = await queue.explain(id);
  return {
    state,
    place,
    codes: reasons.map(({ code }) => code),
    text: reasons.map(({ message }) => message).join(". "),
  };
}

onBothStores("explain() says what stands before a ready task, and that the slots are taken", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition], channels: { default: 1 } });
  const tasks = [];
  for (let i = 0; i < 4; i++) tasks.push(await q.queue.submit(held.definition, []));
  await q.clock.settle();
  const urgent = await q.queue.submit(held.definition, [], { priority: 9 });
  const next = await why(q.queue, urgent);
  assert.deepEqual([next.state, next.place, next.codes], ["PENDING", "ready", ["next", "slots-busy"]]);
  assert.match(
    next.text,
    /next task of channel 'default'.*No slot of channel .default. is free in this process: slots 1/,
  );
  const behind = [await why(q.queue, tasks[1]!), await why(q.queue, tasks[3]!)];
  assert.deepEqual(behind[0]!.codes, ["behind-others", "slots-busy"]);
  assert.match(behind[0]!.text, /^One task is before it/);
  assert.match(behind[1]!.text, /^3 tasks are before it in channel 'default'/);
});

Deno.test("explain() counts no more tasks before one than it says", async () => {
  const quick = task("quick", () => 1);
  await using q = await openQueue({ definitions: [quick], channels: {} });
  for (let i = 0; i < 3; i++) {
    await q.queue.submitAll(Array.from({ length: 250 }, () => ({ name: "quick", args: [] })));
  }
  assert.match(
    (await why(q.queue, await q.queue.submit(quick, []))).text,
    /^500 or more tasks are before it/,
  );
});

Deno.test("explain() says that no process executes the channel, and that its last worker was lost", async () => {
  await using processes = new Processes();
  const held = heldTask("held", { channel: "mail" });
  const here = await processes.start({ definitions: [held.definition], channels: {} });
  const waiting = await here.queue.submit(held.definition, []);
  const before = await why(here.queue, waiting);
  assert.deepEqual(before.codes, ["next", "no-worker"]);
  assert.match(before.text, /No worker executes channel 'mail': start one with CHANNELS=mail=4/);
  const dead = await processes.start({ definitions: [held.definition], channels: { mail: 1 } });
  await dead.clock.advance(2000);
  const running = await why(here.queue, waiting);
  assert.deepEqual([running.state, running.place, running.codes], ["STARTED", "run", ["running"]]);
  await here.clock.advance(2 * LOST_AFTER);
  const after = await why(here.queue, waiting);
  assert.deepEqual(after.codes, ["next", "no-worker", "lost-workers"]);
  assert.match(after.text, /A worker was lost while running it; it runs again$/);
  const next = await processes.start({ definitions: [held.definition], channels: { mail: 1 } });
  await next.clock.advance(2000);
  assert.deepEqual((await why(here.queue, waiting)).codes, ["running"]);
  await here.clock.advance(2 * LOST_AFTER);
  const { text } = await why(here.queue, waiting);
  assert.match(
    text,
    /2 workers were .*it runs again, when its process runs no other task that lost as many$/,
  );
});

Deno.test("explain() says that a process which works on demand is at rest", async () => {
  const quick = task("quick", () => 1);
  await using processes = new Processes();
  const here = await processes.start({ definitions: [quick], onDemand: true });
  const other = await processes.start({ definitions: [quick], channels: {} });
  const waiting = await other.queue.submit(quick, []);
  const { codes, text } = await why(here.queue, waiting);
  assert.deepEqual(codes, ["next", "at-rest"]);
  assert.match(text, /This process executes channel 'default' on demand: after a submission, while /);
});

onBothStores("explain() tells a delay, a retry and an expiry", async (open) => {
  const fails = task("fails", () => {
    throw new Error("no luck");
  }, { maxRetries: 3, retry: { delay: 50, factor: 1 } });
  await using q = await open({ definitions: [fails] });
  const delayed = await q.queue.submit(fails, [], { delay: 60, expires: 90 });
  const retrying = await q.queue.submit(fails, []);
  await q.clock.advance(1000);
  const first = await why(q.queue, delayed);
  assert.deepEqual([first.state, first.place, first.codes], ["PENDING", "delayed", ["delayed", "expires"]]);
  assert.equal(
    first.text,
    "It may run in 59 s, at 2026-01-05T09:01:00.000Z. It is revoked unless it has started by 2026-01-05T09:01:30.000Z",
  );
  const second = await why(q.queue, retrying);
  assert.deepEqual([second.state, second.place, second.codes], ["RETRY", "delayed", ["retrying"]]);
  assert.match(
    second.text,
    /^Its last run failed \(Error: no luck\); retry 1 of 3 may run in \d+(\.\d)? s, at /,
  );
});

onBothStores("explain() tells who runs a task since when, and that it is being revoked", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition] });
  const running = await q.queue.submit(held.definition, []);
  await q.clock.advance(2500);
  const { worker } = await q.queue.get(running.id);
  const now = await why(q.queue, running);
  assert.deepEqual([now.state, now.place, now.codes], ["STARTED", "run", ["running"]]);
  assert.equal(now.text, `It has been running on worker ${worker} for 2.5 s`);
});

Deno.test("explain() tells that another process is ending a revoked run", async () => {
  await using processes = new Processes();
  const held = heldTask("held");
  const other = await processes.start({ definitions: [held.definition] });
  const running = await other.queue.submit(held.definition, []);
  await other.clock.settle();
  const here = await processes.start({ definitions: [held.definition], channels: {} });
  await here.queue.revoke(running.id);
  const now = await why(here.queue, running);
  assert.deepEqual([now.place, now.codes], ["run", ["revoking", "running"]]);
  assert.match(now.text, /^It was revoked; worker w-\S+ is ending its run/);
  await other.clock.advance(5000);
  assert.deepEqual((await why(here.queue, running)).codes, ["ended"]);
});

Deno.test("explain() tells that no process here knows a task's name", async () => {
  const known = task("known", () => 1);
  const odd = task("odd", () => 1);
  await using q = await openQueue({ definitions: [known] });
  await using other = await openQueue({ store: q.store, clock: q.clock, definitions: [odd], channels: {} });
  const stranger = await other.queue.submit(odd, []);
  await q.clock.advance(3000);
  const now = await why(other.queue, stranger);
  assert.deepEqual([now.state, now.place, now.codes], ["PENDING", "blocked", ["unknown-name"]]);
  assert.match(now.text, /knows the task name 'odd' and executes channel 'default'/);
});

onBothStores("explain() tells how a task ended, and as what it was redriven", async (open) => {
  const fails = task("fails", () => {
    throw new Error("no luck");
  });
  await using q = await open({ definitions: [fails, task("fine", () => 1)] });
  const good = await q.ended((await q.queue.submitAll([{ name: "fine", args: [] }])).tasks[0]!);
  const bad = await q.ended(await q.queue.submit(fails, []));
  const ended = await why(q.queue, good);
  assert.deepEqual([ended.state, ended.place, ended.codes], ["SUCCESS", null, ["ended"]]);
  assert.match(ended.text, /^It ended as SUCCESS at 2026-01-05T09:00:0\d\.\d{3}Z$/);
  const { task: again } = await q.queue.redrive(bad.id);
  const failed = await why(q.queue, bad);
  assert.deepEqual(failed.codes, ["ended", "redriven"]);
  assert.match(failed.text, new RegExp(`Error: no luck\\. It was submitted anew as ${again.id}$`));
  await assert.rejects(q.queue.explain("0193d9f0-0000-7000-8000-000000000000"), { code: "task-expired" });
  await q.clock.settle();
});

onBothStores("explain() tells which tasks hold a concurrency key", async (open) => {
  const held = heldTask("held", { concurrencyKey: (tenant) => `${tenant}`, concurrencyLimit: 2 });
  await using q = await open({ definitions: [held.definition], channels: { default: 4 } });
  const [a, b, third] = [
    await q.queue.submit(held.definition, ["acme"]),
    await q.queue.submit(held.definition, ["acme"]),
    await q.queue.submit(held.definition, ["acme"]),
  ];
  await q.clock.settle();
  const now = await why(q.queue, third);
  assert.deepEqual([now.state, now.place, now.codes], ["PENDING", "blocked", ["concurrency-key"]]);
  assert.equal(
    now.text,
    `It waits for the concurrency key 'acme', of which at most 2 run at a time; it is taken by 2: ${a.id}, ${b.id}`,
  );
});

onBothStores("explain() tells when a rate lets the next task run", async (open) => {
  const slow = task("slow", () => 1, { rateLimit: "1/m" });
  await using q = await open({ definitions: [slow] });
  const tasks = [await q.queue.submit(slow, []), await q.queue.submit(slow, [])];
  await q.clock.advance(10_000);
  const states = await Promise.all(tasks.map(({ id }) => q.queue.get(id)));
  const waiting = states.find(({ state }) => state === "PENDING")!;
  const now = await why(q.queue, waiting);
  assert.deepEqual([now.place, now.codes], ["blocked", ["rate-limited"]]);
  assert.equal(now.text, "The rate limit of task 'slow', 1/m, lets the next one run in 50 s");
  await q.ended(waiting);
});

Deno.test("explain() tells that a channel is paused, and what its rate is", async () => {
  const quick = task("quick", () => 1);
  await using q = await openQueue({ definitions: [quick], channels: {} });
  const set = async (row: unknown) => {
    const key = ["sluice", "channel", "default"];
    await q.store.commit([], [{ type: "set", key, value: encode(row) }]);
  };
  const waiting = await q.queue.submit(quick, []);
  await set({ paused: true, rateLimit: "10/m" });
  const paused = await why(q.queue, waiting);
  assert.deepEqual(paused.codes, ["paused", "rate-limited", "next", "no-worker"]);
  assert.match(
    paused.text,
    /Channel 'default' is paused\. The rate limit of channel 'default', 10\/m, lets the/,
  );
  await set({ purging: "w-gone" });
  assert.match((await why(q.queue, waiting)).text, /Channel 'default' is being purged/);
});
