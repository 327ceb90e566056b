import assert from "node:assert/strict";
import { type Body, openApp } from "../../support/open_app.ts";

Deno.test("GET /v1/definitions tells what can be submitted", async () => {
  await using t = await openApp();
  const { definitions } = await (await t.get("/v1/definitions")).json();
  const names = definitions.map((definition: Body) => definition.name);
  assert.deepEqual(names, names.toSorted());
  const [add, failing] = ["app.tasks.add", "app.tasks.failing_task"].map((name) =>
    definitions.find((definition: Body) => definition.name === name)
  );
  assert.equal(add.args.prefixItems.length, 2);
  assert.deepEqual(Object.keys(failing), [
    "name",
    "description",
    "channel",
    "priority",
    "max_retries",
    "soft_time_limit",
    "time_limit",
    "retry_on_timeout",
    "idempotency",
    "args",
  ]);
  assert.equal(failing.max_retries, 3);
});

Deno.test("GET /v1/channels tells how much waits where", async () => {
  await using t = await openApp({ start: false });
  await (await t.post("/v1/tasks", { name: "app.tasks.add", args: [1, 2] })).body?.cancel();
  await (await t.post("/v1/tasks", { name: "app.tasks.add", args: [1, 2], delay: 60 })).body?.cancel();
  await t.clock.advance(2000);
  const { channels } = await (await t.get("/v1/channels")).json();
  const celery = channels.find((channel: Body) => channel.name === "celery");
  assert.deepEqual(celery, {
    name: "celery",
    paused: false,
    slots: 16,
    rate_limit: null,
    burst: null,
    max_depth: null,
    ready: 1,
    delayed: 1,
    blocked: 0,
    running: 0,
    oldest_age: 2,
  });
});

Deno.test("GET /v1/workers tells who runs what", async () => {
  await using t = await openApp({ channels: { celery: 16, high_priority: 4 } });
  const { id } = await (await t.post("/v1/tasks", { name: "app.tasks.add", args: [1, 2] })).json();
  await t.clock.advance(1000);
  const { workers: [worker] } = await (await t.get("/v1/workers")).json();
  assert.deepEqual(Object.keys(worker), [
    "id",
    "host",
    "pid",
    "channels",
    "started_at",
    "heartbeat_age",
    "lost",
    "running",
  ]);
  assert.deepEqual(worker.channels, { celery: 16, high_priority: 4 });
  assert.deepEqual(worker.running, [{
    id,
    name: "app.tasks.add",
    channel: "celery",
    started_at: "2026-01-05T09:00:00.000Z",
    reserved: false,
  }]);
  assert.equal(worker.started_at, "2026-01-05T09:00:00.000Z");
});
