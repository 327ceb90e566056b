import assert from "node:assert/strict";
import { memoryStore } from "../../../queue/mod.ts";
import { asks, deletes, faultyStore, sets } from "../../support/faulty_store.ts";
import { FakeClock, START } from "../../../queue/testing/fake_clock.ts";
import { type HeldTask, heldTask, task } from "../../support/held_task.ts";
import { finishInTurn, onBothStores, openQueue } from "../../support/open_queue.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";
import { rowsOf, stored } from "../../support/rows.ts";

/** A process with three slots for a task, and one that executes nothing. */
async function workerAndAsker(processes: Processes, { definition }: HeldTask) {
  const definitions = [definition];
  const worker = await processes.start({ definitions, channels: { default: 3 } });
  return { worker, asks: await processes.start({ definitions, channels: {} }) };
}

/** A task whose runs are counted. */
function counted() {
  let started = 0;
  return { quick: task("quick", () => void started++), started: () => started };
}

onBothStores(
  "a paused channel starts nothing, a resumed one goes on at once, and what runs is left alone",
  async (open) => {
    const held = heldTask("held");
    await using q = await open({ definitions: [held.definition], channels: { default: 2 } });
    await q.queue.submit(held.definition, [0]);
    await q.clock.settle();
    assert.equal((await q.queue.changeChannel("default", { paused: true })).paused, true);
    for (let n = 1; n < 4; n++) await q.queue.submit(held.definition, [n]);
    await q.clock.advance(60_000);
    assert.equal(held.runs.length, 1);
    assert.deepEqual((await q.queue.health()).problems, []);
    held.runs[0]!.finish();
    await q.clock.advance(60_000);
    assert.equal(held.runs.length, 1);
    assert.equal((await q.queue.changeChannel("default", { paused: null })).paused, false);
    await q.clock.settle();
    assert.deepEqual(held.runs.map(({ args: [n] }) => n), [0, 1, 2]);
    assert.deepEqual(await rowsOf(q.store, "channel"), []);
    await finishInTurn(held, q, 1, 4);
  },
);

onBothStores(
  "no task starts after a pause was answered, whatever was being submitted and claimed",
  async (open) => {
    const { quick, started } = counted();
    await using q = await open({ definitions: [quick], channels: { default: 5 } });
    for (let round = 0; round < 30; round++) {
      for (let n = 0; n < 20; n++) q.queue.submit(quick, [n]);
      // Somewhere in the middle.
      for (let turn = 0; turn < round; turn++) await Promise.resolve();
      await q.queue.changeChannel("default", { paused: true });
      const before = started();
      await q.clock.advance(500);
      assert.equal(started(), before, `round ${round}`);
      await q.queue.changeChannel("default", { paused: false });
      await q.clock.advance(500);
    }
    assert.equal(started(), 600);
  },
);

Deno.test("no process starts a task after one of them was told to pause, whatever it was doing", async () => {
  for (const slowed of ["ready", "run"] as const) {
    await using processes = new Processes();
    const held = heldTask("held");
    const { worker, asks } = await workerAndAsker(processes, held);
    const slow = slowed === "run"
      ? worker.faulty.onCommit("held", sets("run"))
      : worker.faulty.onRead("late", (keys) => keys.some((key) => key[1] === "ready"));
    await asks.queue.submitAll([0, 1].map((n) => ({ name: "held", args: [n] })));
    await worker.clock.advance(2000);
    assert(slow.met);
    await asks.queue.changeChannel("default", { paused: true });
    await slow.land();
    await worker.clock.advance(10_000);
    assert.equal(held.runs.length, 0);
    // The others notice by their poll that it goes on.
    await asks.queue.changeChannel("default", { paused: null });
    await worker.clock.advance(2000);
    assert.equal(held.runs.length, 2);
    for (const { finish } of held.runs) finish();
    await worker.clock.settle();
  }
});

Deno.test("a task found by a look that was under way when a process learned of a pause does not start", async () => {
  await using processes = new Processes();
  const held = heldTask("held");
  const { worker, asks } = await workerAndAsker(processes, held);
  const slow = worker.faulty.onRead("held", (keys) => keys.some((key) => key[1] === "ready"));
  await worker.clock.advance(2000);
  assert(slow.met);
  await asks.queue.changeChannel("default", { paused: true });
  await asks.queue.submitAll([{ name: "held", args: [] }]);
  // Its heartbeat reads the channel's row.
  await worker.clock.advance(4000);
  await slow.land();
  await worker.clock.advance(5000);
  assert.equal(held.runs.length, 0);
  await asks.queue.changeChannel("default", { paused: null });
  await worker.clock.advance(5000);
  for (const { finish } of held.runs) finish();
  assert.equal(held.runs.length, 1);
  await worker.clock.settle();
});

Deno.test("a pause on an unshared store is answered when tasks being read or handed off have started", async () => {
  const keyed = heldTask("keyed", { concurrencyKey: () => null, rateLimit: "1000/s" });
  const plain = heldTask("plain");
  for (const slowed of ["read", "hand-off"] as const) {
    const store = faultyStore(memoryStore({ incarnation: "only" }));
    const definitions = [keyed.definition, plain.definition];
    await using q = await openQueue({ store, definitions, channels: { default: 2 }, faults: true });
    await q.clock.advance(100);
    const runs = () => keyed.runs.length + plain.runs.length;
    const slow = slowed === "read"
      ? store.onRead("late", asks("ready"))
      : store.onCommit("held", sets("run"));
    // The channel is read for a task that comes from elsewhere.
    const request = slowed === "read" ? { name: "keyed", args: [], delay: 1 } : { name: "plain", args: [] };
    const submitted = q.queue.submitAll([request]);
    await q.clock.advance(1000);
    assert(slow.met);
    let atAnswer = -1;
    const pausing = q.queue.changeChannel("default", { paused: true }).then(() => atAnswer = runs());
    await q.clock.settle();
    await slow.land();
    await submitted;
    await q.clock.advance(10_000);
    await pausing;
    assert.equal(runs(), atAnswer, slowed);
    for (const { finish } of [...keyed.runs, ...plain.runs]) finish();
    await q.clock.settle();
  }
});

onBothStores("slots can be changed while tasks run, up and down, and back to the default", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition], channels: { default: 2 } });
  for (let n = 0; n < 20; n++) await q.queue.submit(held.definition, [n]);
  await q.clock.settle();
  assert.equal(held.runs.length, 2);
  assert.equal((await q.queue.changeChannel("default", { slots: 5 })).slots, 5);
  await q.clock.settle();
  assert.equal(held.runs.length, 5);
  await q.queue.changeChannel("default", { slots: 1 });
  for (let n = 0; n < 4; n++) held.runs[n]!.finish();
  await q.clock.advance(3000);
  assert.equal(held.runs.length, 5);
  held.runs[4]!.finish();
  await q.clock.advance(3000);
  assert.equal(held.runs.length, 6);
  assert.equal((await q.queue.changeChannel("default", { slots: null })).slots, 2);
  await q.clock.settle();
  assert.equal(held.runs.length, 7);
  while (held.runs.length < 20) {
    for (const run of held.runs) run.finish();
    await q.clock.advance(3000);
  }
  for (const run of held.runs) run.finish();
});

onBothStores(
  "a channel's rate holds for all of its tasks, wherever they start, and can be taken back",
  async (open) => {
    const starts: [number, string][] = [];
    const note = (name: string, options = {}) =>
      task(name, () => void starts.push([q.clock.now() - START, name]), options);
    const definitions = [note("a"), note("b", { concurrencyKey: () => "one", concurrencyLimit: 5 })];
    await using q = await open({ definitions, channels: { default: 10 } });
    await q.queue.changeChannel("default", { rateLimit: "10/m" });
    const begin = q.clock.now() - START;
    for (let n = 0; n < 40; n++) await q.queue.submit(definitions[n % 2]!, []);
    await q.clock.advance(120_500);
    assert.deepEqual(starts.map(([at]) => at), Array.from({ length: 21 }, (_, n) => begin + 6000 * n));
    assert.deepEqual(new Set(starts.map(([, name]) => name)), new Set(["a", "b"]));
    // Nothing is parked: everything of the channel waits for the same.
    assert.deepEqual(await rowsOf(q.store, "blocked"), []);
    assert.deepEqual((await q.queue.health()).problems, []);
    assert.equal((await q.queue.changeChannel("default", { rateLimit: null })).rateLimit, null);
    await q.clock.settle();
    assert.equal(starts.length, 40);
  },
);

onBothStores(
  "a depth cap refuses submissions while as many tasks stand ready, and batches that go beyond",
  async (open) => {
    const held = heldTask("held");
    await using q = await open({ definitions: [held.definition], channels: { default: 1 } });
    const submit = (count: number) => q.queue.submitAll(Array(count).fill({ name: "held", args: [] }));
    const full = {
      code: "over-capacity",
      message: "Channel 'default' has no room: at most 1000 tasks may wait in it",
    };
    await submit(1);
    await q.clock.settle();
    await q.queue.changeChannel("default", { maxDepth: 1000 });
    for (let n = 0; n < 4; n++) await submit(249);
    await assert.rejects(submit(5), full);
    await submit(4);
    await assert.rejects(submit(1), full);
    // What was measured is measured again after a second.
    await q.clock.advance(1100);
    await assert.rejects(submit(1), full);
    held.runs[0]!.finish();
    await q.clock.advance(1100);
    await submit(1);
    await assert.rejects(submit(1), full);
    assert.equal((await q.queue.channels())[0]!.ready, 1000);
    await q.queue.changeChannel("default", { maxDepth: null });
    await submit(5);
    assert.equal(await q.queue.purge("default"), 1005);
    held.runs.at(-1)!.finish();
  },
);

Deno.test("concurrent submissions do not go beyond the cap, and what was answered before is answered again", async () => {
  const held = heldTask("held");
  await using q = await openQueue({ definitions: [held.definition], channels: { default: 1 }, start: false });
  await q.queue.changeChannel("default", { maxDepth: 10 });
  const key = { scope: "s", key: "k", fingerprint: "f" };
  const { tasks: [first] } = await q.queue.submitAll([{ name: "held", args: [] }], key);
  await q.clock.advance(1100);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 50 }, () => q.queue.submit(held.definition, [])),
  );
  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 9);
  assert.equal((await q.queue.submitAll([{ name: "held", args: [] }], key)).tasks[0]!.id, first!.id);
});

Deno.test("a workflow is refused whose first tasks have no room in a channel; what follows them counts later", async () => {
  const held = heldTask("held");
  await using q = await openQueue({ definitions: [held.definition], channels: { default: 1 }, start: false });
  await q.queue.changeChannel("default", { maxDepth: 2 });
  const node = { name: "held", args: [], immutable: true };
  await assert.rejects(q.queue.submitWorkflow({ group: [node, node, node] }), { code: "over-capacity" });
  assert.deepEqual((await q.queue.list()).tasks, []);
  await q.queue.submitWorkflow({ chain: [node, node, node] });
  assert.equal((await q.queue.list()).tasks.length, 3);
});

onBothStores("a purge ends what waits in the channel, wherever it waits, and nothing else", async (open) => {
  const held = heldTask("held", { maxRetries: 1, retry: { delay: 600, factor: 1 } });
  const keyed = heldTask("keyed", { concurrencyKey: () => "one" });
  await using q = await open({
    definitions: [held.definition, keyed.definition],
    channels: { default: 4, other: 1 },
  });
  const ready = (channel: string) => ({ name: "held", args: [], channel });
  const { tasks: [retried] } = await q.queue.submitAll([ready("default")]);
  await q.clock.settle();
  held.runs[0]!.fail(new Error("once"));
  for (const channel of ["default", "other"]) {
    await q.queue.submitAll(Array.from({ length: 50 }, () => ready(channel)));
    await q.queue.submitAll(
      Array.from({ length: 30 }, () => ({ ...ready(channel), name: "keyed", priority: 9 })),
    );
    await q.queue.submitAll(Array.from({ length: 20 }, () => ({ ...ready(channel), delay: 600 })));
  }
  await q.clock.advance(3000);
  const before = await q.queue.channels();
  const running = before.reduce((sum, { running }) => sum + running, 0);
  assert.equal(running, held.runs.length - 1 + keyed.runs.length);
  const [own, other] = before as [typeof before[0], typeof before[0]];
  assert.equal(await q.queue.purge("default"), own.ready + own.blocked + own.delayed);
  assert.equal(own.ready + own.blocked + own.delayed + own.running, 101);
  const after = await q.queue.channels();
  assert.deepEqual(after, [{ ...own, ready: 0, delayed: 0, blocked: 0, oldestAge: null }, other]);
  const { error, state } = await q.queue.get(retried!.id);
  assert.deepEqual([state, error?.type, error?.message], [
    "REVOKED",
    "TaskRevokedError",
    "Task was purged with its channel before it ran",
  ]);
  assert.deepEqual(await rowsOf(q.store, "channel"), []);
  assert.equal(await q.queue.purge("other"), 101 - 1 - other.running);
  for (const run of [...held.runs, ...keyed.runs]) run.finish();
  await q.clock.settle();
});

onBothStores(
  "a purge ends while tasks go on being submitted; none starts meanwhile, each ends or stays",
  async (open) => {
    const { quick, started } = counted();
    await using q = await open({ definitions: [quick], channels: { default: 5 } });
    await q.queue.changeChannel("default", { paused: true });
    for (let n = 0; n < 8; n++) await q.queue.submitAll(Array(250).fill({ name: "quick", args: [] }));
    await q.queue.changeChannel("default", { paused: null });
    const purging = q.queue.purge("default");
    let over = false;
    purging.then(() => over = true);
    let submitted = 2000;
    while (!over) {
      await q.queue.submitAll(Array(3).fill({ name: "quick", args: [] }));
      submitted += 3;
      if (!over) await q.clock.advance(1);
    }
    const purged = await purging;
    await q.clock.advance(5000);
    assert(purged >= 1990 && purged <= 2000 + 10, `${purged}`);
    assert.equal(purged + started(), submitted);
  },
);

Deno.test("a purge whose process dies leaves the channel to the others, unpaused, with what it had not ended", async () => {
  await using processes = new Processes();
  const held = heldTask("held");
  const options = { definitions: [held.definition], channels: { default: 1 } };
  const dead = await processes.start({ ...options, channels: {} });
  for (let n = 0; n < 4; n++) {
    await dead.queue.submitAll(Array(100).fill({ name: "held", args: [] }));
  }
  const stuck = dead.faulty.onCommit("held", deletes("ready"));
  const purging = dead.queue.purge("default").catch((error) => error);
  await dead.clock.settle();
  assert(stuck.met);
  // From here on its clock stands still.
  const other = await processes.start(options);
  await other.clock.advance(LOST_AFTER - 3000);
  assert.equal((await other.queue.channels())[0]!.paused, true);
  assert.equal(held.runs.length, 0);
  await other.clock.advance(12_000);
  assert.equal((await other.queue.channels())[0]!.paused, false);
  assert.equal(held.runs.length, 1);
  assert.deepEqual(await rowsOf(processes.store, "channel"), []);
  await stuck.land();
  for (let n = 0; n < 7; n++) for (const { clock } of [dead, other]) await clock.advance(3000);
  assert.equal((await purging).code, "fenced");
  held.runs[0]!.finish();
  await other.clock.advance(1000);
  const ended = await rowsOf(processes.store, "ended");
  assert.equal(ended.length + (await rowsOf(processes.store, "ready")).length + held.runs.length, 400);
  for (const run of held.runs) run.finish();
});

Deno.test("on a file that one process has open, the restart ends the pause of a purge that a crash cut off", async () => {
  const store = memoryStore({ incarnation: "first" });
  const held = heldTask("held");
  const slow = faultyStore(store);
  const clock = new FakeClock();
  const options = { definitions: [held.definition], channels: { default: 1 }, clock, faults: true };
  const crashed = await openQueue({ ...options, store: slow, start: false });
  await crashed.queue.submitAll(Array(10).fill({ name: "held", args: [] }));
  const stuck = slow.onCommit("held", deletes("ready"));
  const purging = crashed.queue.purge("default").catch((error) => error);
  await clock.settle();
  assert(stuck.met);
  await using q = await openQueue({ ...options, store: { ...store, incarnation: "second" } });
  await clock.settle();
  assert.equal(held.runs.length, 1);
  await stuck.land();
  await crashed.clock.advance(20_000);
  assert.equal((await purging).code, "fenced");
  await crashed.close();
  for (let n = 0; n < 10; n++) {
    for (const run of held.runs) run.finish();
    await q.clock.advance(3000);
  }
});

Deno.test("changes of two processes at once are all kept", async () => {
  await using processes = new Processes();
  const options = { definitions: [heldTask("held").definition], channels: { default: 1 } };
  const [a, b] = [await processes.start(options), await processes.start(options)];
  await Promise.all([
    a.queue.changeChannel("default", { slots: 7 }),
    b.queue.changeChannel("default", { rateLimit: "5/s" }),
    a.queue.changeChannel("default", { maxDepth: 9 }),
    b.queue.changeChannel("default", { paused: true }),
  ]);
  assert.deepEqual(
    (await rowsOf(processes.store, "channel")).map(({ value }) => value),
    [
      { slots: 7, rateLimit: "5/s", maxDepth: 9, paused: true },
    ].map((row) => row),
  );
  for (const { queue } of [a, b]) {
    const [channel] = await queue.channels();
    assert.deepEqual([channel!.paused, channel!.slots, channel!.rateLimit, channel!.maxDepth], [
      true,
      7,
      "5/s",
      9,
    ]);
  }
});

Deno.test("a process that only submits keeps to a cap that another one has set", async () => {
  await using processes = new Processes();
  const options = { definitions: [heldTask("held").definition] };
  const [a, b] = [
    await processes.start({ ...options, channels: { default: 1 } }),
    await processes.start({ ...options, channels: {} }),
  ];
  await a.queue.changeChannel("default", { paused: true, maxDepth: 2 });
  await b.clock.advance(3500);
  const submit = () => b.queue.submitAll([{ name: "held", args: [] }]);
  await submit();
  await submit();
  await assert.rejects(submit(), { code: "over-capacity" });
});

onBothStores(
  "a channel's rate and burst: so many at once, and no second holds more than both say",
  async (open) => {
    const starts: number[] = [];
    const note = task("note", () => void starts.push(q.clock.now()));
    await using q = await open({ definitions: [note], channels: { default: 50 } });
    const run = async (burst: number | null) => {
      await q.queue.changeChannel("default", { rateLimit: "10/s", burst });
      await q.clock.advance(5000);
      starts.length = 0;
      await q.queue.submitAll(Array(30).fill({ name: "note", args: [] }));
      await q.clock.advance(5000);
      assert.equal(starts.length, 30);
      return starts.map((at) => starts.filter((other) => other >= at && other < at + 1000).length);
    };
    assert.equal(Math.max(...await run(null)), 10);
    assert.equal(Math.max(...await run(4)), 13);
    assert.equal(starts.filter((at) => at === starts[0]).length, 4);
    assert.equal(Math.max(...await run(null)), 10);
    assert.equal((await q.queue.changeChannel("default", { burst: 10 })).burst, 10);
    await assert.rejects(
      q.queue.changeChannel("default", { rateLimit: "5/s" }),
      /burst: must be an integer from 1 to 5/,
    );
    await assert.rejects(
      q.queue.changeChannel("default", { rateLimit: null, burst: 0 }),
      /burst: must not be given without a rate limit/,
    );
    // A rate that is taken away takes its burst along.
    assert.equal((await q.queue.changeChannel("default", { rateLimit: null })).burst, null);
    assert.deepEqual(await rowsOf(q.store, "channel"), []);
  },
);

Deno.test("an invalid setting of a channel is refused with every fault at once, and nothing is stored", async () => {
  await using q = await openQueue({ definitions: [heldTask("held", { channel: "mail" }).definition] });
  const change = { paused: "yes", slots: 0, rateLimit: "often", maxDepth: 1.5 };
  await assert.rejects(
    q.queue.changeChannel("mail", change as unknown as Parameters<typeof q.queue.changeChannel>[1]),
    (error: { code: string; faults: { pointer: string; detail: string }[] }) => {
      assert.equal(error.code, "invalid-channel");
      assert.deepEqual(error.faults.map(({ pointer }) => pointer), [
        "/paused",
        "/slots",
        "/rate_limit",
        "/max_depth",
      ]);
      assert.match(error.faults[2]!.detail, /^must be a rate like '10\/m'.*, or null: got "often"$/);
      return true;
    },
  );
  const unknown = { code: "channel-unknown", message: "No channel is named 'mial'; did you mean 'mail'?" };
  await assert.rejects(q.queue.changeChannel("mial", { paused: true }), unknown);
  await assert.rejects(q.queue.purge("mial"), unknown);
  assert.deepEqual(await stored(q.store), {});
});
