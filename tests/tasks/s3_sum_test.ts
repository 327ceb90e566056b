import assert from "node:assert/strict";
import { systemClock } from "../../queue/mod.ts";
import { demoTasks } from "../../tasks/mod.ts";
import { openQueue } from "../support/open_queue.ts";

const NAME = "sum_to_n_job";

Deno.test("sum_to_n_job adds up in a thread, exactly above 2^53 too", async () => {
  const definitions = demoTasks({ timeScale: 0, random: () => 0.9 });
  await using q = await openQueue({ definitions, channels: { celery: 16 }, clock: systemClock, threads: 2 });
  const sums: [number, unknown][] = [
    [-5, 0],
    [0, 0],
    [1, 1],
    [2, 3],
    [50_000_000, 1_250_000_025_000_000],
    [2 ** 27 - 1, 9_007_199_187_632_128],
    // 2^53 + 67108864: a number could not hold the next one.
    [2 ** 27, "9007199321849856"],
  ];
  const { tasks } = await q.queue.submitAll(sums.map(([number]) => ({ name: NAME, args: [number] })));
  const ended = await Promise.all(tasks.map((task) => q.ended(task)));
  assert.deepEqual(ended.map(({ result }) => result), sums.map(([, sum]) => sum));
});
