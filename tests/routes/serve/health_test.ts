import assert from "node:assert/strict";
import type { Queue } from "../../../queue/mod.ts";
import { createApp } from "../../../routes/mod.ts";
import { openApp, problem } from "../../support/open_app.ts";

Deno.test("a queue that works is alive and ready", async () => {
  await using t = await openApp();
  for (
    const [path, status] of [["/health", "ready"], ["/health/ready", "ready"], ["/health/live", "alive"]]
  ) {
    const response = await t.get(path!);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.deepEqual(await response.json(), { status });
  }
});

Deno.test("a queue that cannot work is alive, not ready, and says why", async () => {
  const problems = ["The store does not answer", "All slots of 'celery' hang"];
  const queue = { health: () => Promise.resolve({ ready: false, problems }), definitions: () => [] };
  const app = createApp({ queue: queue as unknown as Queue });
  for (const path of ["/health", "/health/ready"]) {
    const response = await app.request(path);
    assert.equal(response.headers.get("cache-control"), "no-store");
    const body = await problem(response, 503, "not-ready");
    assert.deepEqual(body.problems, problems);
  }
  assert.equal((await app.request("/health/live")).status, 200);
});
