/** Three ways to learn of work, and each of them may be missing (invariant 8). */
import assert from "node:assert/strict";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import type { Doorbell, Store } from "../../../queue/store/port.ts";
import { openStore } from "../../../queue/store/open.ts";
import { heldTask } from "../../support/held_task.ts";
import { folder } from "../store/folder.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { finishInTurn, openQueue } from "../../support/open_queue.ts";
import { LOST_AFTER } from "../../support/processes.ts";
import { assertRunsByHints } from "../../support/hints.ts";

/** One who submits and one who executes, over one store, each with a clock. */
async function two(store: Store) {
  const held = heldTask("held");
  const submitter = await openQueue({ store, definitions: [held.definition], channels: {} });
  const worker = await openQueue({ store, definitions: [held.definition] });
  await worker.clock.settle();
  const submit = () => submitter.queue.submitAll([{ name: "held", args: [] }]);
  const close = async () => {
    for (const run of held.runs) run.finish();
    await worker.clock.settle();
    await submitter.close();
    await worker.close();
  };
  return { held, submit, submitter, worker, [Symbol.asyncDispose]: close };
}

Deno.test("polling alone: no signal and no doorbell, and the task runs within a poll interval", async () => {
  await using pair = await two(memoryStore());
  await pair.submit();
  await pair.worker.clock.settle();
  assert.equal(pair.held.runs.length, 0);
  await pair.worker.clock.advance(2000);
  assert.equal(pair.held.runs.length, 1);
});

Deno.test("doorbell alone: another process's clock stands still, and the task runs", async () => {
  await using pair = await two(memoryStore({ doorbell: true }));
  await pair.submit();
  await pair.worker.clock.settle();
  assert.equal(pair.held.runs.length, 1);
});

Deno.test("the signal alone: no doorbell, a clock that never moves, and the task runs", async () => {
  const held = heldTask("held");
  for (const store of ["shared", "own"] as const) {
    await using q = await openQueue({ store, definitions: [held.definition], channels: { default: 2 } });
    for (let n = 0; n < 4; n++) await q.queue.submitAll([{ name: "held", args: [] }]);
    await q.clock.settle();
    assert.equal(held.runs.length, 2);
    await finishInTurn(held, q, 0, 4);
    assert.equal((await q.queue.list({ state: "SUCCESS" })).tasks.length, 4);
    held.runs.length = 0;
  }
});

const silent: Doorbell = { ring: () => Promise.resolve(), listen: () => {} };
const failing: Doorbell = { ring: () => Promise.reject(new Error("no queue")), listen: () => {} };
for (const [what, doorbell] of Object.entries({ "loses every hint": silent, "fails": failing })) {
  Deno.test(`a doorbell that ${what} costs a poll interval, not a task`, async () => {
    await using pair = await two({ ...memoryStore(), doorbell });
    for (let n = 0; n < 3; n++) {
      await pair.submit();
      await pair.worker.clock.advance(2000);
      assert.equal(pair.held.runs.length, n + 1);
    }
  });
}

Deno.test("a doorbell that rings without work, or for channels of no process, does no harm", async () => {
  const store = memoryStore({ doorbell: true });
  await using pair = await two(store);
  for (const channel of ["default", "nobody's", ""]) await store.doorbell!.ring(channel);
  await pair.submit();
  await pair.worker.clock.settle();
  assert.equal(pair.held.runs.length, 1);
});

Deno.test("a wait for a task that ends in another process is told by a poll", async () => {
  await using pair = await two(memoryStore());
  const { tasks: [submitted] } = await pair.submit();
  const waiting = pair.submitter.queue.wait(submitted!.id);
  await pair.worker.clock.advance(2000);
  pair.held.runs[0]!.finish("done");
  await pair.worker.clock.settle();
  await pair.submitter.clock.advance(1000);
  assert.equal((await waiting).result, "done");
});

Deno.test("a due task, an expiry and a rescue need no signal either", async () => {
  const store = memoryStore();
  await using pair = await two(store);
  await pair.submitter.queue.submitAll([{ name: "held", args: ["due"], delay: 10 }]);
  await pair.worker.clock.advance(12_000);
  assert.equal(pair.held.runs.length, 1);
  const third = await openQueue({ store, clock: new FakeClock(), channels: {}, faults: true });
  await third.clock.advance(LOST_AFTER);
  await pair.worker.clock.advance(5000);
  assert.equal(pair.held.runs.length, 2);
  await third.close();
});

Deno.test("over Deno KV's own queue: one queue submits, another executes, and neither polls", async () => {
  using files = folder();
  const store = await openStore(`${files.path}/a.kv`);
  await assertRunsByHints(store, store);
  store.close();
});
