/** Observers: whatever `onEvent`, `onBroken` or a log call does, at whatever event, it changes nothing in the engine. */
import assert from "node:assert/strict";
import { StoreBrokenError } from "../../../queue/ground/errors.ts";
import { harmless, stackOf, textOf } from "../../../queue/ground/observer.ts";
import type { OnEvent, QueueEvent, TaskContext } from "../../../queue/mod.ts";
import { put } from "../../../queue/rows/unit.ts";
import { keysOf } from "../../../queue/rows/keys.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";
import { rowsOf } from "../../support/rows.ts";

/** Every type of event; the compiler sees to it that none is missing. */
const TYPES = Object.keys(
  {
    submitted: 0,
    started: 0,
    claim: 0,
    progress: 0,
    retried: 0,
    finished: 0,
    lost: 0,
    "lost-worker": 0,
    rescued: 0,
    returned: 0,
    registered: 0,
    fenced: 0,
    exhausted: 0,
    stopping: 0,
    stopped: 0,
    log: 0,
    fault: 0,
  } satisfies Record<QueueEvent["type"], 0>,
) as QueueEvent["type"][];

/** Two processes live through every type of event. @returns the events that each was told, and what is stored then */
async function everything(observe: OnEvent) {
  const told: Record<string, string[]> = { one: [], other: [] };
  const observer = (who: string) => (event: QueueEvent) => {
    told[who]!.push(event.type);
    return observe(event);
  };
  const processes = new Processes();
  const held = heldTask("held", { timeLimit: 60 });
  const deaf = heldTask("deaf", { timeLimit: 1, channel: "deaf" });
  const talks = task("talks", (ctx: TaskContext) => {
    ctx.log.info("half of it");
    ctx.progress(50);
    if (ctx.retries === 0) throw new Error("once");
    return ctx.sleep(1);
  }, { maxRetries: 1, retry: { delay: 1, factor: 1 } });
  const definitions = [held.definition, deaf.definition, talks];
  const channels = { default: 4, deaf: 1 };
  const one = await processes.start({ definitions, channels, onEvent: observer("one") });
  await one.queue.submit(talks, []);
  await one.queue.submit(held.definition, []);
  await one.queue.submit(deaf.definition, []);
  await one.clock.advance(20_000);

  // The first process is suspended and judged lost, and goes on later.
  const other = await processes.start({ definitions, channels, onEvent: observer("other") });
  other.faulty.onRead("failed", () => true);
  await other.clock.advance(LOST_AFTER + 3000);
  await one.clock.advance(3000);
  for (const { finish } of held.runs) finish("done");
  await one.clock.settle();
  await other.clock.settle();

  // The second one stops while it runs a task.
  await one.queue.stop(0);
  await other.queue.submit(held.definition, []);
  await other.clock.settle();
  await other.queue.stop(0);
  await other.clock.settle();
  const stored = (await rowsOf(processes.store)).map(({ key, value }) => [key[1], value.name, value.state]);
  for (const { finish } of deaf.runs) finish();
  await processes[Symbol.asyncDispose]();
  return { told, stored };
}

const quiet = await everything(() => {});

Deno.test("two processes live through every type of event", () => {
  const seen = new Set([...quiet.told.one!, ...quiet.told.other!]);
  assert.deepEqual(TYPES.filter((type) => !seen.has(type)), []);
});

for (const type of TYPES) {
  Deno.test(`an observer that throws or rejects changes nothing, at ${type}`, async () => {
    const throws: OnEvent = (event) => {
      if (event.type === type) throw new Error("the observer's own");
    };
    assert.deepEqual(await everything(throws), quiet);
    const rejects: OnEvent = (event) =>
      event.type === type ? Promise.reject(new Error("the observer's own")) : undefined;
    assert.deepEqual(await everything(rejects), quiet);
  });
}

for (
  const [what, onBroken] of Object.entries({
    throws() {
      throw new Error("the observer's own");
    },
    rejects: () => Promise.reject(new Error("the observer's own")),
  })
) {
  Deno.test(`an onBroken that ${what} keeps nobody from being told that the store is broken`, async () => {
    await using processes = new Processes();
    const { process } = await processes.startRunning({ onBroken });
    // A newer program has been here.
    const { store } = processes;
    await store.commit([], [put(keysOf("sluice").meta(), { version: 1000 })]);
    for (const { key } of await rowsOf(store, "lane")) {
      await store.commit([], [{ type: "delete", key }]);
    }
    await assert.rejects(process.queue.submitAll([{ name: "held", args: [] }]), StoreBrokenError);
    assert.equal((await process.queue.health()).ready, false);
    await process.queue.stop(0);
    await store.commit([], [put(keysOf("sluice").meta(), { version: 1 })]);
  });
}

Deno.test("a log call of a handler takes any value, whatever its own methods do", async () => {
  await using processes = new Processes();
  const odd = [Object.create(null), { toString: () => assert.fail("its own") }, Symbol("x"), 1n, null];
  const talks = task("talks", (ctx) => {
    for (const value of odd) ctx.log.warn(value as string);
    return "done";
  });
  const q = await processes.start({ definitions: [talks] });
  const { id } = await q.queue.submit(talks, []);
  assert.equal((await q.ended({ id })).result, "done");
  assert.deepEqual(q.events.of("log").map(({ message }) => message), odd.map(textOf));
});

Deno.test("stackOf() and textOf() tell any value", () => {
  assert.match(stackOf(new TypeError("x")), /^TypeError: x\n\s+at /);
  assert.equal(textOf(new TypeError("x")), "TypeError: x");
  assert.equal(stackOf(Symbol("x")), "Symbol(x)");
  const guarded = new Error("x");
  Object.defineProperty(guarded, "stack", { get: () => assert.fail("its own") });
  assert.equal(stackOf(guarded), "Error: x");
  assert.equal(stackOf(Object.create(null)), "a value that has no text");
});

Deno.test("harmless() hands the arguments on, and outlasts a promise whose own methods throw", async () => {
  const got: unknown[] = [];
  const observe = harmless("test", (...args: number[]) => {
    got.push(...args);
    const promise = Promise.resolve();
    promise.catch = () => {
      throw new Error("its own");
    };
    return promise;
  });
  observe(1, 2);
  observe(3);
  await Promise.resolve();
  assert.deepEqual(got, [1, 2, 3]);
});
