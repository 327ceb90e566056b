/** Keys that definitions make of arguments (invariant 6). */
import assert from "node:assert/strict";
import { z } from "zod";
import { defineTask, DuplicateTaskError, InvalidTaskError } from "../../../queue/mod.ts";
import { put } from "../../../queue/rows/unit.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { rowsOf, stored } from "../../support/rows.ts";

const byFirst = { key: (id: unknown) => String(id) };
const held = (idempotency = {}) => heldTask("held", { idempotency: { ...byFirst, ...idempotency } });
const refused = task("refused", () => {
  throw new Error("no luck");
}, { idempotency: byFirst });
const order = task("order", (_ctx, id) => `did ${id}`, { idempotency: { ...byFirst, ttl: 100 } });

onBothStores("the same arguments are the same task, waiting, running and ended", async (open) => {
  const { definition, runs } = held();
  await using q = await open({ definitions: [definition], channels: { default: 1 } });
  const [running, waiting] = [await q.queue.submit(definition, [1]), await q.queue.submit(definition, [2])];
  assert.equal(running.duplicate, undefined);
  await q.clock.settle();
  for (const [first, state] of [[running, "STARTED"], [waiting, "PENDING"]] as const) {
    const again = await q.queue.submit(definition, first.args);
    assert.deepEqual([again.id, again.state, again.duplicate], [first.id, state, "return"]);
  }
  runs[0]!.finish("done");
  await q.clock.settle();
  runs[1]!.finish();
  await q.clock.settle();
  const again = await q.queue.submit(definition, [1]);
  assert.deepEqual([again.id, again.state, again.result], [running.id, "SUCCESS", "done"]);
  assert.equal(await q.queue.result(again), "done");
  assert.equal(runs.length, 2);
});

onBothStores(
  "of many submissions at once with one definition's key one is stored and run, and all are told the same task",
  async (open) => {
    const { definition, runs } = held();
    await using q = await open({ definitions: [definition], channels: { default: 2 } });
    const answers = await Promise.all(Array.from({ length: 20 }, () => q.queue.submit(definition, [1])));
    assert.equal(new Set(answers.map(({ id }) => id)).size, 1);
    assert.equal(answers.filter(({ duplicate }) => !duplicate).length, 1);
    await q.queue.submit(definition, [2]);
    await q.clock.settle();
    // No slot was lost to those who came second.
    assert.equal(runs.length, 2);
  },
);

onBothStores("the key is free again at once after FAILURE and after REVOKED", async (open) => {
  const { definition, runs } = held();
  await using q = await open({ definitions: [definition] });
  const failed = await q.queue.submit(definition, [1, "a"]);
  await q.clock.settle();
  runs[0]!.fail(new Error("no luck"));
  const revoked = await q.queue.submit(definition, [2, "a"], { delay: 60 });
  await q.queue.revoke(revoked.id);
  for (const [n, first] of [[1, failed], [2, revoked]] as const) {
    // Other arguments, too: the key belongs to nobody. Of several at once one gets it.
    const answers = await Promise.all([1, 2, 3].map(() => q.queue.submit(definition, [n, "b"])));
    assert.equal(new Set(answers.map(({ id }) => id)).size, 1);
    assert.notEqual(answers[0]!.id, first.id);
  }
  await q.clock.settle();
  assert.equal(runs.length, 3);
});

onBothStores(
  "a key lives its time from the submission, and longer while its task has not ended",
  async (open) => {
    const { definition, runs } = held({ ttl: 100 });
    await using q = await open({ definitions: [definition, order], resultTtl: 1000 });
    const quick = await q.ended(await q.queue.submit(order, [1]));
    const slow = await q.queue.submit(definition, [1]);
    await q.clock.advance(quick.createdAt + 99_999 - q.clock.now());
    assert.equal((await q.queue.submit(order, [1])).id, quick.id);
    await q.clock.advance(1);
    const next = await q.queue.submit(order, [1]);
    assert.notEqual(next.id, quick.id);
    await q.clock.advance(1_000_000);
    assert.equal((await q.queue.submit(definition, [1])).id, slow.id);
    runs[0]!.finish();
    await q.clock.settle();
    assert.notEqual((await q.queue.submit(definition, [1])).id, slow.id);
    await q.clock.settle();
  },
);

onBothStores("a task that waits for its retry keeps its key", async (open) => {
  const { definition, runs } = heldTask("held", {
    idempotency: byFirst,
    maxRetries: 1,
    retry: { delay: 10 },
  });
  await using q = await open({ definitions: [definition] });
  const first = await q.queue.submit(definition, [1]);
  await q.clock.settle();
  runs[0]!.fail(new Error("once"));
  await q.clock.settle();
  const again = await q.queue.submit(definition, [1]);
  assert.deepEqual([again.id, again.state], [first.id, "RETRY"]);
});

onBothStores("`raise` refuses a duplicate and names the first task", async (open) => {
  const { definition } = held({ onDuplicate: "raise" });
  await using q = await open({ definitions: [definition] });
  const first = await q.queue.submit(definition, [1]);
  await assert.rejects(q.queue.submit(definition, [1]), (error) => {
    assert(error instanceof DuplicateTaskError);
    assert.deepEqual([error.code, error.taskId, error.key, error.taskName], [
      "duplicate-task",
      first.id,
      "1",
      "held",
    ]);
    return true;
  });
  assert.equal((await rowsOf(q.store, "task")).length, 1);
  await q.clock.settle();
});

onBothStores(
  "a key made of a part of the arguments stands for the first task, whatever the other arguments are",
  async (open) => {
    const large = "x".repeat(100_000);
    const cursors = ["page 1", "page 2", { b: 1, a: 2 }, large, `${large}y`];
    const make = (onDuplicate: "skip" | "return" | "raise") =>
      heldTask(onDuplicate, { idempotency: { key: (tenant) => String(tenant), onDuplicate } });
    const [skip, first, raise] = [make("skip"), make("return"), make("raise")];
    const definitions = [skip, first, raise].map(({ definition }) => definition);
    await using q = await open({ definitions, channels: { default: 6 } });
    for (const { definition } of [skip, first, raise]) {
      const onDuplicate = definition.name;
      for (const tenant of ["acme", "zeta"]) {
        // A large argument may be in the task that holds the key, and in the one that comes later.
        const [own, ...others] = tenant === "acme" ? cursors : cursors.toReversed();
        const task = await q.queue.submit(definition, [tenant, own!]);
        for (const cursor of others) {
          const again = q.queue.submit(definition, [tenant, cursor], { priority: 3, tags: ["again"] });
          if (onDuplicate === "raise") {
            await assert.rejects(again, (error) => {
              assert(error instanceof DuplicateTaskError);
              assert.deepEqual([error.taskId, error.key], [task.id, tenant]);
              return true;
            });
          } else {
            const { id, args, duplicate } = await again;
            assert.deepEqual([id, args, duplicate], [task.id, [tenant, own], onDuplicate]);
          }
        }
      }
    }
    await q.clock.settle();
    assert.deepEqual([skip, first, raise].map(({ runs }) => runs.length), [2, 2, 2]);
  },
);

onBothStores("a batch takes two tasks with one key and different arguments for one", async (open) => {
  const one = heldTask("one", { idempotency: byFirst });
  const raising = heldTask("raising", { idempotency: { ...byFirst, onDuplicate: "raise" } });
  await using q = await open({ definitions: [one.definition, raising.definition] });
  const batch = (name: string, ...args: [string, number][]) => args.map((each) => ({ name, args: each }));
  const { tasks } = await q.queue.submitAll(batch("one", ["acme", 1], ["acme", 2], ["zeta", 3]));
  assert.deepEqual(tasks.map(({ args, duplicate }) => [args, duplicate]), [
    [["acme", 1], undefined],
    [["acme", 1], "return"],
    [["zeta", 3], undefined],
  ]);
  assert.equal(tasks[1]!.id, tasks[0]!.id);
  await assert.rejects(q.queue.submitAll(batch("raising", ["acme", 1], ["acme", 2])), (error) => {
    assert(error instanceof InvalidTaskError);
    assert.deepEqual(error.faults.map(({ pointer }) => pointer), ["/1/args"]);
    return true;
  });
  await q.clock.settle();
  assert.deepEqual([one.runs.length, raising.runs.length], [2, 0]);
});

onBothStores(
  "a key that was stored with a fingerprint of its arguments counts as any other",
  async (open) => {
    const { definition } = held();
    await using q = await open({ definitions: [definition], channels: {} });
    const first = await q.queue.submit(definition, [1, "a"]);
    const [row] = await rowsOf(q.store, "idem");
    await q.store.commit([], [put(row!.key, { ...row!.value, fingerprint: "f" })]);
    for (const other of ["a", "b"]) assert.equal((await q.queue.submit(definition, [1, other])).id, first.id);
  },
);

onBothStores("two definitions' keys never meet, nor a request's and a definition's", async (open) => {
  await using q = await open({ definitions: [order, refused] });
  const [a, b] = [await q.queue.submit(order, [1]), await q.queue.submit(refused, [1])];
  assert.notEqual(a.id, b.id);
  const keyed = { scope: "task:order", key: "1", fingerprint: "f" };
  await assert.rejects(q.queue.submitAll([{ name: "order", args: [1] }], keyed), TypeError);
  await q.clock.settle();
});

onBothStores(
  "a batch with duplicates of earlier tasks and of each other stores each task once",
  async (open) => {
    const { definition, runs } = held();
    await using q = await open({ definitions: [definition] });
    const first = await q.queue.submit(definition, [1]);
    const { tasks } = await q.queue.submitAll([2, 1, 2, 3].map((n) => ({ name: "held", args: [n] })));
    assert.deepEqual(tasks.map(({ duplicate }) => duplicate), [undefined, "return", "return", undefined]);
    assert.deepEqual([tasks[1]!.id, tasks[2]!.id], [first.id, tasks[0]!.id]);
    await q.clock.settle();
    assert.equal(runs.length, 3);
    assert.equal((await rowsOf(q.store, "task")).length, 3);
  },
);

onBothStores("a batch with one refused duplicate stores nothing", async (open) => {
  const raising = heldTask("raising", { idempotency: { ...byFirst, onDuplicate: "raise" } });
  await using q = await open({ definitions: [raising.definition, order] });
  const first = await q.queue.submit(raising.definition, [1]);
  const before = await stored(q.store);
  const batch = (...numbers: number[]) => [
    { name: "order", args: [1] },
    ...numbers.map((n) => ({ name: "raising", args: [n] })),
  ];
  await assert.rejects(q.queue.submitAll(batch(2, 1)), { code: "duplicate-task", taskId: first.id });
  await assert.rejects(q.queue.submitAll(batch(2, 3, 2)), (error) => {
    assert(error instanceof InvalidTaskError);
    assert.deepEqual(error.faults.map(({ pointer }) => pointer), ["/3/args"]);
    return true;
  });
  assert.deepEqual(await stored(q.store), before);
});

for (const [limit, most] of [[100, 99], [10, 9]] as const) {
  Deno.test(`a batch takes as many keys as a commit of ${limit} checks, and no more`, async () => {
    const store = memoryStore({ limits: { checks: limit } });
    await using q = await openQueue({ store, definitions: [order, refused], channels: {} });
    const batch = (name: string, n: number) => Array.from({ length: n }, (_, i) => ({ name, args: [i] }));
    const keyed = { scope: "s", key: "k", fingerprint: "f" };
    await assert.rejects(q.queue.submitAll(batch("order", most + 1)), { code: "too-large" });
    await assert.rejects(q.queue.submitAll(batch("order", most), keyed), { code: "too-large" });
    assert.deepEqual(await stored(store), {});
    const { tasks } = await q.queue.submitAll(batch("order", most));
    assert.equal((await rowsOf(store, "task")).length, most);
    for (const { id } of tasks) await q.queue.revoke(id);
    // To replace a key takes two checks: of its row, and of the task that ended.
    const refusal = /must need at most \d+ checks for the idempotency keys of its tasks: needs/;
    await assert.rejects(q.queue.submitAll(batch("order", most)), refusal);
    await q.queue.submitAll(batch("order", Math.floor(most / 2)));
  });
}

onBothStores(
  "a request's key stands before the definition's, and is taken with what is stored only",
  async (open) => {
    const { definition } = held({ onDuplicate: "raise" });
    await using q = await open({ definitions: [definition, order], channels: {} });
    const keyed = (key: string) => ({ scope: "s", key, fingerprint: "f" });
    const request = [{ name: "held", args: [1] }];
    const first = await q.queue.submitAll(request, keyed("k"));
    const again = await q.queue.submitAll(request, keyed("k"));
    assert.deepEqual([again.replayed, again.tasks[0]!.id], [true, first.tasks[0]!.id]);
    await assert.rejects(q.queue.submitAll(request, keyed("l")), DuplicateTaskError);
    // A batch of both kinds: its key stands for the first tasks as well.
    const one = await q.queue.submit(order, [1]);
    const both = [{ name: "order", args: [1] }, { name: "order", args: [2] }];
    const mixed = await q.queue.submitAll(both, keyed("m"));
    const replayed = await q.queue.submitAll(both, keyed("m"));
    assert.equal(mixed.tasks[0]!.id, one.id);
    assert.deepEqual(replayed.tasks.map(({ id }) => id), mixed.tasks.map(({ id }) => id));
    assert.equal(replayed.replayed, true);
    await q.queue.submitAll([{ name: "order", args: [1] }], keyed("n"));
    const keys = (await rowsOf(q.store, "idem")).map(({ key }) => key.slice(2).join(" "));
    assert.deepEqual(keys.toSorted(), ["s k", "s m", "task:held 1", "task:order 1", "task:order 2"]);
  },
);

onBothStores("a key function that throws, or makes no key, is the request's fault", async (open) => {
  const keys: Record<string, unknown> = {
    throws: () => {
      throw new Error("no order");
    },
    empty: () => "",
    long: () => "x".repeat(256),
    number: () => 17,
    nothing: () => undefined,
    promise: () => Promise.resolve("later"),
    broken: () => "\ud800",
  };
  const definitions = Object.entries(keys).map(([name, key]) =>
    task(name, () => 1, { idempotency: { key: key as () => string } })
  );
  await using q = await open({ definitions });
  for (const { name } of definitions) {
    await assert.rejects(q.queue.submitAll([{ name, args: [] }]), (error) => {
      assert(error instanceof InvalidTaskError);
      const [{ pointer, detail } = { pointer: "", detail: "" }] = error.faults;
      assert.equal(pointer, "/args");
      assert.match(detail, new RegExp(`must give '${name}' an idempotency key`));
      return true;
    });
  }
  const [{ detail } = { detail: "" }] = q.queue.faults({ name: "throws", args: [] });
  assert.match(detail, /its key function threw Error: no order$/);
  assert.deepEqual(await stored(q.store), {});
});

Deno.test("a key is made of the arguments as the handler gets them", async () => {
  const dated = defineTask({
    name: "dated",
    args: z.tuple([z.string().trim(), z.coerce.date()]),
    idempotency: { key: (name, day) => `${name} ${day.toISOString().slice(0, 10)}` },
  }, () => 1);
  await using q = await openQueue({ definitions: [dated], channels: {} });
  await q.queue.submit(dated, [" report ", "2026-01-05T09:00:00Z"]);
  const [row] = await rowsOf(q.store, "idem");
  assert.deepEqual(row!.key.slice(2), ["task:dated", "report 2026-01-05"]);
});

Deno.test("a definition's idempotency that could not work is refused", async () => {
  const faults: [object, RegExp][] = [
    [{ key: "id" }, /idempotency\.key must be a function/],
    [{ ...byFirst, ttl: 0 }, /idempotency\.ttl must be a number of seconds above 0/],
    [{ ...byFirst, onDuplicate: "ignore" }, /idempotency\.onDuplicate must be 'skip', 'return' or 'raise'/],
  ];
  for (const [idempotency, message] of faults) {
    const definition = task("t", () => 1, { idempotency: idempotency as typeof byFirst });
    await assert.rejects(openQueue({ definitions: [definition] }), message);
  }
  await using q = await openQueue({ definitions: [order] });
  assert.deepEqual(q.queue.definitions()[0]!.idempotency, { ttl: 100, onDuplicate: "return" });
});

onBothStores("a task is kept at least as long as its key, and the sweep removes both", async (open) => {
  await using q = await open({ definitions: [order], resultTtl: 10 });
  const first = await q.ended(await q.queue.submit(order, [1]));
  await q.clock.advance(first.createdAt + 99_999 - q.clock.now());
  assert.deepEqual((await q.queue.submit(order, [1])).result, "did 1");
  await q.clock.skip(86_400_000);
  await q.clock.advance(20_000);
  assert.deepEqual(await stored(q.store), {});
});

onBothStores("a key that was taken anew is not removed with its former task", async (open) => {
  const { definition, runs } = held();
  await using q = await open({ definitions: [definition], resultTtl: 10 });
  const failed = await q.queue.submit(definition, [1]);
  await q.clock.settle();
  runs[0]!.fail(new Error("no luck"));
  await q.clock.settle();
  const next = await q.queue.submit(definition, [1]);
  await q.clock.advance(60_000);
  await assert.rejects(q.queue.get(failed.id), { code: "task-expired" });
  const keys = await rowsOf(q.store, "idem");
  assert.deepEqual(keys.map(({ value }) => value.ids), [[next.id]]);
  assert.equal((await q.queue.submit(definition, [1])).id, next.id);
});

Deno.test("an occurrence whose key is taken submits nothing: the task that has the key is its task", async () => {
  const { definition, runs } = held({ ttl: 1 });
  const schedule = {
    id: "each-minute",
    task: definition,
    args: [1],
    trigger: { interval: 60 },
    maxInstances: 9,
  };
  await using q = await openQueue({ definitions: [definition], schedules: [schedule] });
  const first = await q.queue.submit(definition, [1]);
  await q.clock.advance(180_000);
  assert.equal(runs.length, 1);
  const { occurrences } = await q.queue.schedules.occurrences("each-minute");
  assert.equal(occurrences.length, 3);
  for (const { taskId, outcome } of occurrences) assert.deepEqual([taskId, outcome], [first.id, "duplicate"]);
  assert.equal((await q.queue.schedules.run("each-minute")).task.id, first.id);
  runs[0]!.finish();
  await q.clock.advance(60_000);
  assert.equal(runs.length, 2);
});
