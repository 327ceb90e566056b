import assert from "node:assert/strict";
import type { Json } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openRunning } from "../../support/open_queue.ts";
import { rowsOf } from "../../support/rows.ts";

onBothStores("a report makes the task PROGRESS, and readers see the latest", async (open) => {
  const { q, held, id } = await openRunning(open);
  await using _ = q;
  const { ctx, finish } = held.runs[0]!;
  assert.deepEqual([(await q.queue.get(id)).state, (await q.queue.get(id)).progress], ["STARTED", null]);
  ctx.progress({ done: 1, total: 3 });
  await q.clock.settle();
  const seen = await q.queue.get(id);
  assert.deepEqual([seen.state, seen.progress], ["PROGRESS", { done: 1, total: 3 }]);
  assert.equal((await q.queue.list({ state: "PROGRESS" })).tasks.length, 1);
  finish("done");
  const ended = await q.ended({ id });
  assert.deepEqual([ended.state, ended.progress], ["SUCCESS", null]);
});

onBothStores("at most four reports a second are stored, the latest last", async (open) => {
  const { q, held, id } = await openRunning(open);
  await using _ = q;
  const stamps = new Set<string>();
  const seen: Json[] = [];
  for (let ms = 0; ms < 1000; ms += 10) {
    held.runs[0]!.ctx.progress(ms);
    await q.clock.advance(10);
    const [row] = await rowsOf(q.store, "run");
    if (!stamps.has(row!.entry.versionstamp)) seen.push(row!.value.progress);
    stamps.add(row!.entry.versionstamp);
  }
  // One at once, then one each quarter of a second.
  assert.deepEqual(seen, [0, 240, 490, 740, 990]);
  await q.clock.advance(1000);
  assert.equal((await q.queue.get(id)).progress, 990);
  held.runs[0]!.finish();
});

onBothStores("a report is stored as it was when it was made", async (open) => {
  const { q, held, id } = await openRunning(open);
  await using _ = q;
  const { ctx, finish } = held.runs[0]!;
  const report: Record<string, unknown> = { done: 1 };
  ctx.progress(0);
  ctx.progress(report as Json);
  report["done"] = 2n;
  await q.clock.advance(250);
  assert.deepEqual((await q.queue.get(id)).progress, { done: 1 });
  finish();
});

onBothStores("a report that is not JSON, or too large, throws in the handler", async (open) => {
  const reports = task("reports", (ctx, kind) => {
    ctx.progress(kind === "bigint" ? 1n as unknown as Json : "x".repeat(20_000));
  });
  await using q = await open({ definitions: [reports] });
  assert.equal(
    (await q.ended(await q.queue.submit(reports, ["bigint"]))).error?.type,
    "ResultNotSerializable",
  );
  assert.equal((await q.ended(await q.queue.submit(reports, ["large"]))).error?.type, "RangeError");
});

onBothStores(
  "a report that is not JSON is named as the report; one without any text is null",
  async (open) => {
    const faults = task("faults", (ctx, kind) => {
      ctx.progress((kind === "nan" ? NaN : { rows: [{ at: 1n }] }) as Json);
    });
    const empty = heldTask("empty");
    await using q = await open({ definitions: [faults, empty.definition] });
    const message = async (kind: string) =>
      (await q.ended(await q.queue.submit(faults, [kind]))).error?.message;
    assert.equal(await message("nan"), "progress is NaN, which JSON cannot carry");
    assert.equal(await message("nested"), "progress.rows[0].at is a bigint, which JSON cannot carry");
    const { id } = await q.queue.submit(empty.definition, []);
    await q.clock.settle();
    empty.runs[0]!.ctx.progress({ toJSON: () => undefined } as unknown as Json);
    await q.clock.settle();
    assert.deepEqual([(await q.queue.get(id)).state, (await q.queue.get(id)).progress], ["PROGRESS", null]);
    empty.runs[0]!.finish();
  },
);

onBothStores("a report after the end is refused, also one that was waiting for its turn", async (open) => {
  const held = heldTask("held", { timeLimit: 1 });
  await using q = await open({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, []);
  await q.clock.advance(900);
  const { ctx, finish } = held.runs[0]!;
  ctx.progress("first");
  ctx.progress("waits its turn");
  await q.clock.advance(100);
  ctx.progress("too late");
  await q.clock.advance(2000);
  const ended = await q.queue.get(id);
  assert.deepEqual([ended.state, ended.progress], ["FAILURE", null]);
  assert.deepEqual(await rowsOf(q.store, "run"), []);
  finish();
});

onBothStores("the first report of a run that has ended is refused", async (open) => {
  const held = heldTask("held", { timeLimit: 1 });
  await using q = await open({ definitions: [held.definition] });
  await q.queue.submit(held.definition, []);
  await q.clock.advance(1000);
  held.runs[0]!.ctx.progress("too late");
  await q.clock.advance(1000);
  assert.deepEqual(await rowsOf(q.store, "run"), []);
  held.runs[0]!.finish();
});

onBothStores("the next run starts without the last one's report", async (open) => {
  const held = heldTask("held", { maxRetries: 1, retry: { delay: 1, factor: 1 } });
  await using q = await open({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, []);
  await q.clock.settle();
  held.runs[0]!.ctx.progress(50);
  held.runs[0]!.fail(new Error("again"));
  await q.clock.settle();
  const waiting = await q.queue.get(id);
  assert.deepEqual([waiting.state, waiting.progress], ["RETRY", null]);
  await q.clock.advance(1000);
  const again = await q.queue.get(id);
  assert.deepEqual([again.state, again.progress], ["STARTED", null]);
  held.runs[1]!.finish();
});
