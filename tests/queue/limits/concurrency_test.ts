import assert from "node:assert/strict";
import fc from "fast-check";
import { type AnyTaskDefinition, memoryStore, type Task } from "../../../queue/mod.ts";
import { faultyStore } from "../../support/faulty_store.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { type HeldTask, heldTask, task } from "../../support/held_task.ts";
import { brokenLaws } from "../../support/invariants.ts";
import { finishInTurn, onBothStores, openQueue } from "../../support/open_queue.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";
import { rowsOf, stored } from "../../support/rows.ts";

/** A held task whose first argument is its key. */
function keyed(limit: number, options: Partial<AnyTaskDefinition> = {}): HeldTask {
  return heldTask("keyed", {
    concurrencyKey: (key) => key === null ? null : String(key),
    concurrencyLimit: limit,
    ...options,
  });
}

/** Arguments of the runs that have not been ended, in the order of their starts. */
const args = (held: HeldTask) => held.runs.map((run) => run.args);

onBothStores(
  "at most as many tasks of one key run as its definition says, and the others are parked",
  async (open) => {
    const held = keyed(2);
    await using q = await open({ definitions: [held.definition], channels: { default: 10 } });
    const submitted: Task[] = [];
    for (let n = 0; n < 6; n++) submitted.push(await q.queue.submit(held.definition, ["a", n]));
    await q.clock.settle();
    assert.deepEqual(args(held), [["a", 0], ["a", 1]]);
    assert.deepEqual((await rowsOf(q.store, "ready")).length, 0);
    assert.deepEqual(
      (await rowsOf(q.store, "blocked")).map(({ key }) => key.slice(2)),
      [2, 3, 4, 5].map(
        (n) => ["key:default:a", 4, submitted[n]!.id],
      ),
    );
    assert.equal((await q.queue.channels())[0]!.blocked, 4);
    // A place that is left is taken at once, in this process.
    held.runs[0]!.finish();
    await q.clock.settle();
    assert.deepEqual(args(held).slice(2), [["a", 2]]);
    await finishInTurn(held, q, 1, 6);
    assert.equal(held.runs.length, 6);
    assert.deepEqual(await stored(q.store), { task: 6 });
  },
);

onBothStores("other keys, no key, and other names do not wait behind a key that is full", async (open) => {
  const held = keyed(1);
  const plain = heldTask("plain");
  await using q = await open({
    definitions: [held.definition, plain.definition],
    channels: { default: 6 },
  });
  for (let n = 0; n < 5; n++) await q.queue.submit(held.definition, ["a", n], { priority: 9 });
  await q.queue.submit(held.definition, ["b"]);
  await q.queue.submit(held.definition, [null, 1]);
  await q.queue.submit(held.definition, [null, 2]);
  await q.queue.submit(plain.definition, []);
  await q.clock.settle();
  assert.deepEqual(args(held).map(String).sort(), [",1", ",2", "a,0", "b"]);
  assert.equal(plain.runs.length, 1);
  for (let turn = 0; turn < 8; turn++) {
    for (const run of [...held.runs, ...plain.runs]) run.finish();
    await q.clock.settle();
  }
  assert.equal(held.runs.length, 8);
});

onBothStores(
  "the tasks of a key run by priority, then by age, also those that came while others were parked",
  async (open) => {
    const held = keyed(1);
    await using q = await open({ definitions: [held.definition], channels: { default: 4 } });
    const priorities = [5, 5, 3, 9, 5];
    for (const [n, priority] of priorities.entries()) {
      await q.queue.submit(held.definition, ["a", n], { priority });
      await q.clock.settle();
    }
    for (let n = 0; n < 8; n++) {
      await q.queue.submit(held.definition, ["a", `late ${n}`]);
      held.runs.at(-1)!.finish();
      await q.clock.advance(60);
    }
    for (let n = 0; n < 8; n++) {
      held.runs.at(-1)!.finish();
      await q.clock.advance(60);
    }
    assert.deepEqual(args(held).map(([, n]) => n), [
      ...[0, 3, 1, 4],
      ...Array.from({ length: 8 }, (_, n) => `late ${n}`),
      2,
    ]);
  },
);

onBothStores(
  "a run leaves its place however it ends: failure, retry, time limit, revoke",
  async (open) => {
    const held = keyed(1, { maxRetries: 1, retry: { delay: 30, factor: 1 }, timeLimit: 5 });
    const ends: ((n: number, id: string) => unknown)[] = [
      (n) => held.runs[n]!.fail(new Error("once")),
      (n) => held.runs[n]!.fail(held.runs[n]!.ctx.retry({ in: 3600 })),
      () => q.clock.advance(6000),
      (_n, id) => q.queue.revoke(id),
      (n) => held.runs[n]!.finish(),
    ];
    await using q = await open({ definitions: [held.definition], channels: { default: 4 } });
    const ids: string[] = [];
    for (let n = 0; n <= ends.length; n++) ids.push((await q.queue.submit(held.definition, ["a", n])).id);
    await q.clock.settle();
    for (const [n, end] of ends.entries()) {
      assert.deepEqual(args(held).at(-1), ["a", n]);
      await end(n, ids[n]!);
      await q.clock.settle();
      assert.equal(held.runs.length, n + 2, `ending ${n}`);
    }
    await q.clock.advance(31_000);
    for (const { finish } of held.runs) finish();
    await q.clock.advance(1000);
    assert.deepEqual(args(held).at(-1), ["a", 0]);
    held.runs.at(-1)!.finish();
  },
);

onBothStores("a parked task can be revoked and expires, and gives its turn to the next", async (open) => {
  const held = keyed(1);
  await using q = await open({ definitions: [held.definition], channels: { default: 4 } });
  const submitted = [];
  for (const [n, expires] of [[0], [1], [2, 5], [3]] as const) {
    submitted.push(await q.queue.submit(held.definition, ["a", n], expires ? { expires } : {}));
  }
  await q.clock.settle();
  assert.equal((await q.queue.revoke(submitted[1]!.id)).state, "REVOKED");
  await q.clock.advance(8000);
  assert.equal((await q.queue.get(submitted[2]!.id)).error?.type, "Expired");
  held.runs[0]!.finish();
  await q.clock.settle();
  assert.deepEqual(args(held), [["a", 0], ["a", 3]]);
  held.runs[1]!.finish();
});

Deno.test("a task that waits released in a channel without free slots keeps none back in another channel", async () => {
  const held = keyed(1);
  const blocker = heldTask("blocker", { channel: "full" });
  await using q = await openQueue({
    definitions: [held.definition, blocker.definition],
    channels: { full: 1, open: 2 },
  });
  await q.queue.submit(held.definition, ["a", 0], { channel: "open" });
  for (const [n, channel] of [[1, "full"], [2, "full"], [3, "open"], [4, "open"]] as const) {
    await q.queue.submit(held.definition, ["a", n], { channel });
  }
  await q.clock.settle();
  await q.queue.submit(blocker.definition, [], { priority: 9 });
  await q.clock.settle();
  for (let n = 0; n < 3; n++) {
    held.runs[n]!.finish();
    await q.clock.advance(3000);
  }
  assert.deepEqual(args(held).map(([, n]) => n), [0, 3, 4]);
  blocker.runs[0]!.finish();
  for (let n = 0; n < 6; n++) {
    for (const run of held.runs) run.finish();
    await q.clock.advance(3000);
  }
  assert.equal(held.runs.length, 5);
});

Deno.test("the place of a run whose process died is free after the rescue, and the run has its turn again", async () => {
  await using processes = new Processes();
  const held = keyed(1);
  const options = { definitions: [held.definition], channels: { default: 3 } };
  const dead = await processes.start(options);
  for (let n = 0; n < 3; n++) await dead.queue.submitAll([{ name: "keyed", args: ["a", n] }]);
  await dead.clock.settle();
  assert.equal(held.runs.length, 1);
  // From here on its clock stands still.
  const other = await processes.start(options);
  await other.clock.advance(LOST_AFTER - 3000);
  assert.equal(held.runs.length, 1);
  await other.clock.advance(12_000);
  for (let n = 1; n < 4; n++) {
    assert.equal(held.runs.length, n + 1);
    held.runs[n]!.finish();
    await other.clock.advance(3000);
  }
  assert.deepEqual(args(held).map(([, n]) => n), [0, 0, 1, 2]);
  held.runs[0]!.finish();
  await dead.clock.advance(1);
  assert.deepEqual(await brokenLaws(processes.store, "sluice", [held.definition]), []);
});

Deno.test("tasks that a process parked before it died are released by another", async () => {
  await using processes = new Processes();
  const held = keyed(1);
  const options = { definitions: [held.definition], channels: { default: 3 } };
  const dead = await processes.start(options);
  for (let n = 0; n < 40; n++) await dead.queue.submitAll([{ name: "keyed", args: [`tenant ${n % 20}`, n] }]);
  await dead.clock.advance(100);
  const other = await processes.start(options);
  await other.clock.advance(LOST_AFTER + 6000);
  for (let turn = 0; turn < 40; turn++) {
    for (const run of held.runs) run.finish();
    await other.clock.advance(1000);
  }
  const done = await Promise.all((await other.queue.list({ limit: 500 })).tasks);
  assert.deepEqual(new Set(done.map(({ state }) => state)), new Set(["SUCCESS"]));
  await dead.clock.advance(1);
});

Deno.test("a store with ten checks a commit keeps the limits too", async () => {
  const store = memoryStore({ limits: { checks: 10 } });
  const held = keyed(2, { rateLimit: "1000/s" });
  await using q = await openQueue({ definitions: [held.definition], channels: { default: 30 }, store });
  for (let n = 0; n < 60; n++) await q.queue.submit(held.definition, [`tenant ${n % 6}`, n]);
  await q.clock.advance(2000);
  assert.equal(held.runs.length, 12);
  for (let turn = 0; turn < 10; turn++) {
    for (const run of held.runs) run.finish();
    await q.clock.advance(2000);
  }
  assert.equal(held.runs.length, 60);
});

Deno.test("thousands of tasks of one key are parked in few commits, whatever the number of slots", async () => {
  const held = keyed(1);
  const plain = task("plain", () => 1);
  const inner = memoryStore();
  const store = faultyStore(inner);
  const clock = new FakeClock();
  const options = { definitions: [held.definition, plain], channels: { default: 2 }, store, clock };
  await using asks = await openQueue({ ...options, start: false });
  for (let n = 0; n < 12; n++) {
    await asks.queue.submitAll(Array.from({ length: 250 }, () => ({ name: "keyed", args: ["a"] })));
  }
  const other = await asks.queue.submit(plain, []);
  const before = store.commits.length;
  await using q = await openQueue(options);
  await clock.advance(200);
  assert.equal((await rowsOf(inner, "blocked")).length, 2999);
  assert.equal((await q.queue.get(other.id)).state, "SUCCESS");
  assert.equal(held.runs.length, 1);
  assert(store.commits.length - before < 60, `${store.commits.length - before} commits`);
  // The next one is released without a look at the others.
  held.runs[0]!.finish();
  await clock.settle();
  assert.equal((await rowsOf(inner, "blocked")).length, 2998);
  held.runs[1]!.finish();
});

Deno.test("no key has more runs than it may, and all tasks end, however processes race, are suspended and lose answers", async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("submit" as const), at: fc.nat(1), key: fc.nat(1), priority: fc.nat(9) }),
    fc.record({ do: fc.constant("end" as const), run: fc.nat(9), how: fc.nat(2) }),
    fc.record({ do: fc.constant("advance" as const), at: fc.nat(1), by: fc.integer({ min: 1, max: 3000 }) }),
    fc.record({ do: fc.constant("suspend" as const), at: fc.nat(1) }),
    fc.record({
      do: fc.constant("fault" as const),
      at: fc.nat(1),
      fault: fc.constantFrom("lost" as const, "failed" as const, "nothing" as const, "repeated" as const),
      skip: fc.nat(2),
    }),
  );
  const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
    await using processes = new Processes({ limits: { checks: 12 } });
    const held = keyed(2, { maxRetries: 2, retry: { delay: 1, factor: 1 } });
    const options = { definitions: [held.definition], channels: { default: 5 } };
    const all = [
      await processes.start({ ...options, clock: new FakeClock() }),
      await processes.start(options),
    ];
    const laws = async () =>
      assert.deepEqual(
        (await brokenLaws(processes.store, "sluice", [held.definition])).filter((law) => /key/.test(law)),
        [],
      );
    for (const step of steps) {
      if (step.do === "submit") {
        const request = { name: "keyed", args: [`tenant ${step.key}`], priority: step.priority };
        all[step.at]!.queue.submitAll(Array(3).fill(request)).catch(() => {});
      } else if (step.do === "end") {
        const run = held.runs[step.run % (held.runs.length || 1)];
        if (step.how === 0) run?.fail(new Error("failed"));
        else run?.finish();
      } else if (step.do === "advance") await all[step.at]!.clock.advance(step.by);
      else if (step.do === "suspend") await all[1 - step.at]!.clock.advance(LOST_AFTER + 3000);
      else {
        let { skip } = step;
        all[step.at]!.faulty.onCommit(step.fault, () => skip-- === 0);
      }
      for (const { clock } of all) await clock.settle();
      await laws();
    }
    for (let turn = 0; turn < 60; turn++) {
      for (const run of held.runs) run.finish();
      for (const { clock } of all) await clock.advance(2500);
      await laws();
      if (
        (await rowsOf(processes.store, "blocked")).length + (await rowsOf(processes.store, "run")).length ===
          0
      ) break;
    }
    const states = (await rowsOf(processes.store, "task")).map(({ value }) => value.state);
    assert(states.every((state) => state === "SUCCESS" || state === "FAILURE"), states.join());
    for (const { clock } of all) await clock.advance(25_000);
    assert.deepEqual(await rowsOf(processes.store, "slots"), []);
  });
  await fc.assert(property, { numRuns: Number(Deno.env.get("SLUICE_MODEL") ?? 60), seed: 1 });
});

Deno.test("an invalid concurrency key is refused with the place of the arguments, and nothing is stored", async () => {
  const keys: [unknown, RegExp][] = [
    ["", /must make a concurrency key of 1 to 200 characters: got 0 characters$/],
    ["x".repeat(201), /got 201 characters$/],
    [7, /got number$/],
    [undefined, /got undefined$/],
  ];
  let made: unknown;
  const wrong = task("wrong", () => 1, {
    concurrencyKey: () => {
      if (made instanceof Error) throw made;
      return made as string;
    },
  });
  await using q = await openQueue({ definitions: [wrong] });
  for (
    const [key, expected] of [
      ...keys,
      [new Error("oh"), /concurrencyKey of 'wrong' threw Error: oh$/] as const,
    ]
  ) {
    made = key;
    await assert.rejects(
      q.queue.submit(wrong, []),
      (error: { code: string; faults: { pointer: string; detail: string }[] }) => {
        assert.equal(error.code, "invalid-task");
        assert.equal(error.faults[0]!.pointer, "/args");
        assert.match(error.faults[0]!.detail, expected);
        return true;
      },
    );
  }
  assert.deepEqual(await stored(q.store), {});
});

Deno.test("an invalid concurrency limit is refused as the queue is made", async () => {
  for (
    const [options, expected] of [
      [
        { concurrencyKey: () => "a", concurrencyLimit: 0 },
        /concurrencyLimit must be an integer from 1 to 250: got 0/,
      ],
      [{ concurrencyKey: () => "a", concurrencyLimit: 1.5 }, /got 1.5/],
      [{ concurrencyKey: () => "a", concurrencyLimit: 251 }, /got 251/],
      [{ concurrencyLimit: 2 }, /concurrencyLimit must not be given without concurrencyKey/],
      [{ rateLimit: "10/x" }, /rateLimit must be a rate like '10\/m'.*: got '10\/x'/],
      [{ rateLimit: "0/s" }, /rateLimit/],
      [{ rateLimit: "" }, /rateLimit/],
      [{ rateLimit: "-1/s" }, /rateLimit/],
      [{ rateLimit: "1.5/s" }, /rateLimit/],
      [{ rateLimit: "10" }, /rateLimit/],
      [{ rateLimit: "20000/s" }, /rateLimit/],
      [
        { rateLimit: "10/s", burst: 11 },
        /burst must be an integer from 1 to 10, the number of the rate 10\/s: got 11/,
      ],
      [{ rateLimit: "10/s", burst: 0.5 }, /burst must be an integer/],
      [{ burst: 5 }, /burst must not be given without a rate limit/],
    ] as const
  ) {
    await assert.rejects(openQueue({ definitions: [task("t", () => 1, options)] }), expected);
  }
});
