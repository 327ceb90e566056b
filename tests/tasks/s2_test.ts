import assert from "node:assert/strict";
import type { Json, TaskContext } from "../../queue/mod.ts";
import { s2Tasks } from "../../tasks/s2.ts";
import { openDemo } from "../support/open_demo.ts";

for (const name of ["test_celery", "app.worker.celery_worker.test_celery"]) {
  Deno.test(`${name} takes ten steps of a second, and returns the word`, async () => {
    await using t = await openDemo();
    const { id, channel } = await t.submit(name, "word");
    assert.equal(channel, "test-queue");
    for (let percent = 10; percent <= 90; percent += 10) {
      await t.clock.advance(1000);
      const { state, progress } = await t.get(id);
      assert.deepEqual([state, progress], ["PROGRESS", { process_percent: percent }]);
    }
    await t.clock.advance(1000);
    const { state, result } = await t.get(id);
    assert.deepEqual([state, result], ["SUCCESS", "test task return word"]);
  });
}

Deno.test("test_celery's reports go from 10 to 100 percent", async () => {
  const reports: Json[] = [];
  const context = { sleep: () => Promise.resolve(), progress: (report: Json) => void reports.push(report) };
  const [testCelery] = s2Tasks({ timeScale: 0, random: Math.random });
  await testCelery!.handler(context as unknown as TaskContext, "word");
  assert.deepEqual(reports, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100].map((n) => ({ process_percent: n })));
});
