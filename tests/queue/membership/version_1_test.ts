/** A file that was written when the stored data had version 1 opens, and every unfinished task in it ends. */
import assert from "node:assert/strict";
import { isFinal } from "../../../queue/mod.ts";
import { dataVersion } from "../../../queue/membership/upgrades.ts";
import { START } from "../../../queue/testing/fake_clock.ts";
import { openQueue } from "../../support/open_queue.ts";
import { rowsOf } from "../../support/rows.ts";
import { folder } from "../store/folder.ts";
import { definitions } from "../../support/fill.ts";

Deno.test("a file of version 1 opens: ended tasks are kept, and all others end", async () => {
  using files = folder();
  const path = `${files.path}/a.kv`;
  Deno.copyFileSync(new URL("version_1.kv", import.meta.url), path);
  await using q = await openQueue({ store: { path }, definitions: definitions(false), start: false });
  assert(q.clock.now() === START, "the file's tasks were submitted then");
  const before = await rowsOf(q.store, "task");
  await q.clock.settle();
  const started = q.queue.start();
  await q.clock.settle();
  await started;
  const ends: Record<string, number> = {};
  for (const { key, value } of before) {
    const { name, state, doneAt } = await q.ended({ id: String(key[2]) }, 60);
    ends[`${name} ${state}`] = (ends[`${name} ${state}`] ?? 0) + 1;
    if (isFinal(value.state)) assert.deepEqual([state, doneAt], [value.state, value.doneAt]);
  }
  assert.deepEqual(ends, {
    "add SUCCESS": 7,
    "fail FAILURE": 2,
    "order SUCCESS": 2,
    "hang SUCCESS": 3,
    "exclusive SUCCESS": 3,
    "elsewhere SUCCESS": 1,
  });
  const { tasks: [order] } = await q.queue.submitAll([{ name: "order", args: [7] }]);
  assert(before.some(({ key }) => key[2] === order!.id), "its idempotency key is known");
  assert.deepEqual((await rowsOf(q.store, "meta"))[0]!.value, { version: dataVersion() });
});
