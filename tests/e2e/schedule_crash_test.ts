/** Schedules in a real process over a real file, killed with SIGKILL in mid-tick. */
import assert from "node:assert/strict";
import { openStore } from "../../queue/mod.ts";
import { folder } from "../queue/store/folder.ts";
import { brokenLaws } from "../support/invariants.ts";
import { rowsOf } from "../support/rows.ts";
import { Child } from "./child.ts";

const SCHEDULES = 40;
const STEP = 50;

Deno.test("a schedule has one task for every occurrence, with none left out, whenever its process is killed", async () => {
  using files = folder();
  const path = `${files.path}/a.kv`;
  for (const life of [30, 200, 90, 350]) {
    await using child = new Child("schedule_child.ts", [path, String(SCHEDULES)]);
    await child.until((lines) => lines.length >= life);
    await child.kill();
  }
  await using last = new Child("schedule_child.ts", [path, String(SCHEDULES)]);
  await last.until((lines) => lines.length >= 300);
  assert((await last.ended()).success);

  const store = await openStore(path);
  try {
    assert.deepEqual(await brokenLaws(store), []);
    const tasks = new Set((await rowsOf(store, "task")).map(({ key }) => key[2]));
    const history = await rowsOf(store, "occurrence");
    const schedules = await rowsOf(store, "schedule");
    assert.equal(schedules.length, SCHEDULES);
    for (const { key, value: { createdAt, nextRunAt } } of schedules) {
      const own = history.filter((row) => row.key[2] === key[2]).map(({ value }) => value);
      assert(own.every(({ outcome, taskId }) => outcome === "submitted" && tasks.delete(taskId)));
      const planned = own.map(({ plannedAt }) => (plannedAt - createdAt) / STEP);
      assert.deepEqual(planned, Array.from({ length: (nextRunAt - createdAt) / STEP - 1 }, (_, n) => n + 1));
    }
    assert.equal(tasks.size, 0, "a task belongs to no occurrence");
  } finally {
    store.close();
  }
});
