/** Group commit: which units may share a commit, and what a bad one costs the others (docs/architecture.md). */
import assert from "node:assert/strict";
import { FencedError, RefusedCommitError } from "../../../queue/ground/errors.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import type { Key, Mutation, Store, StoreLimits } from "../../../queue/store/port.ts";
import { del, putRaw, type Unit } from "../../../queue/rows/unit.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { type CommitCall, faultyStore } from "../../support/faulty_store.ts";
import { openCommitter } from "../../support/open_committer.ts";

const key = (name: string): Key => ["user", name];
const write = (name: string, value: unknown = name): Unit => ({
  checks: [],
  mutations: [putRaw(key(name), value)],
});

async function open(limits: Partial<StoreLimits> = {}) {
  const clock = new FakeClock();
  const store = faultyStore(memoryStore({ limits }));
  const opened = await openCommitter(store, clock);
  return { clock, store, ...opened, commitAll: (units: Unit[]) => commitAll(opened.committer, clock, units) };
}

async function commitAll(
  committer: { commit(unit: Unit): Promise<string | null> },
  clock: FakeClock,
  units: Unit[],
): Promise<PromiseSettledResult<string | null>[]> {
  const outcomes = Promise.allSettled(units.map((unit) => committer.commit(unit)));
  await clock.settle();
  return await outcomes;
}

/** The user's keys that each commit wrote, without the registration's. */
function written({ commits }: { readonly commits: readonly CommitCall[] }): string[][] {
  const names = ({ mutations }: CommitCall) =>
    mutations.filter(({ key }) => key[0] === "user").map(({ key }) => String(key[1]));
  return commits.map(names).filter((found) => found.length > 0);
}

async function valueOf(store: Store, name: string): Promise<unknown> {
  return (await store.getMany([key(name)]))[0]?.value;
}

const failed = (outcome: PromiseSettledResult<string | null>) =>
  outcome.status === "fulfilled" && outcome.value === null;
const landed = (outcome: PromiseSettledResult<string | null>) =>
  outcome.status === "fulfilled" && outcome.value !== null;

Deno.test("units of one turn share one commit", async () => {
  const { store, commitAll } = await open();
  const names = Array.from({ length: 50 }, (_, n) => `n${n}`);
  assert((await commitAll(names.map((name) => write(name)))).every(landed));
  assert.deepEqual(written(store), [names]);
});

Deno.test("a large backlog goes in two commits, so that the store has work while the first is answered", async () => {
  const { store, commitAll } = await open();
  const names = Array.from({ length: 300 }, (_, n) => `n${n}`);
  assert((await commitAll(names.map((name) => write(name)))).every(landed));
  assert.deepEqual(written(store).map(({ length }) => length), [150, 150]);
});

Deno.test("a unit is made when its commit is put together", async () => {
  const { store, clock, committer } = await open();
  const made: string[] = [];
  const late = (name: string) => () => {
    made.push(name);
    return write(name);
  };
  const outcome = committer.commit(late("a"));
  assert.deepEqual(made, []);
  await clock.settle();
  assert.notEqual(await outcome, null);
  assert.deepEqual([made, written(store)], [["a"], [["a"]]]);
  const ended = committer.commit(late("b"));
  committer.end();
  await assert.rejects(ended, { code: "stopped" });
  await clock.settle();
  assert.deepEqual(made, ["a"]);
});

Deno.test("a unit that cannot be made, or never be stored, fails alone, and no other waits for it", async () => {
  const { store, clock, committer } = await open();
  const broken = committer.commit(() => {
    throw new Error("not made");
  });
  const large = committer.commit(() => write("large", "x".repeat(900_000)));
  const drained = committer.drained();
  const fine = committer.commit(() => write("fine"));
  await assert.rejects(broken, /not made/);
  await assert.rejects(large, RefusedCommitError);
  await clock.settle();
  assert.notEqual(await fine, null);
  await drained;
  assert.deepEqual(written(store), [["fine"]]);

  const alone = committer.commit(() => write("large", "x".repeat(900_000)));
  const empty = committer.drained();
  await assert.rejects(alone, RefusedCommitError);
  await empty;
});

Deno.test("a caller that the last commit answers may commit once more before the committer counts as drained", async () => {
  const { store, committer } = await open();
  const twice = committer.commit(write("first")).then(async () => {
    for (let turn = 0; turn < 5; turn++) await null;
    return committer.commit(write("second"));
  });
  await committer.drained();
  assert.deepEqual(written(store), [["first"], ["second"]]);
  await twice;
});

Deno.test("a check that many units make counts once", async () => {
  const { store, commitAll } = await open({ checks: 3 });
  const checks = [{ key: key("absent"), versionstamp: null }];
  const names = Array.from({ length: 50 }, (_, n) => `n${n}`);
  assert((await commitAll(names.map((name) => ({ ...write(name), checks })))).every(landed));
  assert.deepEqual(written(store), [names]);
});

Deno.test("a unit whose check does not hold fails alone", async () => {
  const { store, commitAll } = await open();
  await store.commit([], [putRaw(key("taken"), 1)]);
  const wrong: Unit = {
    checks: [{ key: key("taken"), versionstamp: null }],
    mutations: [putRaw(key("wrong"), 1)],
  };
  const outcomes = await commitAll([write("a"), wrong, write("b"), wrong, write("c")]);
  assert.deepEqual(outcomes.map(landed), [true, false, true, false, true]);
  assert.deepEqual(outcomes.map(failed), [false, true, false, true, false]);
  assert.equal(await valueOf(store, "wrong"), undefined);
});

const long = "x".repeat(3000);
const bad: Record<string, Unit> = {
  "more mutations than a commit holds": {
    checks: [],
    mutations: Array.from({ length: 1000 }, (_, n): Mutation => putRaw(["user", "bad", n], n)),
  },
  "more checks than a commit holds": {
    checks: Array.from({ length: 100 }, (_, n) => ({ key: ["user", "bad", n], versionstamp: null })),
    mutations: [putRaw(key("bad"), 1)],
  },
  "more bytes than a commit holds": {
    checks: [],
    mutations: Array.from(
      { length: 20 },
      (_, n): Mutation => putRaw(["user", "bad", n], new Uint8Array(60_000)),
    ),
  },
  "more bytes of keys than a commit holds": {
    checks: [],
    mutations: Array.from(
      { length: 50 },
      (_, n): Mutation => putRaw(["user", "bad", "x".repeat(2000), n], n),
    ),
  },
  "a value too large": write("bad", new Uint8Array(70_000)),
  "a key too large": { checks: [], mutations: [putRaw(["user", "bad", long], 1)] },
  "an empty key": { checks: [], mutations: [putRaw([], 1)] },
  "a value that cannot be stored": write("bad", () => {}),
  "a key part that is none": { checks: [], mutations: [putRaw(["user", {} as string], 1)] },
  "a versionstamp that is none": {
    checks: [{ key: key("bad"), versionstamp: "zz" }],
    mutations: [putRaw(key("bad"), 1)],
  },
};
for (const [what, unit] of Object.entries(bad)) {
  Deno.test(`a unit with ${what} is rejected alone, and does not hold up its neighbours`, async () => {
    const { clock, store, committer } = await open();
    const outcomes = await commitAll(committer, clock, [write("a"), unit, write("b")]);
    assert.deepEqual(outcomes.map(landed), [true, false, true]);
    assert(outcomes[1]!.status === "rejected" && outcomes[1]!.reason instanceof RefusedCommitError);
    assert.equal(await valueOf(store, "b"), "b");
    assert.equal(committer.waitingBytes, 0);
  });
}

Deno.test("units of one key keep their order, and each has its own outcome", async () => {
  const { store, commitAll } = await open();
  const outcomes = await commitAll([
    write("a", 1),
    { checks: [{ key: key("a"), versionstamp: null }], mutations: [putRaw(key("b"), "never")] },
    write("c"),
    { checks: [], mutations: [del(key("a"))] },
    { checks: [{ key: key("a"), versionstamp: null }], mutations: [putRaw(key("a"), 2)] },
    write("a", 3),
  ]);
  assert.deepEqual(outcomes.map(landed), [true, false, true, true, true, true]);
  assert.equal(await valueOf(store, "a"), 3);
  assert.equal(await valueOf(store, "b"), undefined);
  assert.deepEqual(written(store).filter((names) => names.includes("a")), [["a", "c"], ["a"], ["a"], ["a"]]);
});

Deno.test("a unit that waits behind a conflict is not overtaken by a third unit of the same key", async () => {
  const { store, commitAll } = await open();
  const both: Unit = { checks: [], mutations: [putRaw(key("a"), 2), putRaw(key("b"), 2)] };
  const outcomes = await commitAll([write("a", 1), both, write("b", 3), write("c")]);
  assert(outcomes.every(landed));
  assert.deepEqual([await valueOf(store, "a"), await valueOf(store, "b")], [2, 3]);
  assert.deepEqual(written(store), [["a", "c"], ["a", "b"], ["b"]]);
});

Deno.test("a contested unit travels alone beside other commits, and leaves a lane to the rest", async () => {
  const { clock, store, committer } = await open({ lanes: 4 });
  const contested = (name: string): Unit => ({ ...write(name), contested: true });
  const names = ["merged", "c1", "c2", "c3", "c4"];
  const held = names.map((name) => store.onCommit("held", ({ mutations }) => mutations[1]?.key[1] === name));
  const first = commitAll(committer, clock, [
    write("merged"),
    ...names.slice(1).map(contested),
    write("more"),
  ]);
  await clock.settle();
  // Four lanes, one of them for merged commits: the last of the contested ones waits.
  assert.deepEqual(held.map(({ met }) => met), [true, true, true, true, false]);
  await held[0]!.land();
  const second = commitAll(committer, clock, [write("late")]);
  await clock.settle();
  assert.deepEqual([await valueOf(store, "more"), await valueOf(store, "late")], ["more", "late"]);
  for (const commit of held.slice(1)) {
    await commit.land();
    await clock.settle();
  }
  assert([...await first, ...await second].every(landed));
  assert.deepEqual(written(store), [["merged", "more"], ["late"], ["c1"], ["c2"], ["c3"], ["c4"]]);
});

Deno.test("a contested unit that is lost takes no other along, and is refused when its worker is fenced", async () => {
  const { clock, store, committer, again, registration } = await open();
  await store.commit([], [putRaw(key("taken"), 1)]);
  const lost: Unit = {
    checks: [{ key: key("taken"), versionstamp: null }],
    mutations: [putRaw(key("lost"), 1)],
    contested: true,
  };
  const outcomes = await commitAll(committer, clock, [write("a"), lost, write("b")]);
  assert.deepEqual(outcomes.map(failed), [false, true, false]);
  assert.deepEqual(written(store).filter((names) => names.includes("a")), [["a", "b"]]);
  committer.fenced(registration.worker);
  const late = commitAll(committer, clock, [{
    ...write("late"),
    worker: registration.worker,
    contested: true,
  }]);
  await again("w-2");
  const [outcome] = await late;
  await clock.settle();
  assert(outcome!.status === "rejected" && outcome!.reason instanceof FencedError);
  await committer.drained();
});

Deno.test("a unit behind one that fails does not fail with it", async () => {
  const { clock, store, committer } = await open();
  const first = committer.commit({
    checks: [{ key: key("a"), versionstamp: "0".repeat(20) }],
    mutations: [putRaw(key("b"), 1)],
  });
  const second = committer.commit({
    checks: [{ key: key("b"), versionstamp: null }],
    mutations: [putRaw(key("b"), 2)],
  });
  await clock.settle();
  assert.equal(await first, null);
  assert.notEqual(await second, null);
  assert.equal(await valueOf(store, "b"), 2);
});

Deno.test("two units that expect one key at different versionstamps are never merged", async () => {
  const { store, commitAll } = await open();
  const old = await store.commit([], [putRaw(key("a"), 1)]);
  const expecting = (versionstamp: string | null, name: string): Unit => ({
    checks: [{ key: key("a"), versionstamp }],
    mutations: [putRaw(key(name), 1)],
  });
  const outcomes = await commitAll([
    expecting(old, "b"),
    expecting(null, "c"),
    expecting(old, "d"),
    expecting("0".repeat(20), "e"),
  ]);
  assert.deepEqual(outcomes.map(landed), [true, false, true, false]);
  const together = written(store).filter((names) => names.includes("b") || names.includes("c"));
  assert(together.every((names) => !(names.includes("b") && names.includes("c"))));
});

Deno.test("a backlog travels in commits that the store accepts, and lands whole", async () => {
  const { store, commitAll } = await open({ checks: 10, mutations: 40, bytes: 40_000 });
  const units = Array.from({ length: 500 }, (_, n): Unit => ({
    checks: n % 3 === 0 ? [{ key: key(`n${n}`), versionstamp: null }] : [],
    mutations: [putRaw(key(`n${n}`), new Uint8Array(n % 7 * 400)), del(key(`gone${n}`))],
  }));
  assert((await commitAll(units)).every(landed));
  assert.equal((await store.list({ prefix: ["user"] }, { limit: 500 })).length, 500);
});

Deno.test("units wait while the process is not registered, and those of the former worker are rejected", async () => {
  const { clock, store, committer, again } = await open();
  committer.fenced("w-1");
  const named = assert.rejects(committer.commit({ ...write("a"), worker: "w-1" }), FencedError);
  const unnamed = committer.commit(write("b"));
  await clock.settle();
  assert.deepEqual(written(store), []);
  await again("w-2");
  await clock.settle();
  await named;
  assert.notEqual(await unnamed, null);
  assert.deepEqual(written(store), [["b"]]);
});
