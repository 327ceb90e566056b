import assert from "node:assert/strict";
import { TaskRevokedError } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openRunning } from "../../support/open_queue.ts";

onBothStores("the context says which task runs, and which run it is", async (open) => {
  const held = heldTask("app.held", { maxRetries: 2, retry: { delay: 0, factor: 1 } });
  await using q = await open({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, [1, "two"]);
  await q.clock.settle();
  const { ctx, args } = held.runs[0]!;
  assert.deepEqual([ctx.id, ctx.name, ctx.retries, ctx.maxRetries], [id, "app.held", 0, 2]);
  assert.deepEqual(args, [1, "two"]);
  held.runs[0]!.fail(new Error("again"));
  await q.clock.settle();
  assert.deepEqual([held.runs[1]!.ctx.id, held.runs[1]!.ctx.retries], [id, 1]);
  held.runs[1]!.finish();
});

onBothStores(
  "the idempotency key is the same in every run of a task, and another in every task",
  async (open) => {
    const keys = new Map<string, Set<string>>();
    const notes = task("notes", (ctx) => {
      keys.set(ctx.id, (keys.get(ctx.id) ?? new Set()).add(ctx.idempotencyKey));
      if (ctx.retries < 3) throw new Error("again");
    }, { maxRetries: 3, retry: { delay: 1 } });
    await using q = await open({ definitions: [notes] });
    await q.ended(await q.queue.submit(notes, []));
    await q.ended(await q.queue.submit(notes, []));
    assert.deepEqual([...keys.values()].map(({ size }) => size), [1, 1]);
    assert.equal(new Set([...keys.values()].flatMap((set) => [...set])).size, 2);
  },
);

onBothStores("log lines carry their task and level", async (open) => {
  const logs = task("logs", ({ log }) => {
    log.debug("d");
    log.info("i");
    log.warn("w");
    log.error("e");
  });
  await using q = await open({ definitions: [logs] });
  const { id } = await q.ended(await q.queue.submit(logs, []));
  const lines = q.events.of("log");
  assert.deepEqual(lines.map(({ level, message }) => [level, message]), [
    ["debug", "d"],
    ["info", "i"],
    ["warn", "w"],
    ["error", "e"],
  ]);
  assert(lines.every(({ task }) => task.id === id && task.name === "logs" && task.channel === "default"));
});

onBothStores("sleep ends at its time, or with the signal's reason when the run is aborted", async (open) => {
  const reasons: unknown[] = [];
  const sleeps = task("sleeps", async (ctx, seconds) => {
    try {
      await ctx.sleep(Number(seconds));
      return "slept";
    } catch (reason) {
      reasons.push(reason);
      throw reason;
    }
  });
  await using q = await open({ definitions: [sleeps] });
  const first = await q.queue.submit(sleeps, [1.5]);
  await q.clock.advance(1499);
  assert.equal((await q.queue.get(first.id)).state, "STARTED");
  await q.clock.advance(1);
  assert.equal((await q.queue.get(first.id)).result, "slept");

  const second = await q.queue.submit(sleeps, [100]);
  await q.clock.advance(10);
  await q.queue.revoke(second.id);
  await q.clock.settle();
  assert(reasons[0] instanceof TaskRevokedError);
  assert.equal(reasons.length, 1);
});

onBothStores("a signal first looked at after the abort is aborted", async (open) => {
  const { q, held, id } = await openRunning(open);
  await using _ = q;
  await q.queue.revoke(id);
  const { ctx } = held.runs[0]!;
  assert(ctx.signal.reason instanceof TaskRevokedError);
  await assert.rejects(ctx.sleep(1), TaskRevokedError);
  held.runs[0]!.finish();
  await q.clock.settle();
});

onBothStores("a handler may submit tasks and wait for them", async (open) => {
  const child = task("child", (_ctx, n) => Number(n) * 2, { channel: "children" });
  const parent = task("parent", async (_ctx, n) => {
    const submitted = await q.queue.submit(child, [n]);
    return await q.queue.result(submitted);
  });
  await using q = await open({ definitions: [parent, child] });
  assert.equal((await q.ended(await q.queue.submit(parent, [21]))).result, 42);
});
