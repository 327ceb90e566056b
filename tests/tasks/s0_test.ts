import assert from "node:assert/strict";
import { demoSchedules, demoTasks } from "../../tasks/mod.ts";
import { openQueue } from "../support/open_queue.ts";

/** Opens a queue with the demonstration tasks; `chances` decide about the failing task's runs. */
function openDemo(timeScale = 1, ...chances: number[]) {
  const definitions = demoTasks({ timeScale, random: () => chances.shift() ?? 0.9 });
  return openQueue({ definitions, schedules: demoSchedules(), channels: { celery: 16, high_priority: 4 } });
}

type Demo = Awaited<ReturnType<typeof openDemo>>;

async function submit(t: Demo, name: string, ...args: unknown[]) {
  const { tasks } = await t.queue.submitAll([{ name: `app.tasks.${name}`, args }]);
  await t.clock.settle();
  return tasks[0]!;
}

Deno.test("add takes 20 s and gives the sum", async () => {
  await using t = await openDemo();
  const { id, channel } = await submit(t, "add", 5, -10);
  assert.equal(channel, "celery");
  await t.clock.advance(19_900);
  assert.equal((await t.queue.get(id)).state, "STARTED");
  await t.clock.advance(100);
  assert.equal((await t.queue.get(id)).result, -5);
});

Deno.test("long_running_task takes 30 s", async () => {
  await using t = await openDemo();
  const { id } = await submit(t, "long_running_task");
  await t.clock.advance(29_900);
  assert.equal((await t.queue.get(id)).state, "STARTED");
  await t.clock.advance(100);
  assert.equal((await t.queue.get(id)).result, "Long-running task completed");
});

Deno.test("timeScale shortens the waits, 0 drops them", async () => {
  await using tenth = await openDemo(0.1);
  const { id } = await submit(tenth, "long_running_task");
  await tenth.clock.advance(3000);
  assert.equal((await tenth.queue.get(id)).state, "SUCCESS");

  await using none = await openDemo(0, 0.1, 0.1, 0.1, 0.1);
  const failing = await submit(none, "failing_task");
  assert.equal((await none.ended(failing, 1)).state, "FAILURE");
  // Not even for a turn of the loop: nobody moves the clock.
  const { id: sum } = await submit(none, "add", 1, 2);
  assert.equal((await none.queue.get(sum)).result, 3);
});

Deno.test("important_task runs in its own channel at once, and says so", async () => {
  await using t = await openDemo();
  const task = await submit(t, "important_task");
  assert.equal(task.channel, "high_priority");
  assert.equal((await t.queue.get(task.id)).result, "Important task executed");
  const log = t.events.all.find((event) => event.type === "log");
  assert.ok(log?.type === "log" && log.message === "This is an important task." && log.level === "info");
});

Deno.test("failing_task succeeds when chance has it", async () => {
  await using t = await openDemo(1, 0.5);
  const { id } = await submit(t, "failing_task");
  assert.equal((await t.queue.get(id)).result, "Succeeded");
});

Deno.test("failing_task is retried three times, 5 s apart, then fails", async () => {
  await using t = await openDemo(1, 0.49, 0, 0.2, 0.3);
  const { id } = await submit(t, "failing_task");
  for (const retries of [1, 2, 3]) {
    const task = await t.queue.get(id);
    assert.deepEqual([task.state, task.retries, task.error?.message], ["RETRY", retries, "Random failure"]);
    assert.equal(task.runAt, t.clock.now() + 5000);
    await t.clock.advance(5000);
  }
  const task = await t.ended({ id });
  assert.deepEqual([task.state, task.retries, task.error?.type], ["FAILURE", 3, "Error"]);
});

Deno.test("scheduled_task runs each full minute", async () => {
  await using t = await openDemo();
  await t.clock.advance(180_000);
  const { tasks } = await t.queue.list({ name: "app.tasks.scheduled_task" });
  assert.equal(tasks.length, 3);
  for (const task of tasks) {
    assert.equal(task.result, "Scheduled task executed by Deno.cron");
    assert.equal(task.runAt % 60_000, 0);
  }
  assert.ok(
    t.events.all.some((event) => event.type === "log" && event.message === "This task runs on a schedule."),
  );
});
