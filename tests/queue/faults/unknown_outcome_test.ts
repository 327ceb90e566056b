/** Commits whose answer is lost, late, wrong or repeated (invariants 3 and 10). */
import assert from "node:assert/strict";
import { FencedError, RefusedCommitError, StoreBrokenError } from "../../../queue/ground/errors.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import type { Key, Store } from "../../../queue/store/port.ts";
import { keysOf } from "../../../queue/rows/keys.ts";
import { del, putRaw, type Unit } from "../../../queue/rows/unit.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { asks, type CommitFault, deletes, faultyStore, sets } from "../../support/faulty_store.ts";
import { heldTask } from "../../support/held_task.ts";
import { openCommitter } from "../../support/open_committer.ts";
import { openQueue } from "../../support/open_queue.ts";
import { rowsOf, stored } from "../../support/rows.ts";

/** Longer than a commit's deadline. */
const DEADLINE = 10_000;

const a: Key = ["user", "a"];
const b: Key = ["user", "b"];
const user = (key: Key) => ({ mutations }: { mutations: readonly { key: Key }[] }) =>
  mutations.some((mutation) => mutation.key[0] === "user" && mutation.key[1] === key[1]);

async function valueOf(store: Store, key: Key): Promise<unknown> {
  return (await store.getMany([key]))[0]?.value;
}

async function stampOf(store: Store, key: Key): Promise<string | null> {
  return (await store.getMany([key]))[0]?.versionstamp ?? null;
}

async function open() {
  const clock = new FakeClock();
  const store = faultyStore(memoryStore());
  return { clock, store, ...await openCommitter(store, clock) };
}

const applied: CommitFault[] = ["lost", "nothing", "repeated"];
for (const fault of applied) {
  Deno.test(`a commit that was applied and whose answer is ${fault} counts as landed, once`, async () => {
    const { clock, store, committer } = await open();
    const trap = store.onCommit(fault, user(a));
    const versionstamp = committer.commit({ checks: [], mutations: [putRaw(a, 1)] });
    await clock.settle();
    assert(trap.met);
    assert.equal(await versionstamp, await stampOf(store, a));
    // Later the client's repeat arrives: others have changed the row by then.
    await committer.commit({ checks: [], mutations: [del(a)] });
    assert.equal(await trap.land(), null);
    assert.equal(await valueOf(store, a), undefined);
  });
}

Deno.test("a commit with checks that was applied and answers `null` is not mistaken for one that failed", async () => {
  const { clock, store, committer } = await open();
  store.onCommit("nothing", user(a));
  const first = committer.commit({ checks: [{ key: a, versionstamp: null }], mutations: [putRaw(a, 1)] });
  await clock.settle();
  assert.equal(await first, await stampOf(store, a));
  assert.equal(await valueOf(store, a), 1);
});

Deno.test("a commit that did not land is sent again", async () => {
  const { clock, store, committer } = await open();
  store.onCommit("failed", user(a));
  const landed = committer.commit({ checks: [], mutations: [putRaw(a, 1)] });
  await clock.settle();
  assert.equal(await landed, await stampOf(store, a));
});

Deno.test("a commit given up lands later: it changes nothing, the lane is closed to it", async () => {
  const { clock, store, committer } = await open();
  const trap = store.onCommit("held", user(a));
  const landed = committer.commit({ checks: [], mutations: [putRaw(a, 1)] });
  await trap.hit;
  await clock.advance(DEADLINE);
  const versionstamp = await landed;
  await committer.commit({ checks: [], mutations: [del(a)] });
  assert.equal(await trap.land(), null);
  assert.equal(await valueOf(store, a), undefined);
  assert.notEqual(versionstamp, null);
});

Deno.test("a commit given up that lands before it is sent again counts as landed, once", async () => {
  const { clock, store, committer } = await open();
  const trap = store.onCommit("held", user(a));
  const landed = committer.commit({ checks: [{ key: a, versionstamp: null }], mutations: [putRaw(a, 1)] });
  await trap.hit;
  store.beforeCommit(user(a), () => trap.land());
  await clock.advance(DEADLINE);
  assert.equal(await landed, await stampOf(store, a));
  assert.equal(store.commits.filter(({ answer }) => typeof answer === "string").length, 2); // with the registration
});

Deno.test("a unit that cannot hold fails alone in a merged commit whose answer is unsure", async () => {
  const { clock, store, committer } = await open();
  await store.commit([], [putRaw(b, 0)]);
  const wrong = { key: b, versionstamp: null };
  const failing = committer.commit({ checks: [wrong], mutations: [putRaw(["user", "c"], 1)] });
  const holding = committer.commit({ checks: [], mutations: [putRaw(a, 1)] });
  store.onCommit("nothing", user(a));
  await clock.settle();
  assert.equal(await failing, null);
  assert.equal(await holding, await stampOf(store, a));
  assert.equal(await valueOf(store, ["user", "c"]), undefined);
});

Deno.test("a commit of which no unit holds closes the lane to itself before it counts as failed", async () => {
  const { clock, store, committer } = await open();
  await store.commit([], [putRaw(a, 0)]);
  const trap = store.onCommit("held", user(b));
  const unit: Unit = { checks: [{ key: a, versionstamp: null }], mutations: [putRaw(b, 1)] };
  const outcome = committer.commit(unit);
  await trap.hit;
  await clock.advance(DEADLINE);
  assert.equal(await outcome, null);
  // Its check would hold now, but it was called failed.
  await store.commit([], [del(a)]);
  assert.equal(await trap.land(), null);
  assert.equal(await valueOf(store, b), undefined);
});

Deno.test("a commit refused for good after an answer was lost is rejected, not sent for ever", async () => {
  const { clock, store, committer } = await open();
  store.onCommit("failed", user(a));
  const refused = committer.commit({ checks: [], mutations: [putRaw(a, new Uint8Array(70_000))] });
  const rejected = assert.rejects(refused, RefusedCommitError);
  // A loop without a pause would never come back from here.
  for (let turn = 0; turn < 5; turn++) await clock.advance(DEADLINE);
  await rejected;
  assert.notEqual(await committer.commit({ checks: [], mutations: [putRaw(b, 1)] }), null);
});

Deno.test("a store that does not answer reads for a while loses no commit", async () => {
  const { clock, store, committer } = await open();
  store.onCommit("failed", user(a));
  const reads = [store.onRead("failed", asks("lane")), store.onRead("held", asks("lane"))];
  const landed = committer.commit({ checks: [], mutations: [putRaw(a, 1)], patient: true });
  await clock.advance(2 * DEADLINE);
  assert.deepEqual(reads.map(({ met }) => met), [true, true]);
  assert.equal(await landed, await stampOf(store, a));
});

Deno.test("a submit that the client repeats after the task has ended does not bring it back", async () => {
  const task = heldTask("held");
  const inner = memoryStore();
  const store = faultyStore(inner);
  await using q = await openQueue({ store, definitions: [task.definition] });
  const echo = store.onCommit("echoed", sets("task"));
  const { id } = await q.queue.submit(task.definition, [1]);
  await q.clock.settle();
  task.runs[0]!.finish("done");
  assert.equal((await q.ended({ id })).state, "SUCCESS");
  assert.equal(await echo.land(), null);
  assert.equal((await q.queue.get(id)).result, "done");
  assert.deepEqual(await stored(inner), { task: 1 });
});

Deno.test("a claim that the client repeats after the task has ended does not run it again", async () => {
  const task = heldTask("held");
  const store = faultyStore(memoryStore());
  await using q = await openQueue({ store, definitions: [task.definition] });
  const echo = store.onCommit("echoed", sets("run"));
  const { id } = await q.queue.submit(task.definition, [1]);
  await q.clock.settle();
  task.runs[0]!.finish();
  await q.ended({ id });
  assert.equal(await echo.land(), null);
  assert.deepEqual(await stored(store), { task: 1 });
});

for (const fault of ["lost", "failed", "nothing", "repeated", "held"] as const) {
  Deno.test(`each step of a task survives a commit that is ${fault}`, async () => {
    const task = heldTask("held", { maxRetries: 1, retry: { delay: 5, factor: 1 } });
    const inner = memoryStore();
    const store = faultyStore(inner);
    await using q = await openQueue({ store, definitions: [task.definition] });
    const step = async <T>(matches: Parameters<typeof store.onCommit>[1], act: () => T) => {
      const trap = store.onCommit(fault, matches);
      const done = act();
      await q.clock.advance(2 * DEADLINE);
      assert(trap.met);
      if (fault !== "failed") assert.equal(await trap.land(), null);
      return done;
    };
    const submitted = await (await step(
      sets("task"),
      () => [q.queue.submit(task.definition, [1], { delay: 25 })] as const,
    ))[0];
    await step(deletes("delayed"), () => {});
    await step(deletes("run"), () => task.runs[0]!.fail(new Error("once")));
    await q.clock.advance(5000);
    await step(deletes("run"), () => task.runs[1]!.finish("done"));
    const ended = await q.queue.get(submitted.id);
    assert.deepEqual([ended.state, ended.result, ended.retries], ["SUCCESS", "done", 1]);
    assert.equal(task.runs.length, 2);
    assert.deepEqual(await stored(inner), { task: 1 });
  });
}

Deno.test("a registration whose commit hangs, is lost or answers `null` is tried again", async () => {
  for (const fault of ["held", "lost", "failed", "nothing", "repeated"] as const) {
    const clock = new FakeClock();
    const store = faultyStore(memoryStore());
    const trap = store.onCommit(fault, sets("worker"));
    const opening = openCommitter(store, clock);
    await trap.hit;
    await clock.advance(DEADLINE + 1000);
    const { committer } = await opening;
    const landed = committer.commit({ checks: [], mutations: [putRaw(a, 1)] });
    await clock.settle();
    assert.notEqual(await landed, null, fault);
    if (fault !== "failed") assert.equal(await trap.land(), null, fault);
    assert.equal((await rowsOf(store, "worker")).length, 1);
  }
});

Deno.test("a submit in flight when the lanes are deleted is decided by its evidence: it had landed", async () => {
  const { clock, store, committer, again, fenced } = await open();
  const keys = keysOf("sluice");
  const trap = store.onCommit("lost", user(a));
  store.onRead("held", asks("lane"));
  const landed = committer.commit({ checks: [], mutations: [putRaw(a, 1)], evidence: a, patient: true });
  await trap.hit;
  await store.commit([], [0, 1, 2, 3].map((n) => del(keys.lane("w-1", n))));
  await clock.advance(DEADLINE + 1000);
  assert.deepEqual(fenced, ["w-1"]);
  assert.equal(await landed, await stampOf(store, a));
  await again("w-2");
  await clock.settle();
  assert.equal(store.commits.filter(user(a)).length, 1);
});

Deno.test("a submit in flight when the lanes are deleted is decided by its evidence: it had not, and is sent again", async () => {
  const { clock, store, committer, again } = await open();
  const keys = keysOf("sluice");
  const trap = store.onCommit("held", user(a));
  const landed = committer.commit({ checks: [], mutations: [putRaw(a, 1)], evidence: a });
  await trap.hit;
  await store.commit([], [0, 1, 2, 3].map((n) => del(keys.lane("w-1", n))));
  await clock.advance(DEADLINE);
  assert.equal(await stampOf(store, a), null);
  await again("w-2");
  await clock.settle();
  assert.equal(await landed, await stampOf(store, a));
  assert.equal(await trap.land(), null);
});

Deno.test("a unit without evidence is dropped when the lanes are deleted, never sent again", async () => {
  const { clock, store, committer, again } = await open();
  const keys = keysOf("sluice");
  const trap = store.onCommit("held", user(a));
  const landed = assert.rejects(committer.commit({ checks: [], mutations: [putRaw(a, 1)] }), FencedError);
  const named = assert.rejects(
    committer.commit({ checks: [], mutations: [putRaw(a, 2)], worker: "w-1" }),
    FencedError,
  );
  await trap.hit;
  await store.commit([], [0, 1, 2, 3].map((n) => del(keys.lane("w-1", n))));
  await clock.advance(DEADLINE);
  await again("w-2");
  await clock.settle();
  await landed;
  await named;
  assert.equal(await valueOf(store, a), undefined);
});

Deno.test("a store that breaks while the outcome of several submits is asked for rejects them all, once", async () => {
  const clock = new FakeClock();
  const inner = memoryStore();
  const store = faultyStore(inner);
  const { committer, broken } = await openCommitter(store, clock);
  const keys = keysOf("sluice");
  await store.commit([], [0, 1, 2, 3].map((n) => del(keys.lane("w-1", n))));
  const units = [a, b].map((key) =>
    assert.rejects(
      committer.commit({ checks: [], mutations: [putRaw(key, 1)], evidence: key }),
      StoreBrokenError,
    )
  );
  const evidence = store.onRead("held", (asked) => asked.some((key) => key[1] === "b"));
  await evidence.hit;
  inner.close();
  await evidence.land().catch(() => {});
  await clock.settle();
  await Promise.all(units);
  assert.equal(broken.length, 1);
});

Deno.test("a store that does not answer while large arguments are read fails no task", async () => {
  const store = faultyStore(memoryStore());
  const held = heldTask("held");
  await using q = await openQueue({ store, definitions: [held.definition], start: false });
  const { tasks: [task] } = await q.queue.submitAll([{ name: "held", args: ["x".repeat(50_000)] }]);
  const reads = [store.onRead("failed", asks("blob")), store.onRead("held", asks("blob"))];
  await q.queue.start();
  await q.clock.advance(2 * DEADLINE);
  assert.deepEqual(reads.map(({ met }) => met), [true, true]);
  assert.equal(held.runs.length, 1);
  held.runs[0]!.finish("done");
  assert.equal((await q.ended(task!)).result, "done");
});

Deno.test("a commit whose answer is lost holds up those that have nothing to do with it for a second at most", async () => {
  const { clock, store, committer } = await open();
  const trap = store.onCommit("held", user(a));
  const first = committer.commit({ checks: [], mutations: [putRaw(a, 1)] });
  await clock.settle();
  const others = [b, ["user", "c"]].map((key) =>
    committer.commit({ checks: [], mutations: [putRaw(key, 2)] })
  );
  await clock.advance(1000);
  assert.equal(await valueOf(store, b), 2);
  await Promise.all(others);
  await trap.land();
  await first;
  assert.equal(await valueOf(store, a), 1);
});
