import assert from "node:assert/strict";
import { memoryStore, type Store } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";

const READY = { ready: true, problems: [] };
const quick = task("quick", () => 1);

/** A store that keeps some of its answers back while the test says so. */
function holding(): {
  store: Store;
  hold: (matches: (kind: string) => boolean) => void;
  release: () => void;
} {
  const inner = memoryStore();
  let held: (kind: string) => boolean = () => false;
  let gate = Promise.withResolvers<void>();
  const pass = async <T>(kind: string, ask: () => Promise<T>): Promise<T> => {
    if (held(kind)) await gate.promise;
    return await ask();
  };
  return {
    store: {
      ...inner,
      list: (range, options) => pass(`list ${String(range.prefix[1])}`, () => inner.list(range, options)),
      commit: (checks, mutations) => pass("commit", () => inner.commit(checks, mutations)),
    },
    hold(matches) {
      held = matches;
      gate = Promise.withResolvers();
    },
    release() {
      held = () => false;
      gate.resolve();
    },
  };
}

onBothStores("a queue that idles or works is ready", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition, quick], channels: { default: 1 } });
  assert.deepEqual(await q.queue.health(), READY);
  await q.clock.advance(600_000);
  assert.deepEqual(await q.queue.health(), READY);
  await q.queue.submit(held.definition, []);
  await q.queue.submit(quick, []);
  await q.clock.advance(600_000);
  assert.deepEqual(await q.queue.health(), READY);
  // Right after a long run has ended, before anything was claimed for its slot.
  held.runs[0]!.finish();
  for (let turn = 0; turn < 30; turn++) assert.deepEqual(await q.queue.health(), READY);
  await q.clock.settle();
});

onBothStores("a slot that a long run leaves, with nothing else to do, is no stall", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition], channels: { default: 2 } });
  for (let i = 0; i < 2; i++) await q.queue.submit(held.definition, []);
  await q.clock.advance(600_000);
  held.runs[0]!.finish();
  await q.events.next("finished");
  assert.deepEqual(await q.queue.health(), READY);
  held.runs[1]!.finish();
  await q.clock.settle();
});

Deno.test("health() reports a store that does not answer within two seconds", async () => {
  const { store, hold, release } = holding();
  await using q = await openQueue({ definitions: [quick], store });
  hold((kind) => kind.startsWith("list"));
  const health = q.queue.health();
  await q.clock.advance(2000);
  assert.deepEqual(await health, { ready: false, problems: ["The store does not answer."] });
  release();
  await q.clock.settle();
  assert.deepEqual(await q.queue.health(), READY);
});

Deno.test("health() reports a channel that has free slots and claims nothing", async () => {
  const { store, hold, release } = holding();
  await using q = await openQueue({ definitions: [quick], channels: { default: 1, other: 1 }, store });
  await q.queue.submit(quick, []);
  hold((kind) => kind === "list ready");
  await q.clock.advance(8000);
  assert.deepEqual(await q.queue.health(), READY);
  await q.clock.advance(8000);
  assert.deepEqual(await q.queue.health(), {
    ready: false,
    problems: ["default", "other"].map((channel) =>
      `Channel ${channel}: tasks are due and slots are free, but nothing has been claimed.`
    ),
  });
  release();
  await q.clock.settle();
  assert.deepEqual(await q.queue.health(), READY);
});

Deno.test("solo: a channel that waited for the one slot of all has claimed nothing for a reason", async () => {
  const { store, hold, release } = holding();
  const held = heldTask("held", { channel: "other" });
  await using q = await openQueue({ definitions: [quick, held.definition], store, solo: true });
  await q.queue.submit(held.definition, []);
  await q.clock.settle();
  await q.queue.submit(quick, []);
  await q.clock.advance(60_000);
  assert.deepEqual(await q.queue.health(), READY);
  hold((kind) => kind === "list ready");
  held.runs[0]!.finish();
  await q.events.next("finished");
  assert.deepEqual(await q.queue.health(), READY);
  release();
  await q.clock.settle();
});

Deno.test("health() reports a heartbeat that is not stored in time", async () => {
  const { store, hold, release } = holding();
  await using q = await openQueue({ definitions: [quick], channels: {}, store });
  await q.clock.advance(5000);
  hold((kind) => kind === "commit");
  await q.clock.advance(20_000);
  assert.deepEqual((await q.queue.health()).problems, [
    "No heartbeat of this process has been stored in time.",
  ]);
  release();
  await q.clock.advance(30_000);
  assert.deepEqual(await q.queue.health(), READY);
});

Deno.test("health() reports a delayed task that is not promoted", async () => {
  const { store, hold, release } = holding();
  await using q = await openQueue({ definitions: [quick], store });
  hold((kind) => kind === "list later");
  await q.queue.submit(quick, [], { delay: 10 });
  await q.clock.advance(20_000);
  assert.deepEqual(await q.queue.health(), READY);
  await q.clock.advance(5000);
  assert.deepEqual((await q.queue.health()).problems, ["A delayed task has been due for 15 s."]);
  release();
  await q.clock.advance(1);
  assert.deepEqual(await q.queue.health(), READY);
});

Deno.test("a process that executes nothing does not answer for tasks that wait", async () => {
  await using q = await openQueue({ definitions: [quick], channels: {}, start: false });
  await q.queue.submit(quick, [], { delay: 10 });
  await q.clock.advance(60_000);
  assert.deepEqual(await q.queue.health(), READY);
});
