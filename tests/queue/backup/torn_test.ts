/** A copy whose pages are of different moments, put right: all that was accepted before it began is in it and ends. */
import assert from "node:assert/strict";
import { copyRows } from "../../../queue/backup/backup.ts";
import { restore } from "../../../queue/backup/restore.ts";
import { BackupError } from "../../../queue/ground/errors.ts";
import { type AnyTaskDefinition, isFinal, type WorkflowNode } from "../../../queue/mod.ts";
import { idOf, keysOf } from "../../../queue/rows/keys.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import type { Store } from "../../../queue/store/port.ts";
import { put } from "../../../queue/rows/unit.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { Dice } from "../../support/dice.ts";
import { task } from "../../support/held_task.ts";
import { brokenLaws } from "../../support/invariants.ts";
import { type OpenQueue, openQueue } from "../../support/open_queue.ts";
import { rowsOf } from "../../support/rows.ts";

const SEEDS = Number(Deno.env.get("SLUICE_MIX") ?? 10);

function definitions(dice: Dice): AnyTaskDefinition[] {
  return [
    task("work", async (ctx) => {
      await ctx.sleep(dice.between(0, 6) / 10);
      return "done";
    }),
    task("flaky", (ctx) => {
      if (ctx.retries === 0) throw new Error("once");
      return "done";
    }, { maxRetries: 1, retry: { delay: 0.3, factor: 1 } }),
    task("alone", async (ctx) => {
      await ctx.sleep(0.1);
      return "done";
    }, { concurrencyKey: () => "one" }),
    task("fail", () => {
      throw new Error("as it was told");
    }, { maxRetries: 0 }),
    task("count", (_ctx, list) => (list as unknown[]).length),
  ];
}

/** Submits something. */
async function submit({ queue }: OpenQueue, dice: Dice): Promise<void> {
  const work = { name: "work", args: [] };
  const count: WorkflowNode = { name: "count", args: [] };
  const kinds: (() => Promise<unknown>)[] = [
    () => queue.submitAll([{ name: "work", args: ["x".repeat(dice.chance(0.2) ? 20_000 : 1)] }]),
    () => queue.submitAll([{ name: "work", args: [], delay: 0.4 }, { name: "flaky", args: [] }]),
    () => queue.submitAll([{ name: "alone", args: [] }, { name: "fail", args: [] }]),
    () => queue.submitWorkflow({ chain: [work, { group: [work, work] }, count] }),
    () => queue.submitWorkflow({ chord: { header: [work, { chain: [work, work] }, work], body: count } }),
  ];
  await kinds[dice.between(0, kinds.length - 1)]!();
}

Deno.test("copies of a store at work, page by page, hold all that was accepted before them, and it ends", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) await copyAtWork(seed);
});

async function copyAtWork(seed: number): Promise<void> {
  const dice = new Dice(seed);
  const store = memoryStore({ limits: { checks: 10 } });
  await using q = await openQueue({ store, definitions: definitions(dice), channels: { default: 6 } });
  for (let n = 0; n < 12; n++) {
    await submit(q, dice);
    await q.clock.advance(dice.between(0, 100));
  }
  const before = (await rowsOf(store, "task")).map(({ key, value }) => ({ ...value, id: idOf(key) }));
  const torn: Store = {
    ...store,
    limits: { ...store.limits, listBatch: 3 },
    async list(range, options) {
      await q.clock.advance(dice.between(0, 60));
      if (dice.chance(0.2)) await submit(q, dice);
      return await store.list(range, options);
    },
  };
  const copy = memoryStore();
  await copyRows(torn, copy, "sluice");
  const note = `seed ${seed}`;
  assert.deepEqual(await brokenLaws(copy), [], note);

  const fresh = memoryStore({ limits: { checks: 10 } });
  await restore(copy, fresh);
  const clock = new FakeClock(q.clock.now());
  await using restored = await openQueue({ store: fresh, definitions: definitions(dice), clock });
  for (const { id, name, state, doneAt } of before) {
    const end = await restored.ended({ id });
    if (isFinal(state)) assert.deepEqual([end.state, end.doneAt], [state, doneAt], note);
    else {assert.equal(
        end.state,
        name === "fail" ? "FAILURE" : "SUCCESS",
        `${note}: ${name} ${end.error?.message}`,
      );}
    if (name === "count") assert([2, 3].includes(end.result as number), `${note}: ${end.result}`);
  }
  // What was accepted while the copy was made may be in it; then it ends, too.
  for (const { key } of await rowsOf(fresh, "task")) await restored.ended({ id: idOf(key) });
}

Deno.test("a backup refuses a store that is being upgraded or restored, and an empty one", async () => {
  const keys = keysOf("sluice");
  const cases = [null, { version: 1, restoring: true }, {
    version: 2,
    upgrade: { fenced: true, cursor: null },
  }];
  for (const meta of cases) {
    const store = memoryStore();
    if (meta) await store.commit([], [put(keys.meta(), meta)]);
    await assert.rejects(copyRows(store, memoryStore(), "sluice"), BackupError);
  }
  const store = memoryStore();
  await store.commit([], [put(keys.meta(), { version: 1 })]);
  const changing: Store = {
    ...store,
    async list(range, options) {
      await store.commit([], [put(keys.meta(), { version: 1 })]);
      return await store.list(range, options);
    },
  };
  await assert.rejects(copyRows(changing, memoryStore(), "sluice"), /restored or upgraded/);
});
