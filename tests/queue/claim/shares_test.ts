/** Several processes claim from one channel: they divide it, and no task waits for a process that does not claim. */
import assert from "node:assert/strict";
import { distantStore } from "../../../bench/scaling/distant_store.ts";
import { SERVER_LIMITS } from "../../../queue/store/limits.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { sets } from "../../support/faulty_store.ts";
import { type HeldTask, heldTask, task } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";
import { type Process, Processes } from "../../support/processes.ts";
import { whenMoved } from "../../support/when_moved.ts";

/** Milliseconds between two heartbeats: who was seen to make one counts. */
const BEAT = 3000;

/** Processes that execute one held task each, with so many slots, and one that submits. */
async function cluster(processes: Processes, slots: readonly number[]) {
  const held = slots.map(() => heldTask("held"));
  const workers: Process[] = [];
  for (const [i, n] of slots.entries()) {
    workers.push(await processes.start({ definitions: [held[i]!.definition], channels: { default: n } }));
  }
  const submitter = await processes.start({ definitions: [held[0]!.definition], channels: {} });
  for (const { clock } of [...workers, ...workers]) await clock.advance(BEAT);
  await submitter.clock.advance(BEAT);
  const submit = async (count: number, priority = 5) => {
    const requests = Array.from(
      { length: count },
      (_, n) => ({ name: "held", args: [n, priority], priority }),
    );
    await submitter.queue.submitAll(requests);
  };
  return { held, workers, submitter, submit };
}

const counts = (held: readonly HeldTask[]) => held.map(({ runs }) => runs.length);

async function finishAll(held: readonly HeldTask[], workers: readonly Process[]): Promise<void> {
  for (const { runs } of held) for (const run of runs) run.finish();
  for (const { clock } of workers) await clock.settle();
}

Deno.test("processes that look at the same moment take no task from each other", async () => {
  await using processes = new Processes({ limits: SERVER_LIMITS });
  const { held, workers, submit } = await cluster(processes, [100, 100, 100]);
  await submit(120);
  // Nobody has rung; each looks when its poll is due, at the same time by its own clock.
  await Promise.all(workers.map(({ clock }) => clock.advance(10)));
  await Promise.all(workers.map(({ clock }) => clock.advance(2000)));
  assert.equal(counts(held).reduce((sum, n) => sum + n), 120);
  for (const count of counts(held)) assert(count > 20 && count < 60, `${counts(held)}`);
  const claims = workers.flatMap(({ events }) => events.of("claim"));
  assert.deepEqual(claims.filter(({ landed }) => !landed), []);
  assert(claims.length < 24, `${claims.length} claims for 120 tasks`);
  await finishAll(held, workers);
});

Deno.test("a task whose owner has no free slot is taken by a process that has one, a turn later", async () => {
  await using processes = new Processes({ limits: SERVER_LIMITS });
  const { held, workers, submit } = await cluster(processes, [1, 30]);
  await submit(20);
  await workers[0]!.clock.advance(2000);
  assert.equal(held[0]!.runs.length, 1);
  await workers[1]!.clock.advance(2100);
  assert.deepEqual(counts(held), [1, 19]);
  await finishAll(held, workers);
});

Deno.test("a process that stands still keeps no task waiting", async () => {
  await using processes = new Processes({ limits: SERVER_LIMITS });
  const { held, workers, submit } = await cluster(processes, [30, 30, 30]);
  await submit(20);
  await workers[1]!.clock.advance(2200);
  assert.deepEqual(counts(held), [0, 20, 0]);
  await finishAll(held, workers);
});

Deno.test("a task whose name its owner does not know is left to a process that does, and takes no other task's place", async () => {
  await using processes = new Processes();
  const clock = new FakeClock();
  const [known, plain] = [heldTask("known"), heldTask("plain")];
  const knows = [known.definition, plain.definition];
  await processes.start({ clock, definitions: [plain.definition], channels: { default: 30 } });
  // Slots for all of them: what it takes of the others' plain tasks keeps no known one out.
  const worker = await processes.start({ clock, definitions: knows, channels: { default: 60 } });
  const submitter = await processes.start({ clock, definitions: knows, channels: {} });
  await clock.advance(2 * BEAT);
  const request = (name: string) => ({ name, args: [] });
  await submitter.queue.submitAll([...Array(20).fill(request("known")), ...Array(20).fill(request("plain"))]);
  await clock.advance(5000);
  assert.deepEqual(counts([known, plain]), [20, 20]);
  await finishAll([known, plain], [worker]);
});

Deno.test("a process with enough tasks of its own takes those that another leaves, by priority", async () => {
  await using processes = new Processes({ limits: SERVER_LIMITS });
  const { held, workers: [full, busy], submit } = await cluster(processes, [1, 1]);
  await submit(1);
  await full!.clock.advance(2000);
  assert.equal(held[0]!.runs.length, 1);
  const { runs } = held[1]!;
  await submit(60);
  await busy!.clock.advance(2000);
  for (let n = 1; n <= 10; n++) {
    await submit(1, 9);
    const important = () => runs.filter(({ args }) => args[1] === 9).length;
    for (let tries = 0; important() < n; tries++) {
      assert(tries < 2, `Important task ${n} was overtaken by more than one`);
      runs.at(-1)!.finish();
      await busy!.clock.advance(2000);
    }
  }
  await busy!.queue.changeChannel("default", { slots: 100 });
  await busy!.clock.advance(5000);
  await finishAll(held, [full!, busy!]);
});

Deno.test("a task whose owner does not know its name is run by one that does", async () => {
  await using processes = new Processes({ limits: SERVER_LIMITS, doorbell: true });
  const { held, workers: [old], submit } = await cluster(processes, [4]);
  const newer = heldTask("newer");
  const definitions = [newer.definition, held[0]!.definition];
  const young = await processes.start({ definitions, channels: { default: 40 } });
  for (let n = 0; n < 2; n++) for (const { clock } of [old!, young]) await clock.advance(BEAT);
  await young.queue.submitAll(Array.from({ length: 12 }, () => ({ name: "newer", args: [] })));
  // Half of them are the old one's, which parks them as often as they are released.
  for (let n = 0; n < 100 && newer.runs.length < 12; n++) {
    await Promise.all([old!, young].map(({ clock }) => clock.advance(50)));
  }
  assert.equal(newer.runs.length, 12);
  await submit(1);
  await Promise.all([old!, young].map(({ clock }) => clock.advance(500)));
  for (const run of newer.runs) run.finish();
  await finishAll(held, [old!, young]);
});

Deno.test("one look serves as many claims as there are lanes for, each as large as the store takes", async () => {
  await using processes = new Processes({ limits: SERVER_LIMITS });
  const { held, workers: [worker], submit } = await cluster(processes, [64]);
  await submit(64);
  let lists = 0;
  const { list } = worker!.faulty;
  worker!.faulty.list = (range, options) => {
    if (range.prefix[1] === "ready") lists++;
    return list(range, options);
  };
  await worker!.clock.advance(2000);
  const sizes = worker!.events.of("claim").map(({ tasks }) => tasks);
  assert.deepEqual(sizes, Array(8).fill(8));
  // One that found them, one that found nothing more.
  assert(lists <= 3, `${lists} looks`);
  await finishAll(held, [worker!]);
});

Deno.test("a process does not look for more while the only ready task is being claimed, unless it is told of some", async () => {
  await using processes = new Processes({ limits: SERVER_LIMITS, doorbell: true });
  const { held, workers: [worker], submit } = await cluster(processes, [8]);
  const claim = worker!.faulty.onCommit("held", sets("run"));
  let looks = 0;
  const { list } = worker!.faulty;
  worker!.faulty.list = (range, options) => {
    if (range.prefix[1] === "ready") looks++;
    return list(range, options);
  };
  await submit(1);
  await worker!.clock.settle();
  await claim.hit;
  assert.equal(looks, 1);
  await submit(1);
  await worker!.clock.settle();
  assert.deepEqual([looks, held[0]!.runs.length], [2, 1]);
  await claim.land();
  await worker!.clock.settle();
  assert.equal(held[0]!.runs.length, 2);
  await finishAll(held, [worker!]);
});

Deno.test("a process far from the store gets its share beside a near one", async () => {
  await using processes = new Processes({ limits: SERVER_LIMITS, doorbell: true });
  const ran = { near: 0, far: 0 };
  const clock = new FakeClock();
  const quick = (who: keyof typeof ran, clock: FakeClock) =>
    task("quick", () => {
      ran[who]++;
      return new Promise<void>((resolve) => clock.after(20, resolve));
    });
  const far = await openQueue({
    definitions: [quick("far", clock)],
    channels: { default: 8 },
    store: distantStore(processes.store, clock, 60),
    clock,
    start: false,
  });
  await whenMoved(clock, far.queue.start());
  const nearClock = new FakeClock();
  const near = await processes.start({
    definitions: [quick("near", nearClock)],
    channels: { default: 8 },
    clock: nearClock,
  });
  await clock.advance(BEAT);
  await near.clock.advance(BEAT);
  for (let n = 0; n < 3; n++) {
    await near.queue.submitAll(Array.from({ length: 200 }, () => ({ name: "quick", args: [] })));
  }
  while (ran.near + ran.far < 600) {
    await near.clock.advance(10);
    await clock.advance(10);
  }
  await near.clock.advance(100);
  await whenMoved(clock, far.close());
  const claims = far.events.of("claim");
  const lost = claims.filter(({ landed }) => !landed).length;
  // It cannot do many more: each of its claims takes it as long as the near one takes for 48 tasks.
  const found = `near ${ran.near}, far ${ran.far}, lost ${lost} of ${claims.length}`;
  assert(ran.far >= 24 && 2 * lost < claims.length, found);
});
