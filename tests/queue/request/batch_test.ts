import assert from "node:assert/strict";
import { InvalidTaskError, TooLargeError, UnknownTaskError } from "../../../queue/mod.ts";
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

onBothStores("more than 250 tasks are refused", async (open) => {
  await using q = await open({ definitions: [double] });
  await assert.rejects(q.queue.submitAll(doubles(251)), TooLargeError);
  assert.deepEqual(await stored(q.store), {});
});

onBothStores("an empty batch stores nothing", async (open) => {
  await using q = await open({ definitions: [double] });
  assert.deepEqual(await q.queue.submitAll([]), { tasks: [], replayed: false });
  assert.deepEqual(await stored(q.store), {});
});
