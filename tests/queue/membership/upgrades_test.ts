/** A store of an older version is upgraded to the program's, once, whichever processes start and whatever fails. */
import assert from "node:assert/strict";
import { sleep } from "../../../queue/ground/clock.ts";
import { StoreBrokenError } from "../../../queue/ground/errors.ts";
import { register } from "../../../queue/membership/registration.ts";
import { type Upgrade, upgrade } from "../../../queue/membership/upgrades.ts";
import type { MetaRow, WorkerRow } from "../../../queue/rows/record.ts";
import { decode } from "../../../queue/rows/codec.ts";
import { idOf, keysOf } from "../../../queue/rows/keys.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import type { Key, Store } from "../../../queue/store/port.ts";
import { del, put } from "../../../queue/rows/unit.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { dyingStore } from "../../support/dying_store.ts";
import { asks, type CommitFault, faultyStore, sets } from "../../support/faulty_store.ts";
import { heldTask } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";
import { Processes } from "../../support/processes.ts";
import { countRows, rowsOf } from "../../support/rows.ts";
import { whenMoved } from "../../support/when_moved.ts";

const keys = keysOf("sluice");
const number = (n: number): Key => ["sluice", "number", n];
const COUNT = 7;
/** What an upgrade from version 1 makes of the numbers 0 to 6. */
const UPGRADED = [10, 20, 30, 40, 50, 60, 70];

/** Changes the numbers two at a time; no change may be made twice, or in another order. */
function step(to: number, change: (value: number) => number): Upgrade {
  return {
    to,
    async run(store, _keys, cursor) {
      const at = (cursor ?? 0) as number;
      const range = { prefix: ["sluice", "number"], start: number(at) };
      const entries = await store.list(range, { limit: 2 });
      const mutations = entries.map(({ key, value }) => put(key, change(decode<number>(value))));
      return { mutations, cursor: at + 2 < COUNT ? at + 2 : null };
    },
  };
}

const STEPS = [step(2, (value) => value + 1), step(3, (value) => value * 10)];

async function storeOfVersion1(): Promise<Store> {
  const store = memoryStore({ limits: { checks: 10 } });
  const numbers = Array.from({ length: COUNT }, (_, n) => put(number(n), n));
  await store.commit([], [put(keys.meta(), { version: 1 }), ...numbers]);
  return store;
}

async function metaOf(store: Store): Promise<MetaRow> {
  return decode((await store.getMany([keys.meta()]))[0]!.value);
}

async function assertUpgraded(store: Store, note = "not upgraded as it should be"): Promise<void> {
  assert.deepEqual(await metaOf(store), { version: 3 }, note);
  assert.deepEqual((await rowsOf(store, "number")).map(({ value }) => value), UPGRADED, note);
}
function worker(name: string): WorkerRow {
  return { host: name, pid: 1, channels: {}, startedAt: 0, beat: 0, incarnation: null };
}

Deno.test("a new store gets the program's version, without any step", async () => {
  const store = memoryStore();
  await register(store, keys, new FakeClock(), "w-1", worker("new"), STEPS);
  assert.deepEqual(await metaOf(store), { version: 3 });
});

Deno.test("an older store is upgraded step by step, in batches, before the process registers", async () => {
  const store = await storeOfVersion1();
  const faulty = faultyStore(store);
  await register(faulty, keys, new FakeClock(), "w-1", worker("new"), STEPS);
  await assertUpgraded(store);
  const metas = faulty.commits.flatMap(({ mutations }) => mutations)
    .flatMap((mutation) => mutation.type === "set" && mutation.key[1] === "meta" ? [mutation.value] : []);
  const batches = [
    { fenced: false, cursor: null },
    ...[null, 2, 4, 6].map((cursor) => ({ fenced: true, cursor })),
  ];
  assert.deepEqual(metas.map((value) => decode(value)), [
    ...batches.map((upgrade) => ({ version: 2, upgrade })),
    { version: 2 },
    ...batches.map((upgrade) => ({ version: 3, upgrade })),
    { version: 3 },
  ]);
});

Deno.test("a program that lags several versions behind does only the steps it lacks", async () => {
  const store = await storeOfVersion1();
  await upgrade(store, keys, new FakeClock(), STEPS.slice(0, 1));
  assert.deepEqual((await rowsOf(store, "number")).map(({ value }) => value), [1, 2, 3, 4, 5, 6, 7]);
  await upgrade(store, keys, new FakeClock(), STEPS);
  await assertUpgraded(store);
});

Deno.test("newer data are refused, and nothing of them is touched", async () => {
  const store = await storeOfVersion1();
  await upgrade(store, keys, new FakeClock(), STEPS);
  const before = await rowsOf(store);
  for (const [upgrades, knows] of [[[], 1], [STEPS.slice(0, 1), 2]] as const) {
    await assert.rejects(register(store, keys, new FakeClock(), "w-1", worker("old"), upgrades), (error) => {
      assert(error instanceof StoreBrokenError);
      assert.equal(error.message, `The stored data has version 3, this program knows ${knows}`);
      assert.match(error.hint, /^Start a newer version/);
      return true;
    });
  }
  assert.deepEqual(await rowsOf(store), before);
});

Deno.test("data whose upgrade has only begun are refused by an older program", async () => {
  const store = await storeOfVersion1();
  const killed = dyingStore(store, 1, false);
  upgrade(killed, keys, new FakeClock(), STEPS);
  await killed.dead;
  assert.deepEqual(await metaOf(store), { version: 2, upgrade: { fenced: false, cursor: null } });
  await assert.rejects(upgrade(store, keys, new FakeClock()), /has version 2, this program knows 1/);
});

Deno.test("an upgrade whose process is killed, at whichever commit, is gone on with by the next", async () => {
  const whole = faultyStore(await storeOfVersion1());
  await upgrade(whole, keys, new FakeClock(), STEPS);
  assert.equal(whole.commits.length, 12);
  for (let commits = 0; commits < whole.commits.length; commits++) {
    for (const applied of [false, true]) {
      const store = await storeOfVersion1();
      const killed = dyingStore(store, commits, applied);
      upgrade(killed, keys, new FakeClock(), STEPS);
      await killed.dead;
      const clock = new FakeClock();
      await whenMoved(clock, upgrade(store, keys, clock, STEPS));
      await assertUpgraded(store, `killed ${applied ? "after" : "before"} commit ${commits}`);
    }
  }
});

for (const fault of ["lost", "failed", "nothing", "repeated"] satisfies CommitFault[]) {
  Deno.test(`an upgrade of which every other commit is ${fault} does every batch once`, async () => {
    const store = await storeOfVersion1();
    const faulty = faultyStore(store);
    const clock = new FakeClock();
    let n = 0;
    const injected = Array.from({ length: 6 }, () => faulty.onCommit(fault, () => n++ % 2 === 0));
    await whenMoved(clock, upgrade(faulty, keys, clock, STEPS));
    await assertUpgraded(store);
    assert(injected.every(({ met }) => met));
  });
}

Deno.test("a batch that lands long after it was given up changes nothing", async () => {
  const store = await storeOfVersion1();
  const faulty = faultyStore(store);
  const clock = new FakeClock();
  const held = faulty.onCommit("held", sets("number"));
  const upgraded = upgrade(faulty, keys, clock, STEPS);
  await held.hit;
  await clock.advance(11_000);
  await upgraded;
  assert.equal(await held.land(), null);
  await assertUpgraded(store);
});

Deno.test("an upgrade goes on when reads fail", async () => {
  const store = await storeOfVersion1();
  const faulty = faultyStore(store);
  const clock = new FakeClock();
  const reads = ["meta", "worker", "number"].map((family) => faulty.onRead("failed", asks(family)));
  await whenMoved(clock, upgrade(faulty, keys, clock, STEPS));
  await assertUpgraded(store);
  assert(reads.every(({ met }) => met));
});

Deno.test("processes that start at the same time upgrade once, and each registers when it is done", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const store = await storeOfVersion1();
    const clock = new FakeClock();
    let state = seed;
    const slow = async <T>(ask: () => Promise<T>): Promise<T> => {
      const wait = () => sleep(clock, state = state * 48271 % 0x7fffffff % 97);
      await wait();
      const answer = await ask();
      await wait();
      return answer;
    };
    const remote: Store = {
      ...store,
      getMany: (keys) => slow(() => store.getMany(keys)),
      list: (range, options) => slow(() => store.list(range, options)),
      commit: (checks, mutations) => slow(() => store.commit(checks, mutations)),
    };
    const names = ["w-1", "w-2", "w-3", "w-4", "w-5"];
    const all = names.map(async (name) => {
      await register(remote, keys, clock, name, worker(name), STEPS);
      await assertUpgraded(store, `seed ${seed}`);
    });
    await whenMoved(clock, Promise.all(all));
    assert.deepEqual((await rowsOf(store, "worker")).map(({ key }) => idOf(key)), names);
  }
});

Deno.test("an older process that goes on while the upgrade runs commits nothing more and cannot come back", async () => {
  await using processes = new Processes({ limits: { checks: 10 } });
  let broken: Error | null = null;
  const { process: old, held, id } = await processes.startRunning({ onBroken: (error) => broken = error });
  const former = old.worker();
  const { store } = processes;

  // It ends its task between the fence and the first batch.
  const newer = faultyStore(store);
  newer.beforeCommit(sets("number"), async () => {
    held.runs[0]!.finish("late");
    await old.clock.settle();
  });
  await store.commit([], [put(number(0), 0)]);
  const clock = new FakeClock();
  await whenMoved(clock, register(newer, keys, clock, "w-new", worker("new"), STEPS));

  assert.match(String(broken), /has version 2, this program knows 1/);
  await assert.rejects(old.queue.submitAll([{ name: "held", args: [] }]), StoreBrokenError);
  assert.deepEqual((await rowsOf(store, "number")).map(({ value }) => value), [10]);
  const [former_, ours] = await rowsOf(store, "worker");
  assert.deepEqual([idOf(former_!.key), former_!.value.lost], [former, true]);
  assert.equal(idOf(ours!.key), "w-new");
  assert.deepEqual(new Set((await rowsOf(store, "lane")).map(({ key }) => key[2])), new Set(["w-new"]));

  // The layout has not really changed: a process of this version may look after what is left.
  await store.commit([], [put(keys.meta(), { version: 1 }), del(keys.worker("w-new")), del(number(0))]);
  for (const { key } of await rowsOf(store, "lane")) await store.commit([], [del(key)]);
  const again = heldTask("held");
  await using q = await openQueue({ store, definitions: [again.definition] });
  assert.equal(again.runs.length, 1, "its run is rescued at once");
  again.runs[0]!.finish("in time");
  await q.clock.settle();
  assert.equal((await q.queue.get(id)).result, "in time");
  assert.equal((await countRows(store)).run, undefined);
});
