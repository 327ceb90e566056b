/** Many submissions with one key at one moment are one task (invariant 6). */
import assert from "node:assert/strict";
import { IdempotencyConflictError } from "../../../queue/mod.ts";
import { faultyStore, sets } from "../../support/faulty_store.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import { heldTask } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";
import { LOST_AFTER, Processes } from "../../support/processes.ts";
import { rowsOf } from "../../support/rows.ts";

const keyed = (fingerprint = "f") => ({ scope: "s", key: "k", fingerprint });
const request = [{ name: "held", args: [1] }];

for (const store of ["shared", "own"] as const) {
  Deno.test(`50 submissions with one key, a ${store} store: one task, 49 replays, one run`, async () => {
    const held = heldTask("held");
    await using q = await openQueue({ store, definitions: [held.definition], channels: { default: 4 } });
    await q.clock.advance(100);
    const answers = Promise.all(Array.from({ length: 50 }, () => q.queue.submitAll(request, keyed())));
    await q.clock.settle();
    const all = await answers;
    assert.equal(new Set(all.map(({ tasks: [task] }) => task!.id)).size, 1);
    assert.equal(all.filter(({ replayed }) => !replayed).length, 1);
    assert.equal((await rowsOf(q.store, "task")).length, 1);
    assert.equal(held.runs.length, 1);
    // No reservation of the 49 has kept its slot.
    await q.queue.submitAll([2, 3, 4].map((n) => ({ name: "held", args: [n] })));
    await q.clock.advance(2000);
    assert.equal(held.runs.length, 4);
  });
}

Deno.test("five processes race with one key: one task", async () => {
  await using processes = new Processes();
  const held = heldTask("held");
  const all = await Promise.all(
    Array.from({ length: 5 }, () => processes.start({ definitions: [held.definition], channels: {} })),
  );
  const answers = await Promise.all(
    all.flatMap(({ queue }) => Array.from({ length: 5 }, () => queue.submitAll(request, keyed()))),
  );
  assert.equal(new Set(answers.map(({ tasks: [task] }) => task!.id)).size, 1);
  assert.equal((await rowsOf(processes.store, "task")).length, 1);
});

Deno.test("two bodies race with one key: one is stored, those of the other are told", async () => {
  await using q = await openQueue({ definitions: [heldTask("held").definition], channels: {} });
  const racing = Promise.allSettled(
    Array.from({ length: 20 }, (_, n) => q.queue.submitAll(request, keyed(n % 2 ? "f" : "g"))),
  );
  const answers = await racing;
  const refused = answers.filter((answer) => answer.status === "rejected");
  assert.equal(refused.length, 10);
  assert(refused.every(({ reason }) => reason instanceof IdempotencyConflictError));
  assert.equal((await rowsOf(q.store, "task")).length, 1);
});

Deno.test("a batch under one key is stored once, all of it", async () => {
  await using q = await openQueue({ definitions: [heldTask("held").definition], channels: {} });
  const batch = [1, 2, 3].map((n) => ({ name: "held", args: [n] }));
  const answers = await Promise.all(Array.from({ length: 10 }, () => q.queue.submitAll(batch, keyed())));
  const ids = new Set(answers.map(({ tasks }) => tasks.map(({ id }) => id).join()));
  assert.equal(ids.size, 1);
  assert.equal((await rowsOf(q.store, "task")).length, 3);
});

for (const fault of ["lost", "failed", "nothing", "repeated", "held"] as const) {
  Deno.test(`a keyed submit whose commit is ${fault} is one task, also when the client asks again`, async () => {
    const store = faultyStore(memoryStore());
    const held = heldTask("held");
    await using q = await openQueue({ store, definitions: [held.definition], channels: {} });
    const trap = store.onCommit(fault, sets("idem"));
    const first = q.queue.submitAll(request, keyed());
    await trap.hit;
    const again = q.queue.submitAll(request, keyed());
    await q.clock.advance(20_000);
    const ids = (await Promise.all([first, again])).map(({ tasks: [task] }) => task!.id);
    assert.equal(ids[0], ids[1]);
    if (fault !== "failed") assert.equal(await trap.land(), null);
    assert.equal((await rowsOf(store, "task")).length, 1);
  });
}

Deno.test("a keyed submit that was fenced while another process took its key returns that task", async () => {
  await using processes = new Processes();
  const held = heldTask("held");
  const fenced = await processes.start({ definitions: [held.definition], channels: {} });
  const other = await processes.start({ definitions: [held.definition], channels: {} });
  const trap = fenced.faulty.onCommit("held", sets("idem"));
  const first = fenced.queue.submitAll(request, keyed());
  await trap.hit;
  await other.clock.advance(LOST_AFTER);
  const second = await other.queue.submitAll(request, keyed());
  assert.equal(await trap.land(), null);
  assert.equal((await first).tasks[0]!.id, second.tasks[0]!.id);
  assert.equal((await first).replayed, true);
  assert.equal((await rowsOf(processes.store, "task")).length, 1);
});
