import assert from "node:assert/strict";
import { type Lock, memoryStore, type TaskContext } from "../../../queue/mod.ts";
import { sets } from "../../support/faulty_store.ts";
import { anyArgs, heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";
import { rowsOf } from "../../support/rows.ts";

/** What a test's handler found out about its lock. */
const said = (fail: unknown) => fail instanceof Error ? `${fail.name}: ${fail.message}` : fail;

onBothStores("two runs that want one lock have it one after the other", async (open) => {
  const locks: Lock[] = [];
  const next = heldTask("next");
  const booking = task("booking", async (ctx) => {
    locks.push(await ctx.lock("account", { ttl: 60, wait: 30 }));
    await next.definition.handler(ctx);
    await locks.at(-1)!.release();
  });
  await using q = await open({ definitions: [booking], channels: { default: 2 } });
  const [first, second] = [await q.queue.submit(booking, []), await q.queue.submit(booking, [])];
  await q.clock.advance(5000);
  assert.equal(locks.length, 1);
  next.runs[0]!.finish();
  // Told in this process: no time has to pass.
  await q.clock.settle();
  assert.equal(locks.length, 2);
  next.runs[1]!.finish();
  await Promise.all([q.ended(first), q.ended(second)]);
  assert.deepEqual(await rowsOf(q.store, "lock"), []);
});

onBothStores("fencing tokens grow from holder to holder, also across the lock's deletion", async (open) => {
  const tokens: string[] = [];
  const note = task("note", async (ctx) => {
    await using lock = await ctx.lock("a", { ttl: 10 });
    tokens.push(lock.token);
    await lock.renew();
    assert.equal(lock.token, tokens.at(-1));
  });
  await using q = await open({ definitions: [note], channels: { default: 1 } });
  for (let n = 0; n < 20; n++) await q.ended(await q.queue.submit(note, []));
  assert.equal(tokens.length, 20);
  assert.deepEqual(tokens, [...new Set(tokens)].sort());
  assert.match(tokens[0]!, /^[0-9a-f]{20}$/);
});

onBothStores("a lock that is held is refused at once, or after the wait", async (open) => {
  const holder = task("holder", async (ctx) => {
    await ctx.lock("a", { ttl: 600 });
    await ctx.sleep(300);
  });
  const failures: [string, number][] = [];
  const other = task("other", async (ctx, wait) => {
    const before = q.clock.monotonic();
    const failure = await ctx.lock("a", { ttl: 1, wait: Number(wait) }).catch(said);
    failures.push([String(failure), q.clock.monotonic() - before]);
  });
  await using q = await open({ definitions: [holder, other], channels: { default: 4 } });
  const held = await q.queue.submit(holder, []);
  await q.clock.settle();
  for (const wait of [0, 12.5]) await q.queue.submit(other, [wait]);
  await q.clock.advance(20_000);
  assert.deepEqual(failures, [
    ["LockTimeoutError: Lock 'a' is held by another run", 0],
    ["LockTimeoutError: Lock 'a' is held by another run; waited 12.5 s", 12_500],
  ]);
  assert.equal((await q.ended(held, 400)).state, "SUCCESS");
});

onBothStores(
  "a run releases its locks however it ends: return, failure, retry, time limit, revoke",
  async (open) => {
    const held = heldTask("held", { maxRetries: 1, retry: { delay: 3600, factor: 1 }, timeLimit: 5 });
    const locking = task("locking", async (ctx) => {
      await ctx.lock("a", { ttl: 3600 });
      return await held.definition.handler(ctx);
    }, { ...held.definition, args: anyArgs });
    await using q = await open({ definitions: [locking], channels: { default: 2 } });
    const endings: ((n: number, id: string) => unknown)[] = [
      (n) => held.runs[n]!.finish(),
      (n) => held.runs[n]!.fail(new Error("failed")),
      (n) => held.runs[n]!.fail(held.runs[n]!.ctx.retry({ in: 60 })),
      () => q.clock.advance(6000),
      (_n, id) => q.queue.revoke(id),
    ];
    for (const [n, end] of endings.entries()) {
      const { id } = await q.queue.submit(locking, []);
      await q.clock.settle();
      assert.equal((await rowsOf(q.store, "lock"))[0]!.value.owner, id);
      await end(n, id);
      await q.clock.settle();
      assert.deepEqual(await rowsOf(q.store, "lock"), [], `ending ${n}`);
    }
    for (const { finish } of held.runs) finish();
  },
);

Deno.test("the next owner of a lock sees what the run before has stored", async () => {
  const seen: unknown[] = [];
  const counting = task("counting", async (ctx) => {
    await ctx.lock("counter", { ttl: 60, wait: 60 });
    const [entry] = await q.store.getMany([["count"]]);
    seen.push(entry?.value ?? 0);
    ctx.commit.set(["count"], Number(entry?.value ?? 0) + 1);
  });
  await using q = await openQueue({ definitions: [counting], channels: { default: 8 } });
  await Promise.all(Array.from({ length: 40 }, () => q.queue.submit(counting, [])));
  await q.clock.advance(30_000);
  assert.deepEqual(seen, Array.from({ length: 40 }, (_, n) => n));
});

onBothStores(
  "an owner that does not renew loses the lock at the end of its time, and is told",
  async (open) => {
    const found: unknown[] = [];
    const slow = task("slow", async (ctx) => {
      const lock = await ctx.lock("a", { ttl: 10 });
      await ctx.sleep(8);
      await lock.renew(20);
      await ctx.sleep(18);
      await lock.renew();
      await ctx.sleep(25);
      found.push(await lock.renew().catch(said));
      await lock.release();
    });
    const other = task("other", async (ctx) => {
      await ctx.lock("a", { ttl: 3600, wait: 120 });
      found.push(q.clock.monotonic() - begin);
      await ctx.sleep(60);
    });
    await using q = await open({ definitions: [slow, other], channels: { default: 2 } });
    const begin = q.clock.monotonic();
    await q.queue.submit(slow, []);
    await q.clock.settle();
    const second = await q.queue.submit(other, []);
    await q.clock.advance(60_000);
    assert.deepEqual(found, [46_000, "LockNotHeldError: Lock 'a' is not held by this run any more"]);
    // The release of one who has lost it takes it from nobody.
    assert.equal((await rowsOf(q.store, "lock"))[0]!.value.owner, second.id);
    await q.ended(second, 100);
  },
);

onBothStores(
  "a ttl of 0, a negative or endless one and a name that is none are clear errors",
  async (open) => {
    const calls: [(ctx: TaskContext) => Promise<Lock>, RegExp][] = [
      [
        (ctx) => ctx.lock("a", { ttl: 0 }),
        /^RangeError: Cannot lock 'a' as 'ttl' must be seconds above 0 .*value is 0$/,
      ],
      [(ctx) => ctx.lock("a", { ttl: -1 }), /^RangeError: .*'ttl' must be seconds above 0 .*value is -1$/],
      [
        (ctx) => ctx.lock("a", { ttl: Infinity }),
        /^RangeError: .*at most ten years: current value is Infinity$/,
      ],
      [(ctx) => ctx.lock("a", { ttl: NaN }), /^RangeError/],
      [(ctx) => ctx.lock("a", { ttl: "1" as unknown as number }), /^RangeError/],
      [(ctx) => ctx.lock("a", { ttl: 1, wait: -1 }), /^RangeError: .*'wait' must be 0 or more seconds/],
      [(ctx) => ctx.lock("", { ttl: 1 }), /^TypeError: Cannot lock as the name must be a text of 1 to 200/],
      [(ctx) => ctx.lock("x".repeat(201), { ttl: 1 }), /^TypeError/],
    ];
    const wrong = task("wrong", (ctx, n) => calls[Number(n)]![0](ctx));
    await using q = await open({ definitions: [wrong], channels: { default: 1 } });
    for (const [n, [, expected]] of calls.entries()) {
      const { state, error } = await q.ended(await q.queue.submit(wrong, [n]));
      assert.equal(state, "FAILURE");
      assert.match(`${error!.type}: ${error!.message}`, expected);
    }
    assert.deepEqual(await rowsOf(q.store, "lock"), []);
  },
);

Deno.test("the lock of a process that died is free after its time to live, in another process", async () => {
  await using processes = new Processes();
  const locked: string[] = [];
  const held = heldTask("held");
  const locking = task("locking", async (ctx) => {
    const lock = await ctx.lock("a", { ttl: 40, wait: 300 });
    locked.push(`${ctx.id} ${lock.token}`);
    await held.definition.handler(ctx);
  });
  const dead = await processes.start({ definitions: [locking], channels: { default: 1 } });
  const { tasks: [task1] } = await dead.queue.submitAll([{ name: "locking", args: [] }]);
  await dead.clock.settle();
  // From here on its clock stands still.
  const other = await processes.start({ definitions: [locking], channels: { default: 1 } });
  await other.clock.advance(LOST_AFTER + 6000);
  assert.equal((await other.queue.get(task1!.id)).state, "STARTED");
  assert.equal(locked.length, 1);
  await other.clock.advance(25_000);
  assert.equal(locked.length, 2);
  assert(locked[0]!.split(" ")[1]! < locked[1]!.split(" ")[1]!);
  for (const { finish } of held.runs) finish();
  await other.ended(task1!);
  await dead.clock.advance(1);
});

Deno.test("two processes never have one lock at a time, whatever is lost or repeated", async () => {
  await using processes = new Processes();
  let holders = 0;
  let most = 0;
  let taken = 0;
  const locking = task("locking", async (ctx) => {
    await using _lock = await ctx.lock("a", { ttl: 600, wait: 600 });
    most = Math.max(most, ++holders);
    taken++;
    await ctx.sleep(0.3);
    holders--;
  });
  const options = { definitions: [locking], channels: { default: 4 } };
  const [a, b] = [await processes.start(options), await processes.start(options)];
  for (const fault of ["lost", "failed", "nothing", "repeated"] as const) {
    a.faulty.onCommit(fault, sets("lock"));
    b.faulty.onCommit(fault, sets("lock"));
  }
  await a.queue.submitAll(Array.from({ length: 12 }, () => ({ name: "locking", args: [] })));
  for (let n = 0; n < 600 && taken < 12; n++) {
    await a.clock.advance(100);
    await b.clock.advance(100);
  }
  await a.clock.advance(1000);
  await b.clock.advance(1000);
  assert.deepEqual([most, taken, holders], [1, 12, 0]);
});

Deno.test("a handler whose run has ended takes no lock, also when its request was on its way", async () => {
  const found: unknown[] = [];
  const late = task("late", async (ctx) => {
    const first = ctx.lock("first", { ttl: 600 }).catch(said);
    await gate.promise;
    found.push(await first, await ctx.lock("second", { ttl: 600 }).catch(said));
  });
  const gate = Promise.withResolvers<void>();
  await using processes = new Processes();
  const p = await processes.start({ definitions: [late], channels: { default: 1 } });
  const taking = p.faulty.onCommit("held", sets("lock"));
  const { tasks: [task1] } = await p.queue.submitAll([{ name: "late", args: [] }]);
  await p.clock.settle();
  const revoked = p.queue.revoke(task1!.id);
  await p.clock.settle();
  await taking.land();
  await revoked;
  gate.resolve();
  await p.clock.settle();
  assert.deepEqual(found.map((failure) => String(failure).split(":")[0]), [
    "LockNotHeldError",
    "TaskRevokedError",
  ]);
  assert.deepEqual(await rowsOf(processes.store, "lock"), []);
});

Deno.test("a leap of the wall clock keeps no lock for longer than a minute beyond its time", async () => {
  const locked: number[] = [];
  const held = heldTask("held");
  const locking = task("locking", async (ctx) => {
    await ctx.lock("a", { ttl: 30, wait: 600 });
    locked.push(q.clock.monotonic());
    await held.definition.handler(ctx);
  });
  await using q = await openQueue({ definitions: [locking], channels: { default: 2 } });
  await q.queue.submit(locking, []);
  await q.clock.settle();
  q.clock.setWall(q.clock.now() - 86_400_000);
  await q.queue.submit(locking, []);
  await q.clock.advance(90_000);
  assert.equal(locked.length, 2);
  for (const { finish } of held.runs) finish();
});

Deno.test("a lock is free after its run, and after its release, although a renewal was on its way", async () => {
  await using processes = new Processes();
  const held = heldTask("held");
  const p = await processes.start({ definitions: [held.definition], channels: { default: 1 } });
  for (const released of [false, true]) {
    await p.queue.submit(held.definition, []);
    await p.clock.advance(2000);
    const run = held.runs.at(-1)!;
    const taken = run.ctx.lock("a", { ttl: 600 });
    await p.clock.settle();
    const renewing = p.faulty.onCommit("held", sets("lock"));
    const calls = [
      (await taken).renew(),
      (await taken).renew(),
      ...released ? [(await taken).release()] : [],
    ];
    await p.clock.settle();
    run.finish();
    await p.clock.settle();
    await renewing.land();
    await Promise.all(calls);
    await p.clock.settle();
    assert.deepEqual(await rowsOf(processes.store, "lock"), []);
  }
});

Deno.test("a lock that another process releases is had at once where rows can be watched", async () => {
  const [holds, wants] = [heldTask("holds"), heldTask("wants")];
  const store = memoryStore({ doorbell: true });
  const holder = task("holder", async (ctx) => {
    await using _lock = await ctx.lock("a", { ttl: 600 });
    await holds.definition.handler(ctx);
  });
  const waiter = task("waiter", async (ctx) => {
    await ctx.lock("a", { ttl: 600, wait: 300 });
    await wants.definition.handler(ctx);
  });
  await using here = await openQueue({ store, definitions: [holder], channels: { default: 1 } });
  await using there = await openQueue({ store, definitions: [waiter], channels: { default: 1 } });
  const held = await here.queue.submit(holder, []);
  await here.clock.settle();
  const waits = await there.queue.submit(waiter, []);
  await there.clock.advance(5);
  // What is awaited is watched 10 ms later, and the next look is due in a second.
  await there.clock.advance(10);
  assert.equal(wants.runs.length, 0);
  holds.runs[0]!.finish();
  await here.ended(held);
  await there.clock.settle();
  assert.equal(wants.runs.length, 1);
  wants.runs[0]!.finish();
  await there.ended(waits);
});
