/** The clock of the real program. */
import assert from "node:assert/strict";
import { createQueue, openStore, systemClock } from "../../queue/mod.ts";
import { demoSchedules, demoTasks } from "../../tasks/mod.ts";
import { folder } from "../queue/store/folder.ts";
import { Child } from "./child.ts";

/** Deno's own switch for tests: every cron is due after so many milliseconds. */
const OFFSET = { DENO_CRON_TEST_SCHEDULE_OFFSET: "50" };

Deno.test("Deno.cron ticks, again after a tick that failed", async () => {
  await using child = new Child("cron_child.ts", [], OFFSET);
  await child.until((lines) => lines.filter((line) => line === "tick").length >= 3);
  assert.deepEqual(child.lines.slice(0, 4), ["tick", "tick", "failed", "tick"]);
});

Deno.test("an hour after its last occurrence the program runs the scheduled task once", async () => {
  using files = folder();
  const path = `${files.path}/a.kv`;
  await lastRun(path, 3_600_000);
  await using child = new Child("../../main.ts", [], {
    ...OFFSET,
    KV_PATH: path,
    PORT: "0",
    LOG_FORMAT: "json",
    API_TOKEN: "",
  });
  const finished = () =>
    child.said.filter(({ message, name }) => message === "finished" && name === "app.tasks.scheduled_task");
  await child.until(() => finished().length > 0);
  const base = await child.listening();
  const answer = await fetch(`${base}/v1/tasks?name=app.tasks.scheduled_task`);
  const { tasks } = await answer.json();
  assert.equal(tasks[0].schedule_id, "app.tasks.scheduled_task");
  assert.equal(tasks[0].result, "Scheduled task executed by Deno.cron");
  const history = await fetch(`${base}/v1/schedules/app.tasks.scheduled_task/occurrences`);
  const { occurrences } = await history.json();
  const submitted = occurrences.filter(({ outcome }: { outcome: string }) => outcome === "submitted");
  // However often it ticks: what was missed is noted as one, and each minute since then has run once.
  assert.equal(occurrences.at(-1).outcome, "missed");
  assert.equal(new Set(submitted.map((o: { planned_at: string }) => o.planned_at)).size, submitted.length);
  assert.equal(tasks.length, submitted.length);
  child.terminate();
  assert.equal((await child.ended()).code, 0);
});

/** Starts and stops the queue as a program did some time ago. */
async function lastRun(path: string, ago: number): Promise<void> {
  const store = await openStore(path);
  const queue = createQueue({
    store,
    definitions: demoTasks({ timeScale: 0, random: Math.random }),
    schedules: demoSchedules(),
    clock: { ...systemClock, now: () => Date.now() - ago },
  });
  await queue.start();
  await queue.stop();
  store.close();
}
