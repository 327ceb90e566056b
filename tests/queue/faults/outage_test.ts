/** Commits while the store is known not to answer, and commits whose answer never came. */
import assert from "node:assert/strict";
import { StoreUnavailableError } from "../../../queue/ground/errors.ts";
import { group } from "../../../queue/mod.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import type { Key, Store } from "../../../queue/store/port.ts";
import { putRaw, type Unit } from "../../../queue/rows/unit.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { asks, type CommitCall, deletes, faultyStore, sets } from "../../support/faulty_store.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { openCommitter } from "../../support/open_committer.ts";
import { openQueue } from "../../support/open_queue.ts";
import { rowsOf } from "../../support/rows.ts";

const a: Key = ["user", "a"];
const b: Key = ["user", "b"];
const write = (key: Key): Unit => ({ checks: [], mutations: [putRaw(key, 1)] });
const writes = (key: Key) => ({ mutations }: CommitCall) =>
  mutations.some((mutation) => mutation.key[0] === "user" && mutation.key[1] === key[1]);

/** A store that says at once, when the test wants it to, that it does not answer. */
function leaving(inner: Store): Store & { away: boolean } {
  const store = {
    ...inner,
    away: false,
    getMany: (keys: readonly Key[]) => answer(() => inner.getMany(keys), true),
    list: (...args: Parameters<Store["list"]>) => answer(() => inner.list(...args), true),
    commit: (...args: Parameters<Store["commit"]>) => answer(() => inner.commit(...args), false),
  };
  async function answer<T>(ask: () => Promise<T>, sent: boolean): Promise<T> {
    if (store.away) throw new StoreUnavailableError("away", sent);
    return await ask();
  }
  return store;
}

async function open() {
  const clock = new FakeClock();
  const inner = memoryStore();
  const faulty = faultyStore(inner);
  const store = leaving(faulty);
  return { clock, inner, faulty, store, ...await openCommitter(store, clock) };
}

/** The store is away until a caller has been told of it, and back for a second. */
async function outage({ clock, store }: { clock: FakeClock; store: { away: boolean } }, told: Promise<void>) {
  store.away = true;
  await clock.advance(3000);
  await told;
  store.away = false;
  await clock.advance(1000);
}

async function isThere(store: Store, key: Key): Promise<boolean> {
  return (await store.getMany([key]))[0] !== null;
}

function unavailable(sent: boolean) {
  return (error: unknown) => error instanceof StoreUnavailableError && error.sent === sent;
}

Deno.test("a commit that no store was asked for is given up after a moment, and never lands", async () => {
  const { clock, inner, store, committer } = await open();
  store.away = true;
  const inLane = assert.rejects(committer.commit(write(a)), unavailable(false));
  await clock.advance(10);
  const behindIt = assert.rejects(committer.commit(write(b)), unavailable(false));
  await clock.advance(3000);
  await Promise.all([inLane, behindIt]);
  assert(committer.waitingBytes > 0, "one stays in its lane until the store answers");
  store.away = false;
  await clock.advance(1000);
  assert.deepEqual([await isThere(inner, a), await isThere(inner, b)], [false, false]);
  assert.equal(committer.waitingBytes, 0);
});

Deno.test("a unit that waits for its lost process to register anew is given up in an outage as well", async () => {
  const { clock, inner, store, committer, registration, fenced, again } = await open();
  await inner.commit([], registration.lanes.map(({ key }) => ({ type: "delete", key })));
  assert.equal(await committer.commit(write(b)).catch(({ code }) => code), "fenced");
  assert.deepEqual(fenced, ["w-1"]);
  store.away = true;
  const givenUp = assert.rejects(committer.commit(write(a)), unavailable(false));
  await clock.advance(3000);
  await givenUp;
  store.away = false;
  await again("w-2");
  assert.notEqual(await committer.commit(write(b)), null);
  assert.equal(await isThere(inner, a), false);
  committer.end();
  assert.equal(clock.pending, 0);
});

Deno.test("a submission that finds no registration in an outage is told that nothing was accepted", async () => {
  const store = leaving(memoryStore());
  await using q = await openQueue({ store, definitions: [task("add", () => null)], start: false });
  store.away = true;
  const refused = assert.rejects(q.queue.submitAll([{ name: "add", args: [] }]), unavailable(false));
  await q.clock.advance(11_000);
  await refused;
  store.away = false;
  await q.clock.advance(1000);
});

Deno.test("a commit of a run waits until the store answers, and lands at once then", async () => {
  const { clock, inner, store, committer } = await open();
  store.away = true;
  const landed = committer.commit({ ...write(a), worker: "w-1" });
  await clock.advance(60_000);
  assert.equal(await isThere(inner, a), false);
  store.away = false;
  await clock.advance(1000);
  assert.notEqual(await landed, null);
  assert.equal(await isThere(inner, a), true);
});

for (const fault of ["lost", "failed"] as const) {
  Deno.test(`a commit that was ${fault} before an outage is told as unknown, and not sent again`, async () => {
    const { clock, inner, store, faulty, committer } = await open();
    const trap = faulty.onCommit(fault, writes(a));
    const unknown = assert.rejects(committer.commit(write(a)), unavailable(true));
    await trap.hit;
    await outage({ clock, store }, unknown);
    assert.equal(await isThere(inner, a), fault === "lost");
    assert.equal(faulty.commits.filter(writes(a)).length, fault === "lost" ? 1 : 0);
    // The lane is closed to it, and serves on.
    assert.notEqual(await committer.commit(write(b)), null);
    if (fault === "failed") assert.equal(await trap.land(), null);
  });
}

Deno.test("a commit that is sent when the store is back and is given up meanwhile is told as unknown", async () => {
  const { clock, inner, store, faulty, committer } = await open();
  store.away = true;
  const unknown = assert.rejects(committer.commit(write(a)), unavailable(true));
  await clock.advance(1600);
  store.away = false;
  const trap = faulty.onCommit("late", writes(a));
  await clock.advance(1000);
  await unknown;
  await trap.land();
  await clock.settle();
  assert.equal(await isThere(inner, a), true);
});

Deno.test("a commit that is given up while its checks are read again does not land", async () => {
  const { clock, inner, store, faulty, committer } = await open();
  const absent = (key: Key) => [{ key, versionstamp: null }];
  await inner.commit([], write(b).mutations);
  store.away = true;
  const givenUp = assert.rejects(
    committer.commit({ ...write(a), checks: absent(["user", "free"]) }),
    unavailable(true),
  );
  // They share a commit.
  const failed = committer.commit({ ...write(["user", "c"]), checks: absent(b), worker: "w-1" });
  await clock.advance(1600);
  store.away = false;
  const read = faulty.onRead("late", asks("b"));
  await clock.advance(1000);
  assert.equal(read.met, true);
  await givenUp;
  await read.land();
  assert.equal(await failed, null);
  assert.equal(await isThere(inner, a), false);
});

Deno.test("a unit that shares a commit with one that was given up lands all the same", async () => {
  const { clock, inner, store, faulty, committer } = await open();
  const trap = faulty.onCommit("failed", writes(a));
  const unknown = assert.rejects(committer.commit(write(a)), unavailable(true));
  const landed = committer.commit({ ...write(b), worker: "w-1" });
  await trap.hit;
  await outage({ clock, store }, unknown);
  assert.notEqual(await landed, null);
  assert.deepEqual([await isThere(inner, a), await isThere(inner, b)], [false, true]);
});

Deno.test("a single lost answer of a store that serves on is hidden from the caller", async () => {
  const { clock, inner, faulty, committer } = await open();
  const read = faulty.onRead("late", asks("lane"));
  faulty.onCommit("failed", writes(a));
  const landed = committer.commit(write(a));
  await read.hit;
  await clock.advance(1000);
  await read.land();
  assert.notEqual(await landed, null);
  assert.equal(await isThere(inner, a), true);
});

Deno.test("a process that cannot beat in an outage neither judges others lost nor is judged", async () => {
  const inner = memoryStore();
  const stores = [leaving(inner), leaving(inner)];
  const clock = new FakeClock();
  const held = heldTask("held");
  const options = { clock, definitions: [held.definition], faults: true };
  const one = await openQueue({ ...options, store: stores[0]! });
  // The other one beats last before the outage, and has seen all of this one then.
  await clock.advance(1000);
  const other = await openQueue({ ...options, store: stores[1]! });
  const { tasks: [task] } = await one.queue.submitAll([{ name: "held", args: [] }]);
  await clock.advance(7500);
  assert.equal(held.runs.length, 1);
  for (const store of stores) store.away = true;
  await clock.advance(30_000);
  held.runs[0]!.finish("kept");
  await clock.advance(5000);
  // The one that has seen all finds the server back first.
  for (const store of stores.toReversed()) {
    store.away = false;
    await clock.advance(2000);
  }
  assert.equal((await one.queue.get(task!.id)).result, "kept");
  await clock.advance(30_000);
  for (const { events } of [one, other]) {
    assert.deepEqual([...events.of("lost-worker"), ...events.of("fenced"), ...events.of("lost")], []);
  }
  await one.close();
  await other.close();
});

Deno.test("a purge that an outage interrupts does not leave its channel paused", async () => {
  const faulty = faultyStore(memoryStore());
  const store = leaving(faulty);
  const held = heldTask("held");
  await using q = await openQueue({
    store,
    definitions: [held.definition],
    channels: { default: 1 },
    faults: true,
  });
  await q.queue.submitAll(Array.from({ length: 3 }, () => ({ name: "held", args: [] })));
  await q.clock.advance(1000);
  // Some have been purged by then.
  faulty.beforeCommit(deletes("ready"), () => Promise.resolve(store.away = true));
  const purged = assert.rejects(q.queue.purge("default"), unavailable(true));
  await q.clock.advance(5000);
  assert.equal(store.away, true);
  await purged;
  store.away = false;
  await q.clock.advance(3000);
  assert.deepEqual((await q.queue.channels()).map(({ paused }) => paused), [false]);
  for (const run of held.runs) run.finish();
});

const endsUndo = ({ mutations }: CommitCall) =>
  mutations.some(({ type, key }) => type === "delete" && key[1] === "cascade" && key[2] === "undo");
const large = [
  ["its last commit", sets("workflow"), deletes("task")],
  ["one of its tasks", sets("open"), endsUndo],
] as const;
for (const [what, late, meanwhile] of large) {
  Deno.test(`a large workflow that an outage interrupts: ${what} lands while it is undone, and changes nothing`, async () => {
    const inner = memoryStore();
    const faulty = faultyStore(inner);
    const store = leaving(faulty);
    const add = task("add", () => null);
    await using q = await openQueue({ store, definitions: [add], faults: true });
    const trap = faulty.onCommit("failed", late);
    const members = Array.from({ length: 500 }, () => ({ name: "add", args: [] }));
    const interrupted = assert.rejects(q.queue.submitWorkflow(group(members)), unavailable(true));
    await trap.hit;
    store.away = true;
    await q.clock.advance(5000);
    await interrupted;
    // Its lane is not closed to it yet when others are at work again.
    const lane = faulty.onRead("held", (keys) => keys.some((key) => key[1] === "lane" && key[3] !== 0));
    let landed: string | null | undefined;
    faulty.beforeCommit(meanwhile, async () => void (landed = await trap.land()));
    store.away = false;
    await q.clock.advance(10_000);
    await lane.land();
    await q.clock.advance(10_000);
    assert.equal(landed, null);
    assert.deepEqual(await rowsOf(inner, "task"), []);
  });
}

Deno.test("tasks that a large workflow's last commit gave to free slots run, although the store leaves as it lands", async () => {
  const faulty = faultyStore(memoryStore({ incarnation: "only" }));
  const store = leaving(faulty);
  const held = heldTask("held");
  const options = { store, definitions: [held.definition], channels: { default: 3 }, faults: true };
  await using q = await openQueue(options);
  await q.clock.advance(100);
  faulty.beforeCommit(sets("workflow"), () => Promise.resolve(store.away = true));
  const last = faulty.onCommit("lost", sets("workflow"));
  const members = Array.from({ length: 400 }, () => ({ name: "held", args: [] }));
  const submitting = q.queue.submitWorkflow(group(members));
  submitting.catch(() => {});
  await last.hit;
  await q.clock.advance(10_000);
  store.away = false;
  await q.clock.advance(10_000);
  assert.equal(held.runs.length, 3);
  await submitting;
  await q.queue.stop(0);
});

Deno.test("a watch tells a task's end after an outage, and a read in the outage is refused as such", async () => {
  const store = leaving(memoryStore());
  const held = heldTask("held");
  await using q = await openQueue({ store, definitions: [held.definition], faults: true });
  const { tasks: [task] } = await q.queue.submitAll([{ name: "held", args: [] }]);
  await q.clock.advance(100);
  const states: string[] = [];
  const watching = (async () => {
    for await (const change of q.queue.watch(task!.id)) states.push(change.task.state);
  })();
  await q.clock.settle();
  store.away = true;
  await q.clock.advance(10_000);
  held.runs[0]!.finish();
  await assert.rejects(q.queue.get(task!.id), StoreUnavailableError);
  store.away = false;
  await q.clock.advance(3000);
  await watching;
  assert.deepEqual(states, ["STARTED", "SUCCESS"]);
});

Deno.test("a queue whose store leaves while it starts goes on when it is back", async () => {
  const faulty = faultyStore(memoryStore());
  const store = leaving(faulty);
  await using q = await openQueue({ store, start: false });
  faulty.beforeCommit(sets("worker"), () => Promise.resolve(store.away = true));
  const started = q.queue.start();
  await q.clock.advance(20_000);
  store.away = false;
  await q.clock.advance(1000);
  await started;
  assert.equal(q.events.of("registered").length, 1);
});
