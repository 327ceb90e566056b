/** A backup is restored whole or not at all, and no process that worked with the former data can spoil it. */
import assert from "node:assert/strict";
import { restore } from "../../../queue/backup/restore.ts";
import { upgrade } from "../../../queue/membership/upgrades.ts";
import { BackupError } from "../../../queue/ground/errors.ts";
import { keyId } from "../../../queue/store/key_id.ts";
import { idOf, keysOf } from "../../../queue/rows/keys.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import type { Key, Store } from "../../../queue/store/port.ts";
import { del, put, putRaw } from "../../../queue/rows/unit.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { dyingStore } from "../../support/dying_store.ts";
import { type CommitFault, deletes, faultyStore, sets } from "../../support/faulty_store.ts";
import { definitions, fill } from "../../support/fill.ts";
import { openQueue } from "../../support/open_queue.ts";
import { Processes } from "../../support/processes.ts";
import { type Row, rowsOf } from "../../support/rows.ts";
import { whenMoved } from "../../support/when_moved.ts";

const keys = keysOf("sluice");
const USER: Key = ["charged", 7];

/** Commits of a few rows, so that a restore takes many. */
const small = () => memoryStore({ limits: { checks: 10, mutations: 12 } });

/** What a store holds at work: tasks in every place, and what a handler has stored. */
async function source(): Promise<Store> {
  const store = memoryStore();
  const q = await openQueue({ store, definitions: definitions(true), channels: { default: 20 } });
  await fill(q);
  await store.commit([], [
    putRaw(USER, "once"),
    putRaw(["other", "meta"], "not ours"),
    putRaw(["beside"], 1),
  ]);
  return store;
}

/** Rows by key, without those of processes. */
async function rowsIn(store: Store): Promise<Map<string, unknown>> {
  const rows = (await rowsOf(store)).filter(({ family, value }) =>
    !["lane", "worker"].includes(family) && value.action !== "store.restore"
  );
  const user = await store.getMany([USER, ["beside"]]);
  return new Map([
    ...rows.map(({ key, entry }): [string, unknown] => [keyId(key), entry.value]),
    ...user.map((entry, i): [string, unknown] => [`user ${i}`, entry?.value]),
  ]);
}
const saved = await source();

Deno.test("a restored store holds what the backup held, and every unfinished task in it ends", async () => {
  const store = small();
  const count = await restore(saved, store);
  const [before, after] = [await rowsIn(saved), await rowsIn(store)];
  assert.deepEqual(after, before);
  assert.equal(count, after.size, "all but meta, and one worker");
  const workers = await rowsOf(store, "worker");
  assert.deepEqual(workers.map(({ value }) => value.lost), [true]);
  assert.deepEqual(await rowsOf(store, "lane"), []);
  const { by, action, after: what } = (await rowsOf(store, "audit")).at(-1)!.value;
  assert.deepEqual([by, action, what], [{ kind: "command", name: "restore" }, "store.restore", {
    rows: count,
  }]);
  assert.deepEqual(await store.getMany([["other", "meta"]]), [null], "another namespace is left out");

  await using q = await openQueue({ store, definitions: definitions(false) });
  await q.events.next("rescued", ({ tasks }) => tasks === 4);
  for (const { key } of await rowsOf(store, "task")) await q.ended({ id: idOf(key) });
});

Deno.test("a restore refuses a database that holds anything", async () => {
  const cases: [what: string, key: Key][] = [
    ["an engine's row", keys.task("t")],
    ["another restore", keys.meta()],
    ["somebody else's row", ["their", "row"]],
  ];
  for (const [what, key] of cases) {
    const store = small();
    await store.commit([], [put(key, { version: 1 })]);
    await assert.rejects(restore(saved, store), /not empty.*--force/, what);
    assert.equal((await store.list({ prefix: [] }, { limit: 10 })).length, 1);
  }
});

Deno.test("a restore refuses a process that registers at the last moment", async () => {
  const store = faultyStore(small());
  store.beforeCommit(sets("meta"), () => store.commit([], [put(keys.meta(), { version: 1 })]));
  await assert.rejects(restore(saved, store), /not empty/);
  assert.deepEqual((await rowsOf(store)).map(({ family }) => family), ["meta"]);
});

Deno.test("a restore refuses a file that is no whole backup, or is newer than the program", async () => {
  const cases: [meta: unknown, RegExp][] = [
    [null, /nothing of NAMESPACE 'sluice'/],
    [{ version: 1000 }, /version 1000, this program knows 1: restore it with a newer Sluice/],
    [{ version: 1, restoring: true }, /not fully restored/],
  ];
  for (const [meta, message] of cases) {
    const from = memoryStore();
    if (meta) await from.commit([], [put(keys.meta(), meta)]);
    const store = small();
    await assert.rejects(restore(from, store), (error) => {
      assert(error instanceof BackupError);
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(await rowsOf(store), []);
  }
});

Deno.test("a forced restore replaces all that was there, newer data too", async () => {
  const store = small();
  const stale = Array.from({ length: 30 }, (_, n) => put(["sluice", "future", n], n));
  await store.commit([], stale.slice(0, 12));
  await store.commit([], [
    put(keys.meta(), { version: 1000 }),
    put(keys.task("stale"), {}),
    put(USER, "stale"),
  ]);
  await restore(saved, store, { force: true });
  assert.deepEqual(await rowsIn(store), await rowsIn(saved));
});

Deno.test("processes of the database before a forced restore commit nothing into it and do not come back meanwhile", async () => {
  await using processes = new Processes({ limits: { checks: 10 } });
  let broken: Error | null = null;
  const { process: old, held, id } = await processes.startRunning({ onBroken: (error) => broken = error });
  const target = faultyStore(processes.store);
  target.beforeCommit(deletes("lane"), async () => {
    await old.queue.submitAll([{ name: "held", args: [], delay: 60 }]);
  });
  target.beforeCommit(sets("task"), async () => {
    held.runs[0]!.finish("late");
    await old.clock.settle();
  });
  await restore(saved, target, { force: true });
  assert.match(String(broken), /is being restored/);
  await assert.rejects(old.queue.get(id), /No task has the id/);
  assert.deepEqual(await rowsIn(processes.store), await rowsIn(saved));
  for (const { key } of await rowsOf(processes.store)) await processes.store.commit([], [del(key)]);
});

Deno.test("a restore that is killed, at whichever commit, keeps processes out until one was finished", async () => {
  const whole = faultyStore(small());
  await restore(saved, whole);
  assert(whole.commits.length >= 6, `${whole.commits.length} commits`);
  const last = whole.commits.length - 1;
  for (let commits = 0; commits <= last; commits++) {
    for (const applied of [false, true]) {
      const note = `killed ${applied ? "after" : "before"} commit ${commits}`;
      const store = small();
      const killed = dyingStore(store, commits, applied);
      restore(saved, killed);
      await killed.dead;
      const starts = upgrade(store, keys, new FakeClock());
      if (commits === 0 && !applied) assert.equal(await starts, null, note);
      else if (commits === last && applied) assert.equal((await starts)!.key[1], "meta", note);
      else await assert.rejects(starts, /is being restored, or that was not finished/, note);

      await restore(saved, store, { force: true });
      assert.equal(await killed.land(), null, "what it had sent lands no more");
      assert.deepEqual(await rowsIn(store), await rowsIn(saved), note);
      assert.deepEqual(await rowsOf(store, "lane"), [], note);
    }
  }
});

for (const fault of ["lost", "failed", "nothing", "repeated"] satisfies CommitFault[]) {
  Deno.test(`a restore of which any commit is ${fault} is whole`, async () => {
    const commits = faultyStore(small());
    await restore(saved, commits);
    for (let n = 0; n < commits.commits.length; n++) {
      const store = faultyStore(small());
      let seen = 0;
      const injected = store.onCommit(fault, () => seen++ === n);
      const clock = new FakeClock();
      await whenMoved(clock, restore(saved, store, { clock }));
      assert(injected.met);
      assert.deepEqual(await rowsIn(store), await rowsIn(saved));
      assert.deepEqual(await rowsOf(store, "lane"), []);
    }
  });
}

Deno.test("the later of two forced restores counts, and the earlier one says so", async () => {
  const store = faultyStore(small());
  const other = memoryStore();
  await other.commit([], [put(keys.meta(), { version: 1 }), put(keys.channel("a"), { slots: 1 })]);
  let later: Promise<number> | null = null;
  store.beforeCommit(sets("task"), () => later = restore(other, store, { force: true }));
  await assert.rejects(restore(saved, store, { force: true }), /Another restore/);
  assert.equal(await later, 1);
  assert.deepEqual((await rowsOf(store)).map(({ family }: Row) => family), ["audit", "channel", "meta"]);
});

Deno.test("a restore whose last commit does not land, because another has begun, does not say that it is done", async () => {
  const store = faultyStore(small());
  store.beforeCommit((commit) => sets("meta")(commit) && deletes("lane")(commit), async () => {
    const later = dyingStore(store, 4, false);
    restore(saved, later, { force: true });
    await later.dead;
  });
  await assert.rejects(restore(saved, store), /Another restore/);
});
