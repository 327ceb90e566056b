/** The clock of the real program. */
import assert from "node:assert/strict";
import { folder } from "../queue/store/folder.ts";
import { Child } from "./child.ts";

Deno.test("Deno.cron has the scheduled task run, once for the minute although it ticks all the time", async () => {
  using files = folder();
  await using child = new Child("../../main.ts", [], {
    KV_PATH: `${files.path}/a.kv`,
    PORT: "0",
    LOG_FORMAT: "json",
    API_TOKEN: "",
    // Deno's own switch for tests: every cron is due after so many milliseconds.
    DENO_CRON_TEST_SCHEDULE_OFFSET: "50",
  });
  const finished = () =>
    child.said.filter(({ message, name }) => message === "finished" && name === "app.tasks.scheduled_task");
  await child.until(() => finished().length > 0);
  const base = /http:\/\/[\w.:]+/.exec(child.lines.find((line) => line.includes("listens on"))!)![0];
  const answer = await fetch(`${base}/v1/tasks?name=app.tasks.scheduled_task`);
  const { tasks } = await answer.json();
  assert.equal(tasks[0].schedule_id, "app.tasks.scheduled_task");
  assert.equal(tasks[0].result, "Scheduled task executed by Deno.cron");
  const minutes = new Set(tasks.map((task: { created_at: string }) => task.created_at.slice(0, 16)));
  assert.equal(minutes.size, tasks.length);
  child.terminate();
  assert.equal((await child.ended()).code, 0);
});
