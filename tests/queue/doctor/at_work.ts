/**
 * Examines a store while a queue works on it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { chain, chord, type Store, systemClock, type WorkflowNode } from "../../../queue/mod.ts";
import { examine } from "../../../queue/doctor/examine.ts";
import { repair } from "../../../queue/doctor/repair.ts";
import { task } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";

const definitions = [
  task("ok", () => setImmediate()),
  task("flaky", (ctx) => {
    if (ctx.retries === 0) throw new Error("once");
  }, { maxRetries: 1, retry: { delay: 0.01, factor: 1 } }),
  task("bad", () => {
    throw new Error("boom");
  }),
  task("keyed", () => setImmediate(), { concurrencyKey: () => "tenant", concurrencyLimit: 3 }),
  task("large", () => "x".repeat(20_000)),
];
const names = definitions.map(({ name }) => name);
const call = (name: string): WorkflowNode => ({ name, args: [] });
const workflow = () => chain(chord([call("ok"), call("large"), call("flaky")], call("ok")), call("ok"));
const failing = () => chord([call("ok"), call("bad"), call("ok")], call("ok"));

/** A store that grows for as long as it is looked at would grow faster than a slow look reads: so it grows by reads. */
const READS_A_BATCH = 5;

/** Examines and repairs a store again and again while a queue on it is at work: nothing looks broken. */
export async function examineAtWork(store: Store, another: Store, looks: number): Promise<void> {
  const q = await openQueue({ store, definitions, channels: { default: 16 }, clock: systemClock });
  await q.queue.schedules.create({
    id: "often",
    task: { name: "ok", args: [] },
    trigger: { interval: 0.02 },
  });
  const submit = async () => {
    const batch = Array.from({ length: 50 }, (_, i) => ({ name: names[i % names.length]!, args: [] }));
    const [{ tasks }] = await Promise.all([
      q.queue.submitAll(batch),
      q.queue.submitWorkflow(workflow()),
      q.queue.submitWorkflow(failing()),
    ]);
    // So many wait at most.
    await q.queue.wait(tasks[0]!.id);
  };
  let reads = 0;
  let submitted: Promise<void> | null = null;
  const looked: Store = {
    ...another,
    list(range, options) {
      if (reads++ % READS_A_BATCH === 0) submitted ??= submit().finally(() => submitted = null);
      return another.list(range, options);
    },
  };
  const counts = new Map<string, number>();
  const unseen = () =>
    ["ready", "run", "delayed", "blocked", "waiting", "open", "due"].filter((f) => !counts.has(f));
  try {
    for (let look = 0; look < looks || unseen().length > 0; look++) {
      assert(look < 1000, `No row of ${unseen()} was seen`);
      assert.deepEqual(await Array.fromAsync(examine(looked, { definitions, counts })), []);
      const left = await repair(looked, { definitions }, ({ message }) => assert.fail(message));
      assert.deepEqual(left, []);
    }
  } finally {
    await submitted;
    await q.close();
  }
}
