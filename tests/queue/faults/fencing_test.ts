/** A process that others judged lost can store nothing in its former name (invariant 3). */
import assert from "node:assert/strict";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import { type CommitCall, deletes, sets } from "../../support/faulty_store.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { faultyStore } from "../../support/faulty_store.ts";
import { heldTask } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";
import { put } from "../../../queue/rows/unit.ts";
import { rowsOf } from "../../support/rows.ts";

const registers = ({ checks }: CommitCall) =>
  checks.some(({ key, versionstamp }) => key[1] === "worker" && versionstamp === null);

/** `suspended` runs one task; `other` has judged it lost meanwhile and, if it executes, runs the task again. */
async function judged(options: { otherExecutes: boolean }) {
  const processes = new Processes();
  const mine = heldTask("held", { maxRetries: 3, retry: { delay: 0 } });
  const theirs = heldTask("held", { maxRetries: 3, retry: { delay: 0 } });
  const suspended = await processes.start({ definitions: [mine.definition] });
  const other = await processes.start({
    definitions: [theirs.definition],
    ...(!options.otherExecutes && { channels: {} }),
  });
  const { tasks: [task] } = await suspended.queue.submitAll([{ name: "held", args: [1] }]);
  await suspended.clock.settle();
  assert.equal(mine.runs.length, 1);
  const former = suspended.worker();
  await other.clock.advance(LOST_AFTER);
  assert.equal((await other.events.next("lost-worker")).worker, former);
  return { processes, mine, theirs, suspended, other, former, id: task!.id };
}

Deno.test("a fenced process cannot settle: its result is dropped, the other run's counts", async () => {
  const { processes, mine, theirs, suspended, other, id } = await judged({ otherExecutes: true });
  await using _ = processes;
  assert.equal(theirs.runs.length, 1);
  mine.runs[0]!.finish("late");
  await suspended.clock.settle();
  assert.equal((await other.queue.get(id)).state, "STARTED");
  theirs.runs[0]!.finish("in time");
  await other.clock.settle();
  const ended = await suspended.queue.get(id);
  assert.deepEqual([ended.state, ended.result, ended.retries], ["SUCCESS", "in time", 0]);
});

Deno.test("a fenced process cannot report progress into another's run", async () => {
  const { processes, mine, theirs, suspended, other, id } = await judged({ otherExecutes: true });
  await using _ = processes;
  theirs.runs[0]!.ctx.progress("theirs");
  await other.clock.settle();
  mine.runs[0]!.ctx.progress("late");
  await suspended.clock.settle();
  assert.equal((await other.queue.get(id)).progress, "theirs");
  const [run] = await rowsOf(processes.store, "run");
  assert.equal(run!.value.worker, other.worker());
  theirs.runs[0]!.finish();
  await other.clock.settle();
});

Deno.test("a fenced process cannot retry: the failure is dropped and not counted", async () => {
  const { processes, mine, theirs, suspended, other, id } = await judged({ otherExecutes: true });
  await using _ = processes;
  mine.runs[0]!.fail(new Error("late"));
  await suspended.clock.settle();
  assert.deepEqual((await rowsOf(processes.store, "ready")).length, 0);
  theirs.runs[0]!.finish("in time");
  await other.clock.settle();
  assert.equal((await other.queue.get(id)).retries, 0);
  assert.equal(suspended.events.of("retried").length, 0);
});

Deno.test("a fenced process cannot store what its handler committed", async () => {
  const { processes, mine, theirs, suspended, other } = await judged({ otherExecutes: true });
  await using _ = processes;
  mine.runs[0]!.ctx.commit.set(["user", "a"], "late");
  mine.runs[0]!.finish();
  await suspended.clock.settle();
  theirs.runs[0]!.ctx.commit.set(["user", "a"], "in time");
  theirs.runs[0]!.finish();
  await other.clock.settle();
  assert.equal((await processes.store.getMany([["user", "a"]]))[0]?.value, "in time");
});

Deno.test("a fenced process aborts its handlers, registers anew and goes on", async () => {
  const { processes, mine, suspended, other, former, id } = await judged({ otherExecutes: false });
  await using _ = processes;
  await suspended.clock.advance(3000);
  assert.equal((await suspended.events.next("fenced")).worker, former);
  assert.equal(mine.runs[0]!.ctx.signal.aborted, true);
  assert.equal(mine.runs[0]!.ctx.signal.reason.name, "ShutdownError");
  assert.notEqual(suspended.worker(), former);
  // The task is its own again, under the new registration; the former handler's word is worth nothing.
  assert.equal(mine.runs.length, 2);
  mine.runs[0]!.finish("late");
  await suspended.clock.settle();
  assert.equal((await suspended.queue.get(id)).state, "STARTED");
  mine.runs[1]!.finish("again");
  await suspended.clock.settle();
  const ended = await other.queue.get(id);
  assert.deepEqual([ended.state, ended.result, ended.worker], ["SUCCESS", "again", suspended.worker()]);
  const workers = (await rowsOf(processes.store, "worker")).map(({ key }) => key[2]);
  assert.deepEqual(workers.toSorted(), [suspended.worker(), other.worker()].toSorted());
});

Deno.test("a submit by a fenced process lands once, under its new registration", async () => {
  const { processes, suspended, other } = await judged({ otherExecutes: false });
  await using _ = processes;
  const { tasks: [task] } = await suspended.queue.submitAll([{ name: "held", args: [2] }]);
  await suspended.clock.settle();
  assert.equal((await rowsOf(processes.store, "task")).length, 2);
  const [run] = (await rowsOf(processes.store, "run")).filter(({ key }) => key[2] === task!.id);
  assert.equal(run!.value.worker, suspended.worker());
  await other.clock.settle();
});

/** A process whose submissions are handed off, and the way to fence it. */
async function handingOff() {
  const inner = memoryStore({ incarnation: "only" });
  const task = heldTask("held");
  const store = faultyStore(inner);
  const q = await openQueue({
    store,
    definitions: [task.definition],
    faults: true,
    channels: { default: 2 },
  });
  const rescuer = await openQueue({ store: inner, clock: new FakeClock(), channels: {} });
  await q.clock.advance(100); // it has seen that nothing waits
  const submit = async (n: number) => (await q.queue.submitAll([{ name: "held", args: [n] }])).tasks[0]!;
  return { inner, task, store, q, rescuer, submit };
}

Deno.test("a hand-off that was fenced before it landed is submitted anew", async () => {
  const { task, q, rescuer, store, submit } = await handingOff();
  await using _ = q, __ = rescuer;
  await rescuer.clock.advance(LOST_AFTER);
  const { id } = await submit(1);
  await q.clock.settle();
  assert.equal(store.commits.filter(sets("run"))[0]!.answer, null); // it was a hand-off
  assert.equal(task.runs.length, 1);
  task.runs[0]!.finish("done");
  await q.clock.settle();
  assert.equal((await q.queue.get(id)).result, "done");
});

Deno.test("a hand-off that landed before it was fenced is run again, not lost and not doubled", async () => {
  const { inner, task, q, rescuer, store, submit } = await handingOff();
  await using _ = q, __ = rescuer;
  const trap = store.onCommit("lost", sets("run"));
  const hold = store.onRead("held", (keys) => keys.some((key) => key[1] === "lane"));
  const submitted = submit(1);
  await trap.hit;
  await rescuer.clock.advance(LOST_AFTER);
  await hold.land();
  const { id } = await submitted;
  await q.clock.advance(5000);
  assert.equal((await rowsOf(inner, "task")).length, 1);
  assert.equal(task.runs.length, 1);
  task.runs[0]!.finish("done");
  await q.clock.settle();
  assert.equal((await q.queue.get(id)).result, "done");
});

Deno.test("a keyed submit while the process is not registered writes no run without a worker", async () => {
  const { inner, task, q, rescuer, store } = await handingOff();
  await using _ = q, __ = rescuer;
  const lookup = store.onRead("late", (keys) => keys.some((key) => key[1] === "idem"));
  const submitted = q.queue.submitAll([{ name: "held", args: [1] }], {
    scope: "s",
    key: "k",
    fingerprint: "f",
  });
  await lookup.hit;
  await rescuer.clock.advance(LOST_AFTER);
  const registering = store.onCommit("held", registers);
  await q.clock.advance(3000); // the heartbeat finds out
  await registering.hit;
  await lookup.land();
  await q.clock.settle();
  await registering.land();
  await submitted;
  await q.clock.settle();
  assert.deepEqual((await rowsOf(inner, "run")).map(({ value }) => value.worker).filter((w) => w === ""), []);
  assert.equal(task.runs.length, 1);
  task.runs[0]!.finish();
  await q.clock.settle();
});

Deno.test("a batch whose claim landed just before the process was fenced is not started twice here", async () => {
  await using processes = new Processes();
  const mine = heldTask("held");
  const suspended = await processes.start({ definitions: [mine.definition] });
  const other = await processes.start({ channels: {} });
  const submitter = await processes.start({ definitions: [mine.definition], channels: {} });
  // The record is read so slowly that the worker is judged lost between its claim and its start.
  const reading = suspended.faulty.onRead("late", (keys) => keys.some((key) => key[1] === "task"));
  await submitter.queue.submitAll([{ name: "held", args: [1] }]);
  await suspended.clock.advance(2000);
  await reading.hit;
  await other.clock.advance(LOST_AFTER);
  await suspended.clock.advance(3000);
  assert.equal(suspended.events.of("fenced").length, 1);
  await reading.land();
  await suspended.clock.advance(2000);
  assert.deepEqual(mine.runs.map(({ ctx }) => ctx.signal.aborted), [false]);
  mine.runs[0]!.finish();
  await suspended.clock.settle();
});

Deno.test("a registration that the client repeats after its worker was rescued does not bring the worker back", async () => {
  for (const beats of [0, 3]) {
    await using processes = new Processes();
    const mine = heldTask("held");
    const suspended = await processes.start({ definitions: [mine.definition], start: false });
    const other = await processes.start({ channels: {} });
    const echo = suspended.faulty.onCommit("echoed", registers);
    await suspended.queue.start();
    const former = suspended.worker();
    await suspended.queue.submitAll([{ name: "held", args: [1] }]);
    await suspended.clock.advance(beats * 3000);
    assert.equal(mine.runs.length, 1);
    await other.clock.advance(LOST_AFTER + 3000);
    assert.equal(other.events.of("rescued").length, 1);
    assert.notEqual(await echo.land(), null); // its worker is absent, as the first time
    mine.runs[0]!.finish("late");
    await suspended.clock.advance(3000);
    assert.deepEqual(suspended.events.of("fenced").map(({ worker }) => worker), [former]);
    assert.deepEqual(suspended.events.of("fault"), []);
    assert.equal(mine.runs.length, 2);
    mine.runs[1]!.finish("again");
    await suspended.clock.settle();
    assert.deepEqual((await rowsOf(processes.store, "task")).map(({ value }) => value.result), ["again"]);
    for (let n = 0; n < 7; n++) {
      await other.clock.advance(3000);
      await suspended.clock.advance(3000);
    }
    const workers = (await rowsOf(processes.store, "worker")).map(({ key }) => key[2]);
    assert.deepEqual(workers.toSorted(), [suspended.worker(), other.worker()].toSorted());
  }
});

Deno.test("a suspect is still run after a task beside it could not be parked", async () => {
  await using processes = new Processes();
  const mine = heldTask("held");
  const stranger = heldTask("stranger");
  const submitter = await processes.start({
    definitions: [mine.definition, stranger.definition],
    channels: {},
  });
  const { tasks: [, suspect] } = await submitter.queue.submitAll([
    { name: "stranger", args: [1] },
    { name: "held", args: [2] },
  ]);
  const [pointer] = (await rowsOf(processes.store, "ready")).filter(({ key }) => key.at(-1) === suspect!.id);
  await processes.store.commit([], [put(pointer!.key, { name: "held", deliveries: 2 })]);
  const suspended = await processes.start({ definitions: [mine.definition], start: false });
  const parking = suspended.faulty.onCommit("held", sets("blocked"));
  const claim = suspended.faulty.onCommit("held", sets("run"));
  await suspended.queue.start();
  await Promise.all([parking.hit, claim.hit]);
  await submitter.clock.advance(LOST_AFTER + 3000);
  assert.deepEqual([await parking.land(), await claim.land()], [null, null]);
  await suspended.clock.advance(5000);
  assert.equal(mine.runs.length, 1);
  mine.runs[0]!.finish();
  await suspended.clock.settle();
  assert.equal((await suspended.queue.get(suspect!.id)).state, "SUCCESS");
});

Deno.test("tasks behind suspects that have to wait are not held up", async () => {
  for (const incarnation of [null, "only"]) {
    await using processes = new Processes({ incarnation });
    const mine = heldTask("held");
    const submitter = await processes.start({ definitions: [mine.definition], channels: {} });
    await submitter.queue.submitAll(
      Array.from({ length: 12 }, (_, n) => ({ name: "held", args: [n], priority: n < 8 ? 9 : 0 })),
    );
    for (const { key } of (await rowsOf(processes.store, "ready")).slice(0, 8)) {
      await processes.store.commit([], [put(key, { name: "held", deliveries: 2 })]);
    }
    const q = await processes.start({ definitions: [mine.definition], channels: { default: 3 } });
    await q.clock.advance(5000);
    assert.deepEqual(mine.runs.map(({ args: [n] }) => n), [0, 8, 9]);
  }
});

Deno.test("stop() of a process that was judged lost without knowing gives nothing back, and leaves nothing", async () => {
  const { processes, suspended, other } = await judged({ otherExecutes: false });
  await using _ = processes;
  await suspended.queue.stop(0);
  assert.equal(suspended.events.of("stopped").length, 1);
  const workers = (await rowsOf(processes.store, "worker")).map(({ key }) => key[2]);
  assert.deepEqual(workers, [other.worker()]);
  assert.equal((await rowsOf(processes.store, "ready")).length, 1);
});

Deno.test("a unit that waits for the store when its process is fenced is refused or sent, never both", async () => {
  await using processes = new Processes({ limits: { lanes: 1 } });
  const mine = heldTask("held");
  const suspended = await processes.start({ definitions: [mine.definition], channels: { default: 3 } });
  const other = await processes.start({ channels: {} });
  await suspended.queue.submitAll([1, 2, 3].map((n) => ({ name: "held", args: [n] })));
  await suspended.clock.settle();
  const trap = suspended.faulty.onCommit("held", deletes("run"));
  mine.runs[0]!.finish("in flight");
  await trap.hit;
  mine.runs[1]!.finish("waiting");
  const submitted = suspended.queue.submitAll([{ name: "held", args: [4] }]);
  await other.clock.advance(LOST_AFTER);
  assert.equal(await trap.land(), null);
  await submitted;
  await suspended.clock.advance(2000);
  const tasks = await rowsOf(processes.store, "task");
  assert.equal(tasks.length, 4);
  assert.deepEqual(tasks.map(({ value }) => value.state), Array(4).fill("PENDING"));
  await suspended.clock.advance(2000);
  for (const run of mine.runs) run.finish();
  await suspended.clock.advance(2000);
  for (const run of mine.runs) run.finish();
  await suspended.clock.advance(2000);
  const { tasks: after } = await other.queue.list();
  assert.deepEqual(after.map(({ state }) => state), Array(4).fill("SUCCESS"));
});
