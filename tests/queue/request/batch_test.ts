import assert from "node:assert/strict";
import { InvalidTaskError, OverCapacityError, UnknownTaskError } from "../../../queue/mod.ts";
import { z } from "zod";
import { defineTask } from "../../../queue/mod.ts";
import { onBothStores } from "../../support/open_queue.ts";
import { rowsOf, stored } from "../../support/rows.ts";

const double = defineTask({ name: "double", args: z.tuple([z.int()]) }, (_ctx, n) => n * 2);
const doubles = (count: number) => Array.from({ length: count }, (_, i) => ({ name: "double", args: [i] }));

onBothStores("a batch is answered in its order and stored in one commit", async (open) => {
  await using q = await open({ definitions: [double], start: false });
  const { tasks, replayed } = await q.queue.submitAll(doubles(250));
  assert.equal(replayed, false);
  assert.deepEqual(tasks.map(({ args }) => args[0]), Array.from({ length: 250 }, (_, i) => i));
  assert.deepEqual(tasks.map(({ id }) => id).toSorted(), tasks.map(({ id }) => id));
  assert.equal(new Set((await rowsOf(q.store, "task")).map(({ entry }) => entry.versionstamp)).size, 1);
  await q.queue.start();
  await q.clock.advance(1000);
  assert.equal(q.events.of("finished").length, 250);
});

onBothStores("one wrong task refuses the whole batch; faults of all are told", async (open) => {
  await using q = await open({ definitions: [double] });
  const requests = [
    ...doubles(3),
    { name: "double", args: ["3"] },
    { name: "double", args: [4], priority: 10 },
    { name: "duoble", args: [] },
  ];
  await assert.rejects(q.queue.submitAll(requests), (error) => {
    assert(error instanceof InvalidTaskError);
    assert.deepEqual(error.faults.map(({ pointer }) => pointer), ["/3/args/0", "/4/priority", "/5/name"]);
    assert.match(error.faults[2]!.detail, /did you mean 'double'/);
    return true;
  });
  assert.deepEqual(await stored(q.store), {});
  await q.clock.advance(5000);
  assert.deepEqual(q.events.of("started"), []);
});

onBothStores("an unknown name alone is told as such, with its place", async (open) => {
  await using q = await open({ definitions: [double] });
  await assert.rejects(q.queue.submitAll([...doubles(2), { name: "nothing like it", args: [] }]), (error) => {
    assert(error instanceof UnknownTaskError);
    assert.equal(error.pointer, "/2/name");
    return true;
  });
});

onBothStores("more than 250 tasks are stored in commits of 250, in their order", async (open) => {
  await using q = await open({ definitions: [double], start: false });
  const { tasks, replayed } = await q.queue.submitAll(doubles(501));
  assert.equal(replayed, false);
  assert.deepEqual(tasks.map(({ args }) => args[0]), Array.from({ length: 501 }, (_, i) => i));
  const commits = (await rowsOf(q.store, "task")).map(({ entry }) => entry.versionstamp);
  assert.equal(new Set(commits).size, 3);
  assert.deepEqual(commits, commits.toSorted());
  assert.deepEqual([250, 500].map((at) => commits[at - 1] === commits[at]), [false, false]);
});

onBothStores("one wrong task among many refuses all of them, wherever it stands", async (open) => {
  await using q = await open({ definitions: [double] });
  const requests = doubles(501).with(500, { name: "double", args: [0.5] });
  await assert.rejects(q.queue.submitAll(requests), (error) => {
    assert(error instanceof InvalidTaskError);
    assert.deepEqual(error.faults.map(({ pointer }) => pointer), ["/500/args/0"]);
    return true;
  });
  assert.deepEqual(await stored(q.store), {});
});

onBothStores(
  "what a later commit refuses leaves the earlier ones; a repeat under the key adds the rest",
  async (open) => {
    await using q = await open({ definitions: [double], start: false });
    await q.queue.changeChannel("default", { maxDepth: 400 });
    const key = { scope: "me", key: "k", fingerprint: "f" };
    await assert.rejects(q.queue.submitAll(doubles(501), key), OverCapacityError);
    const landed = (await rowsOf(q.store, "task")).map(({ key }) => key.at(-1));
    assert.equal(landed.length, 250);
    await q.queue.changeChannel("default", { maxDepth: null });
    const whole = await q.queue.submitAll(doubles(501), key);
    assert.equal(whole.replayed, false);
    assert.deepEqual(whole.tasks.slice(0, 250).map(({ id }) => id), landed);
    const again = await q.queue.submitAll(doubles(501), key);
    assert.deepEqual([again.replayed, again.tasks], [true, whole.tasks]);
    assert.equal((await rowsOf(q.store, "task")).length, 501);
    // With their tasks, the keys of all commits go away.
    await q.queue.start();
    await q.clock.skip(3 * 86_400_000);
    assert.deepEqual(await rowsOf(q.store, "idem"), []);
  },
);

onBothStores("an empty batch stores nothing", async (open) => {
  await using q = await open({ definitions: [double] });
  assert.deepEqual(await q.queue.submitAll([]), { tasks: [], replayed: false });
  assert.deepEqual(await stored(q.store), {});
});
