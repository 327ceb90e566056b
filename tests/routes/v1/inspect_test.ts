import assert from "node:assert/strict";
import { type Body, openApp, places, problem } from "../../support/open_app.ts";

const ADD = { name: "app.tasks.add", args: [1, 2] };

Deno.test("GET /v1/stats tells tasks by place, workers and counts of the process", async () => {
  await using t = await openApp();
  const made = await Promise.all([1, 2, 3].map(async () => (await t.post("/v1/tasks", ADD)).json()));
  await (await t.post("/v1/tasks", { ...ADD, delay: 600 })).body?.cancel();
  await t.queue.revoke(made[2].id);
  await t.clock.advance(5000);
  const { channels, worker, version, ...rest } = await (await t.get("/v1/stats")).json();
  assert.match(version, /^\d+\.\d+\.\d+/);
  assert.match(worker, /^w-/);
  assert.deepEqual(rest, {
    started_at: "2026-01-05T09:00:00.000Z",
    uptime: 5,
    rate: 0.2,
    tasks: { ready: 0, delayed: 1, blocked: 0, waiting: 0, running: 2, failure: 0, revoked: 1 },
    workers: { alive: 1, lost: 0 },
    since_start: { submitted: 4, started: 3, retried: 0, succeeded: 0, failed: 0, revoked: 1 },
  });
  assert.deepEqual(channels, (await (await t.get("/v1/channels")).json()).channels);
});

Deno.test("GET /v1/tasks/{id}/explain tells why a task does not run", async () => {
  await using t = await openApp({ start: false, channels: {} });
  const { id } = await (await t.post("/v1/tasks", ADD)).json();
  assert.deepEqual(await (await t.get(`/v1/tasks/${id}/explain`)).json(), {
    id,
    state: "PENDING",
    place: "ready",
    reasons: [
      { code: "next", message: "It is the next task of channel 'celery'" },
      { code: "no-worker", message: "No worker executes channel 'celery': start one with CHANNELS=celery=4" },
    ],
    timeline: [{
      what: "waited",
      from: "2026-01-05T09:00:00.000Z",
      to: null,
      why: "It is the next task of channel 'celery'",
    }],
  });
  await problem(await t.get("/v1/tasks/nonsense/explain"), 404, "malformed-id");
});

Deno.test("GET /v1/tasks/{id}/keys and /v1/keys show what is stored", async () => {
  await using t = await openApp({ start: false, channels: {} });
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) ids.push((await (await t.post("/v1/tasks", ADD)).json()).id);
  const one = await (await t.get(`/v1/tasks/${ids[0]}/keys`)).json();
  assert.deepEqual(one.keys.map(({ key }: Body) => key), [
    ["sluice", "task", ids[0]],
    ["sluice", "ready", "celery", 4, ids[0]],
  ]);
  assert.match(one.keys[0].versionstamp, /^[0-9a-f]{20}$/);
  assert.equal(JSON.parse(one.keys[0].value).name, ADD.name);
  const first = await (await t.get("/v1/keys?prefix=ready/celery&limit=2")).json();
  const second = await (await t.get(`/v1/keys?prefix=ready/celery&limit=2&cursor=${first.next_cursor}`))
    .json();
  const listed = [...first.keys, ...second.keys].map(({ key }: Body) => key.at(-1));
  assert.deepEqual([listed, second.next_cursor], [ids, null]);
  assert((await (await t.get("/v1/keys")).json()).keys.length > 6);
  await problem(await t.get("/v1/tasks/nonsense/keys"), 404, "malformed-id");
  const wrong = await problem(await t.get("/v1/keys?limit=0&prefix=a&prefix=b&x=1"), 422, "invalid-request");
  assert.deepEqual(places(wrong).toSorted(), ["query /limit", "query /prefix", "query /x"]);
  const cursor = await problem(await t.get("/v1/keys?cursor=x"), 422, "invalid-task");
  assert.deepEqual(places(cursor), ["query /cursor"]);
});

Deno.test("the routes of inspection ask for the token like all others", async () => {
  await using t = await openApp({ start: false, apiToken: "a-token-of-16-char" });
  for (const path of ["/v1/stats", "/v1/keys", "/v1/tasks/x/keys", "/v1/tasks/x/explain"]) {
    await problem(await t.get(path), 401, "unauthorized");
  }
});
