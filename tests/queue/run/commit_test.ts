import assert from "node:assert/strict";
import type { TaskContext } from "../../../queue/mod.ts";
import { task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";

const KEY = ["accounts", "ann"];

onBothStores("a handler's writes land with its result, in one commit", async (open) => {
  const pays = task("pays", (ctx) => {
    ctx.commit.set(KEY, 100n).set(["log", ctx.id], { paid: true }).delete(["pending"]);
    return "paid";
  });
  await using q = await open({ definitions: [pays] });
  await q.store.commit([], [{ type: "set", key: ["pending"], value: 1 }]);
  const { id } = await q.ended(await q.queue.submit(pays, []));
  const [account, log, pending, record] = await q.store.getMany([KEY, ["log", id], ["pending"], [
    "sluice",
    "task",
    id,
  ]]);
  assert.deepEqual([account?.value, log?.value, pending], [100n, { paid: true }, null]);
  assert.equal(account?.versionstamp, record?.versionstamp);
  assert.equal(log?.versionstamp, record?.versionstamp);
});

onBothStores("a handler that throws, or is ended, writes nothing", async (open) => {
  const wrong = task("wrong", async (ctx, how) => {
    ctx.commit.set(KEY, 1);
    if (how === "throw") throw new Error("no");
    if (how === "result") return 1n;
    await ctx.sleep(100).catch(() => {});
    return "late";
  }, { timeLimit: 1 });
  await using q = await open({ definitions: [wrong] });
  for (const how of ["throw", "result", "time limit"]) {
    assert.equal((await q.ended(await q.queue.submit(wrong, [how]))).state, "FAILURE");
  }
  await q.clock.advance(1000);
  assert.deepEqual(await q.store.getMany([KEY]), [null]);
});

onBothStores("only the run that succeeds writes, of all runs of a repeated task", async (open) => {
  const counts = task("counts", (ctx) => {
    ctx.commit.set(["run", String(ctx.retries)], 1);
    if (ctx.retries < 2) throw new Error("again");
  }, { maxRetries: 2, retry: { delay: 0, factor: 1 } });
  await using q = await open({ definitions: [counts] });
  await q.ended(await q.queue.submit(counts, []));
  const rows = await q.store.getMany(["0", "1", "2"].map((n) => ["run", n]));
  assert.deepEqual(rows.map((row) => row?.value), [undefined, undefined, 1]);
});

onBothStores("many tasks that add to one key under its check lose no addition", async (open) => {
  const adds = task("adds", async (ctx) => {
    const [entry] = await q.store.getMany([KEY]);
    ctx.commit.check(KEY, entry?.versionstamp ?? null).set(KEY, Number(entry?.value ?? 0) + 1);
  }, { maxRetries: 100, retry: { delay: 0, factor: 1 } });
  await using q = await open({ definitions: [adds], channels: { default: 8 } });
  await q.queue.submitAll(Array.from({ length: 40 }, () => ({ name: "adds", args: [] })));
  await q.clock.advance(5000);
  assert.equal(q.events.of("finished").filter(({ state }) => state === "SUCCESS").length, 40);
  assert.equal((await q.store.getMany([KEY]))[0]?.value, 40);
});

onBothStores(
  "a check that does not hold fails the run as CommitConflictError, and stores nothing of it",
  async (open) => {
    const checks = task("checks", (ctx) => {
      ctx.commit.check(KEY, "0".repeat(20)).set(["other"], 1);
      return "not so";
    }, { maxRetries: 1, retry: { delay: 5, factor: 1, retryOn: () => false } });
    await using q = await open({ definitions: [checks] });
    const { id } = await q.queue.submit(checks, []);
    await q.clock.settle();
    const waiting = await q.queue.get(id);
    assert.deepEqual([waiting.state, waiting.error?.type, waiting.result], [
      "RETRY",
      "CommitConflictError",
      null,
    ]);
    const ended = await q.ended({ id });
    assert.deepEqual([ended.state, ended.retries, ended.error?.type], ["FAILURE", 1, "CommitConflictError"]);
    assert.deepEqual(await q.store.getMany([["other"]]), [null]);
  },
);

/** Each misuse of ctx.commit and the type of the failure it ends in. */
const MISUSE: Record<string, [misuse: (ctx: TaskContext) => void, type: string, message: RegExp]> = {
  "Sluice's own keys": [
    (ctx) => ctx.commit.set(["sluice", "task", "x"], 1),
    "TypeError",
    /Sluice's own part/,
  ],
  "deleting Sluice's own keys": [
    (ctx) => ctx.commit.delete(["sluice", "meta"]),
    "TypeError",
    /Sluice's own part/,
  ],
  "checking Sluice's own keys": [
    (ctx) => ctx.commit.check(["sluice"], null),
    "TypeError",
    /Sluice's own part/,
  ],
  "an empty key": [(ctx) => ctx.commit.set([], 1), "TypeError", /empty key/],
  "101 mutations": [
    (ctx) => Array.from({ length: 101 }, (_, i) => ctx.commit.set(["k", i], i)),
    "RangeError",
    /at most 100 mutations/,
  ],
  "9 checks": [
    (ctx) => Array.from({ length: 9 }, (_, i) => ctx.commit.check(["k", i], null)),
    "RangeError",
    /at most 8 checks/,
  ],
  "a value of more than 64 KiB": [
    (ctx) => ctx.commit.set(KEY, "x".repeat(70_000)),
    "RefusedCommitError",
    /65536/,
  ],
  "a value that cannot be stored": [(ctx) => ctx.commit.set(KEY, () => 1), "RefusedCommitError", /stored/],
  "a wrong versionstamp": [
    (ctx) => ctx.commit.check(KEY, "yesterday"),
    "RefusedCommitError",
    /20 hex digits|Invalid check/,
  ],
};

for (const store of ["shared", "own", "file"] as const) {
  Deno.test(`misuse of ctx.commit fails the run and harms nobody else (${store} store)`, async () => {
    const misuses = task("misuses", (ctx, name) => MISUSE[name as string]![0](ctx));
    const fine = task("fine", (ctx) => void ctx.commit.set(["fine", ctx.id], 1));
    await using q = await openQueue({ definitions: [misuses, fine], store });
    for (const [name, [, type, message]] of Object.entries(MISUSE)) {
      const [bad, good] = await Promise.all([q.queue.submit(misuses, [name]), q.queue.submit(fine, [])]);
      const ended = await q.ended(bad);
      assert.deepEqual([name, ended.state, ended.error?.type], [name, "FAILURE", type]);
      assert.match(ended.error!.message, message);
      assert.equal((await q.ended(good)).state, "SUCCESS");
    }
    assert.equal((await q.queue.health()).ready, true);
  });
}

onBothStores("100 mutations and 8 checks are accepted", async (open) => {
  const writes = task("writes", (ctx) => {
    for (let i = 0; i < 100; i++) ctx.commit.set(["k", i], i);
    for (let i = 0; i < 8; i++) ctx.commit.check(["c", i], null);
  });
  await using q = await open({ definitions: [writes] });
  assert.equal((await q.ended(await q.queue.submit(writes, []))).state, "SUCCESS");
});

onBothStores("a handler that returns its writes has no result", async (open) => {
  const writes = task("writes", (ctx) => ctx.commit.set(KEY, 5n));
  await using q = await open({ definitions: [writes] });
  const ended = await q.ended(await q.queue.submit(writes, []));
  assert.deepEqual([ended.state, ended.result], ["SUCCESS", null]);
  assert.equal((await q.store.getMany([KEY]))[0]?.value, 5n);
});

onBothStores(
  "writes through ctx.commit after the handler has returned are not stored",
  async (open) => {
    let kept: TaskContext | null = null;
    const leaks = task("leaks", (ctx) => {
      kept = ctx;
      ctx.commit.set(["during"], 1);
    });
    await using q = await open({ definitions: [leaks] });
    await q.ended(await q.queue.submit(leaks, []));
    kept!.commit.set(["after"], 1);
    await q.clock.advance(1000);
    const [during, after] = await q.store.getMany([["during"], ["after"]]);
    assert.deepEqual([during?.value, after], [1, null]);
  },
);
