/** Queues that work only while there is a reason: see queue/ground/activity.ts. */
import assert from "node:assert/strict";
import {
  createQueue,
  memoryStore,
  type QueueEvent,
  type Store,
  StoreUnavailableError,
} from "../../queue/mod.ts";
import { FakeClock } from "../../queue/testing/fake_clock.ts";
import { asks, deletes, sets } from "../support/faulty_store.ts";
import { heldTask, task } from "../support/held_task.ts";
import { type OpenOptions, openQueue } from "../support/open_queue.ts";
import { LOST_AFTER, type Process, Processes } from "../support/processes.ts";
import { countRows, rowsOf } from "../support/rows.ts";

const MINUTE = 60_000;
const quick = task("quick", () => 1);

/** A store that counts what it is asked. */
function counted(inner: Store = memoryStore()): Store & { asked: number } {
  const store = {
    ...inner,
    asked: 0,
    getMany: (...args: Parameters<Store["getMany"]>) => (store.asked++, inner.getMany(...args)),
    list: (...args: Parameters<Store["list"]>) => (store.asked++, inner.list(...args)),
    commit: (...args: Parameters<Store["commit"]>) => (store.asked++, inner.commit(...args)),
  };
  return store;
}

/** Opens one whose store tells whether it is left alone. */
async function onDemand(options: OpenOptions = {}) {
  const store = counted();
  const q = await openQueue({ definitions: [quick], ...options, store, onDemand: true });
  /** Asserts that it neither reads nor writes for ten minutes. */
  async function rests(): Promise<void> {
    const before = store.asked;
    await q.clock.advance(10 * MINUTE);
    assert.equal(store.asked - before, 0);
  }
  return Object.assign(q, { store, rests });
}

Deno.test("a process on demand that is left alone neither reads nor writes, and is ready", async () => {
  await using q = await onDemand();
  await q.rests();
  assert.equal(q.store.asked, 0);
  assert.equal((await q.queue.health()).ready, true);
});

Deno.test("a submitted task runs at once, and then the process rests", async () => {
  await using q = await onDemand();
  const { id } = await q.queue.submit(quick, []);
  await q.clock.settle();
  assert.equal((await q.queue.get(id)).state, "SUCCESS");
  await q.clock.advance(3000);
  await q.rests();
  assert.equal((await q.queue.health()).ready, true);
  const again = await q.queue.submit(quick, []);
  await q.clock.settle();
  assert.equal((await q.queue.get(again.id)).state, "SUCCESS");
});

Deno.test("a drain ends early when nothing is left to do, and waits for what is due within it", async () => {
  await using q = await onDemand();
  await q.queue.submit(quick, []);
  await q.clock.advance(500);
  await q.rests();

  const soon = await q.queue.submit(quick, [], { delay: 2 });
  const later = await q.queue.submit(quick, [], { delay: 10 });
  await q.clock.advance(2000);
  assert.equal((await q.queue.get(soon.id)).state, "SUCCESS");
  await q.clock.advance(500);
  await q.rests();
  assert.equal((await q.queue.get(later.id)).state, "PENDING");
  assert.equal((await q.queue.health()).ready, true);
});

Deno.test("a drain lasts 3 s at most: what runs goes on, what waits stays for the next reason", async () => {
  const held = heldTask("held");
  await using q = await onDemand({ definitions: [held.definition], channels: { default: 1 } });
  await q.queue.submitAll([1, 2, 3].map((n) => ({ name: "held", args: [n] })));
  await q.clock.advance(2000);
  held.runs[0]!.finish();
  await q.clock.advance(2000);
  assert.equal(held.runs.length, 2);
  await q.clock.advance(10 * MINUTE);
  held.runs[1]!.finish();
  await q.clock.settle();
  assert.deepEqual(await countRows(q.store), { ...await standing(q.store), ready: 1, task: 3 });
  await q.rests();
  assert.equal(held.runs.length, 2);

  const ticked = q.queue.tick({ seconds: 50 });
  await q.clock.settle();
  held.runs[2]!.finish();
  await q.clock.advance(500);
  const { succeeded } = await ticked;
  assert.equal(succeeded, 1);
});

Deno.test("a run that outlasts the drain keeps the heartbeat, may be revoked and retries by itself", async () => {
  await using processes = new Processes();
  const held = heldTask("held", { maxRetries: 1, retry: { delay: 2, factor: 1, jitter: false } });
  const a = await processes.start({ definitions: [held.definition], onDemand: true });
  const b = await processes.start({ definitions: [], channels: {} });
  const [first, second] = await submitted(a, ["held", "held"]);
  for (let n = 0; n < 30; n++) {
    await a.clock.advance(2000);
    await b.clock.advance(2000);
  }
  assert.deepEqual(b.events.of("lost-worker"), []);
  held.runs[0]!.fail(new Error("once"));
  await a.clock.advance(2000);
  assert.deepEqual(held.runs.map(({ ctx }) => ctx.retries), [0, 0, 1]);
  await b.queue.revoke(second!);
  await a.clock.advance(3000);
  assert.equal((await a.queue.get(second!)).state, "REVOKED");
  held.runs[2]!.finish("at last");
  await a.clock.settle();
  assert.equal((await a.queue.get(first!)).result, "at last");
});

Deno.test("a process runs tasks that others leave while a caller waits or watches there", async () => {
  await using processes = new Processes();
  const a = await processes.start({ definitions: [quick], channels: {}, onDemand: true });
  const b = await processes.start({ definitions: [quick], onDemand: true });
  const [first, second, third] = await submitted(a, ["quick", "quick", "quick"], { delay: 20 });
  await a.clock.advance(MINUTE);
  await b.clock.advance(MINUTE);
  assert.equal((await b.queue.get(first!)).state, "PENDING");

  const waited = b.queue.wait(first!, { timeout: 30 });
  await b.clock.advance(100);
  assert.equal((await waited).state, "SUCCESS");
  assert.equal((await b.queue.get(second!)).state, "SUCCESS");

  assert.equal((await b.queue.get(third!)).state, "SUCCESS");

  await b.clock.advance(MINUTE);
  const [delayed] = await submitted(a, ["quick"], { delay: 600 });
  const changes = b.queue.watch(delayed!);
  assert.equal((await next(b, changes)).value!.task.state, "PENDING");
  const ended = changes.next();
  await b.clock.advance(10 * MINUTE);
  const states = [(await ended).value!.task.state];
  for await (const change of changes) states.push(change.task.state);
  assert.equal(states.at(-1), "SUCCESS");
});

Deno.test("a task for later begins no drain", async () => {
  await using q = await onDemand();
  await q.queue.submit(quick, [], { delay: 5 });
  await q.clock.settle();
  const before = q.store.asked;
  await q.queue.submit(quick, [], { delay: 5 });
  await q.rests();
  assert.equal(q.store.asked - before, 1);
});

Deno.test("a tick does not end while a claim is about to begin a task", async () => {
  await using processes = new Processes();
  const held = heldTask("held");
  const a = await processes.start({ definitions: [held.definition], onDemand: true });
  const [id] = await submitted(a, ["held"], { delay: 5 });
  await a.clock.advance(MINUTE);
  const claim = a.faulty.onCommit("held", sets("run"));
  let over = false;
  const ticked = a.queue.tick({ seconds: 50 }).then(() => over = true);
  await a.clock.advance(2000);
  assert.deepEqual([claim.met, over], [true, false]);
  await claim.land();
  await a.clock.settle();
  held.runs[0]!.finish();
  await a.clock.advance(500);
  assert.equal((await a.queue.get(id!)).state, "SUCCESS");
  await ticked;
});

Deno.test("a channel whose rate lets nothing through for long is no reason to stay", async () => {
  await using q = await onDemand();
  await q.queue.changeChannel("default", { rateLimit: "1/m" });
  await q.queue.submitAll([1, 2].map(() => ({ name: "quick", args: [] })));
  await q.clock.advance(500);
  await q.rests();
});

Deno.test("a drain waits for a schedule that makes up for what it has missed, step by step", async () => {
  await using q = await onDemand();
  await q.queue.schedules.create({
    trigger: { interval: 60 },
    task: { name: "quick", args: [] },
    catchUp: "all",
    catchUpLimit: 60,
  });
  await q.clock.advance(60 * MINUTE + 1000);
  await q.queue.submit(quick, []);
  await q.clock.advance(3000);
  assert.equal((await q.queue.list({ limit: 100 })).tasks.length, 61);
  await q.rests();
});

Deno.test("a process on demand shows that it lives while it prepares for work", async () => {
  await using processes = new Processes();
  const a = await processes.start({ definitions: [quick], onDemand: true });
  const b = await processes.start({ definitions: [], channels: {} });
  await a.queue.tick();
  await a.clock.advance(MINUTE);
  const look = a.faulty.onRead("held", asks("worker"));
  const ticked = a.queue.tick({ seconds: 50 });
  for (let n = 0; n < 15; n++) {
    await a.clock.advance(2000);
    await b.clock.advance(2000);
  }
  assert.equal(look.met, true);
  assert.deepEqual(b.events.of("lost-worker"), []);
  await look.land();
  await a.clock.advance(MINUTE);
  await ticked;
});

Deno.test("a process on demand rings for processes that always work, and listens to none", async () => {
  const rung: string[] = [];
  const doorbell = {
    ring: (channel: string) => Promise.resolve(void rung.push(channel)),
    listen: () => assert.fail("it listens"),
  };
  await using q = await openQueue({
    definitions: [quick],
    store: { ...memoryStore(), doorbell },
    onDemand: true,
  });
  await q.queue.submit(quick, []);
  await q.clock.advance(3000);
  assert.deepEqual(rung, ["default"]);
});

Deno.test("a read of a task that has not started has it run, and all else that is ready", async () => {
  await using processes = new Processes();
  const a = await processes.start({ definitions: [quick], channels: {}, onDemand: true });
  const b = await processes.start({ definitions: [quick], onDemand: true });
  const [first, second] = await submitted(a, ["quick", "quick"]);
  const [later] = await submitted(a, ["quick"], { delay: 60 });
  await b.clock.advance(1000);
  assert.equal((await b.queue.get(later!)).state, "PENDING");
  await b.clock.advance(1000);
  assert.deepEqual(b.events.of("started"), []);
  assert.equal((await b.queue.get(first!)).state, "PENDING");
  await b.clock.settle();
  assert.equal((await b.queue.get(first!)).state, "SUCCESS");
  assert.equal((await b.queue.get(second!)).state, "SUCCESS");
});

Deno.test("a process on demand that is stopped while the store does not answer ends without a fault", async () => {
  const inner = memoryStore();
  const list: Store["list"] = (range, options) =>
    range.prefix[1] === "worker"
      ? Promise.reject(new StoreUnavailableError("away"))
      : inner.list(range, options);
  const clock = new FakeClock();
  const events: QueueEvent[] = [];
  const queue = createQueue({
    store: { ...inner, list },
    definitions: [quick],
    clock,
    onDemand: true,
    onEvent: (event) => events.push(event),
  });
  await queue.start();
  await queue.submit(quick, []);
  await clock.advance(1000);
  const stopped = queue.stop(0);
  await clock.advance(1000);
  await stopped;
  assert.deepEqual(events.filter(({ type }) => type === "fault"), []);
  assert.equal(clock.pending, 0);
});

Deno.test("a wait whose time is over no longer keeps the queue at work", async () => {
  await using q = await onDemand();
  const { id } = await q.queue.submit(quick, [], { delay: 600 });
  const waited = q.queue.wait(id, { timeout: 5 });
  const watched = q.queue.watch(id);
  await next(q, watched);
  await q.clock.advance(5000);
  assert.equal((await waited).state, "PENDING");
  await watched.return();
  await q.clock.settle();
  await q.rests();
});

Deno.test("a tick fires what is due, works, waits for what is due within 10 s, and then it rests", async () => {
  await using q = await onDemand({
    schedules: [{ id: "each-minute", trigger: { interval: 60 }, task: quick, args: [] }],
  });
  await q.queue.tick();
  await q.clock.advance(MINUTE);
  await q.rests();
  await q.queue.submit(quick, [], { delay: 9 });
  const far = await q.queue.submit(quick, [], { delay: 25 });
  const ticked = q.queue.tick({ seconds: 50 });
  const report = { submitted: 1, started: 2, retried: 0, succeeded: 2, failed: 0, revoked: 0 };
  await q.clock.advance(10_000);
  assert.deepEqual(await ticked, report);
  await q.rests();
  assert.equal((await q.queue.get(far.id)).state, "PENDING");
});

Deno.test("a tick ends when its seconds are over, when its caller has gone, and when the queue stops", async () => {
  const held = heldTask("held");
  const q = await onDemand({ definitions: [held.definition], channels: { default: 1 } });
  await q.queue.submit(held.definition, []);
  await q.queue.submit(held.definition, []);
  const ticked = q.queue.tick({ seconds: 20 });
  await q.clock.advance(19_000);
  held.runs[0]!.finish();
  await q.clock.advance(1000);
  assert.deepEqual([(await ticked).started, (await ticked).succeeded], [1, 1]);

  const gone = new AbortController();
  const aborted = q.queue.tick({ seconds: 50, signal: gone.signal });
  await q.clock.settle();
  gone.abort();
  await q.clock.advance(250);
  await aborted;

  const last = q.queue.tick({ seconds: 50 });
  await q.clock.settle();
  await q.close();
  await last;
  assert.equal(q.events.of("returned").length, 1);
});

Deno.test("a tick stays until it knows of every other worker whether it lives", async () => {
  await using processes = new Processes();
  const held = heldTask("held");
  const dead = await processes.start({ definitions: [held.definition] });
  const [id] = await submitted(dead, ["held"]);
  await dead.clock.settle();
  const a = await processes.start({ definitions: [task("held", () => "again")], onDemand: true });
  const rescue = a.queue.tick({ seconds: 50 });
  await a.clock.advance(LOST_AFTER + 1000);
  assert.equal((await rescue).succeeded, 1);
  assert.equal((await a.queue.get(id!)).result, "again");

  await dead.clock.advance(3000);
  await a.clock.advance(MINUTE);
  let over = false;
  const look = a.queue.tick({ seconds: 50 }).then(() => over = true);
  await a.clock.advance(5000);
  assert.equal(over, false);
  await dead.clock.advance(3000);
  await a.clock.advance(3500);
  assert.equal(over, true);
  await look;
});

Deno.test("a process judged lost while it rested does whatever it is asked", async () => {
  await using processes = new Processes();
  const held = heldTask("held");
  const a = await processes.start({
    definitions: [held.definition, quick],
    channels: { default: 1 },
    onDemand: true,
  });
  const b = await processes.start({ definitions: [], channels: {} });
  const node = { chain: [{ name: "quick", args: [] }, { name: "quick", args: [] }] };
  const operations: ((q: Process["queue"]) => Promise<unknown>)[] = [
    (q) => q.submit(quick, []),
    (q) => q.submitAll([{ name: "quick", args: [] }], { scope: "test", key: "k", fingerprint: "f" }),
    async (q) => q.revoke((await q.list()).tasks.find(({ state }) => state === "PENDING")!.id),
    (q) => q.submitWorkflow(node),
    (q) => q.submitWorkflow({ group: Array(400).fill({ name: "quick", args: [], delay: 3600 }) }),
    (q) => q.changeChannel("default", { slots: 2 }),
    (q) => q.purge("default"),
    async (q) => q.redrive((await q.list({ state: "REVOKED" })).tasks[0]!.id),
    (q) => q.redriveAll(),
    (q) => q.schedules.create({ id: "s", trigger: { interval: 3600 }, task: { name: "quick", args: [] } }),
    (q) => q.schedules.run("s"),
    (q) => q.tick(),
    async (q) => q.wait((await q.list()).tasks[0]!.id, { timeout: 0.5 }),
  ];
  await a.queue.submit(quick, [], { delay: 3600 });
  for (const [n, operation] of operations.entries()) {
    await a.clock.advance(MINUTE);
    await b.clock.advance(MINUTE);
    assert.deepEqual(
      (await rowsOf(processes.store, "worker")).map(({ key }) => key[2]),
      [b.worker()],
      `${n}`,
    );
    const done = operation(a.queue);
    await a.clock.advance(1000);
    await done;
  }
  assert.deepEqual(a.events.of("fault"), []);
});

Deno.test("a worker that rested is judged by its beats since, not by those before", async () => {
  await using processes = new Processes();
  const held = heldTask("held");
  const a = await processes.start({ definitions: [held.definition], onDemand: true });
  const b = await processes.start({ definitions: [], channels: {} });
  await a.queue.tick();
  await a.clock.advance(MINUTE);
  // It has rested for as long as it may without being judged, less a little.
  await b.clock.advance(LOST_AFTER - 1000);
  await submitted(a, ["held"]);
  await a.clock.settle();
  assert.equal(held.runs.length, 1);
  for (let n = 0; n < 20; n++) {
    await b.clock.advance(2000);
    await a.clock.advance(2000);
  }
  assert.deepEqual(b.events.of("lost-worker"), []);
  held.runs[0]!.finish();
  await a.clock.settle();
});

Deno.test("a process that has rested judges no worker by the beats it saw before", async () => {
  await using processes = new Processes();
  const a = await processes.start({ definitions: [quick], onDemand: true });
  const b = await processes.start({ definitions: [], channels: {} });
  await b.clock.settle();
  for (const rest of [6000, 8000, LOST_AFTER, MINUTE]) {
    const ticked = a.queue.tick({ seconds: 10 });
    await a.clock.advance(10_000);
    await ticked;
    await a.clock.advance(rest);
    assert.deepEqual(a.events.of("lost-worker"), []);
  }
});

Deno.test("a beginning that fails is tried again, while there is a reason to work", async () => {
  await using processes = new Processes();
  const a = await processes.start({ definitions: [quick], onDemand: true });
  a.faulty.onRead("failed", asks("worker"));
  const [id] = await submitted(a, ["quick"]);
  await a.clock.settle();
  assert.equal((await a.queue.get(id!)).state, "PENDING");
  await a.clock.advance(1000);
  assert.equal((await a.queue.get(id!)).state, "SUCCESS");
  assert.deepEqual(a.events.of("fault").map(({ message }) => message), ["Work could not be begun"]);
});

Deno.test("followers, groups and keys that a run leaves at rest are worked off", async () => {
  const held = heldTask("held", { concurrencyKey: () => "one" });
  await using q = await onDemand({ definitions: [held.definition, quick], channels: { default: 2 } });
  const { workflow } = await q.queue.submitWorkflow({
    chord: {
      header: [{ name: "held", args: [1] }, { name: "held", args: [2] }],
      body: { name: "quick", args: [] },
    },
  });
  for (let n = 0; n < 2; n++) {
    await q.clock.advance(MINUTE);
    held.runs[n]!.finish();
    await q.clock.settle();
  }
  await q.clock.advance(3000);
  assert.equal((await q.queue.workflow(workflow.id)).state, "SUCCESS");
  await q.rests();
});

Deno.test("work that a crash has left of a workflow is found as soon as work begins", async () => {
  await using processes = new Processes();
  const a = await processes.start({ definitions: [quick], onDemand: true });
  const one = { name: "quick", args: [] };
  // Six are too many for the commit of the end before them: it owes their release.
  const node = { chain: [one, { group: Array.from({ length: 6 }, () => one) }] };
  for (let n = 0; n < 2; n++) {
    const dead = await processes.start({ definitions: [quick] });
    const release = dead.faulty.onCommit("held", deletes("waiting"));
    const { workflow: { id } } = await dead.queue.submitWorkflow(node);
    await release.hit;
    await a.clock.advance(MINUTE);
    const waited = a.queue.waitWorkflow(id, { timeout: 1 });
    await a.clock.advance(1000);
    assert.equal((await waited).state, "SUCCESS");
    await release.land();
    await dead.close();
  }
});

Deno.test("a process that rests over an unshared store is handed no task", async () => {
  const store = counted(memoryStore({ incarnation: "only" }));
  const held = heldTask("held");
  await using q = await openQueue({ definitions: [held.definition], store, onDemand: true });
  for (let n = 1; n <= 2; n++) {
    await q.queue.submit(held.definition, []);
    await q.clock.advance(1000);
    assert.equal(held.runs.length, n);
    await q.clock.advance(MINUTE);
  }
  assert.equal((await q.queue.workers())[0]!.running.length, 2);
});

/** Rows that every registered process has. */
async function standing(store: Store): Promise<Record<string, number>> {
  const { meta, worker, lane } = await countRows(store);
  return { meta: meta!, worker: worker!, lane: lane! };
}

async function submitted(q: Process, names: readonly string[], options: { delay?: number } = {}) {
  const { tasks } = await q.queue.submitAll(names.map((name) => ({ name, args: [], ...options })));
  return tasks.map(({ id }) => id);
}

/** The next change, without the clock being moved. */
async function next<T>(q: { clock: FakeClock }, changes: AsyncGenerator<T, void>) {
  const answer = changes.next();
  await q.clock.settle();
  return await answer;
}
