import assert from "node:assert/strict";
import { type Body, openApp, places, problem } from "../../support/open_app.ts";

const ADD = { name: "app.tasks.add", args: [1, 2] };

Deno.test("GET /v1/audit tells who did what by which request, in the words of the wire", async () => {
  await using t = await openApp({ start: false });
  const { id } = await (await t.post("/v1/tasks", ADD)).json();
  await (await t.post(`/v1/tasks/${id}/revoke`, undefined, { "x-request-id": "r-1" })).body?.cancel();
  const trigger = { interval: 60 };
  const schedule = {
    id: "once",
    trigger,
    task: { ...ADD, args: [3, 4], max_retries: 2 },
    start_at: "2026-01-06T00:00:00Z",
  };
  const created = await t.post("/v1/schedules", schedule);
  assert.equal(created.status, 201);
  await created.body?.cancel();
  const { entries, next_cursor, looked_at } = await (await t.get("/v1/audit")).json();
  const [second, first] = entries.map(({ id: _, ...entry }: Body) => entry);
  assert.deepEqual(first, {
    at: "2026-01-05T09:00:00.000Z",
    by: { kind: "anyone", name: "" },
    request_id: "r-1",
    action: "task.revoke",
    target: id,
    count: null,
    before: null,
    after: null,
  });
  assert.equal(second.after.start_at, "2026-01-06T00:00:00.000Z");
  assert.deepEqual([second.after.trigger, second.after.task.args, second.after.task.max_retries], [trigger, [
    3,
    4,
  ], 2]);
  assert.deepEqual([next_cursor, looked_at], [null, 2]);
});

Deno.test("GET /v1/audit names the token, filters, and leads to the next page", async () => {
  await using t = await openApp({ start: false, apiToken: "secret" });
  const auth = { authorization: "Bearer secret" };
  for (const slots of [1, 2, 3]) {
    const response = await t.app.request("/v1/channels/celery", {
      method: "PATCH",
      headers: { ...auth, "content-type": "application/merge-patch+json" },
      body: JSON.stringify({ slots, rate_limit: null }),
    });
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }
  const page = await t.app.request("/v1/audit?action=channel.change&target=celery&limit=2", {
    headers: auth,
  });
  const link = /<(.*)>; rel="next"/.exec(page.headers.get("link")!)![1]!;
  const first = await page.json();
  const last = await (await t.app.request(link, { headers: auth })).json();
  const seen = [...first.entries, ...last.entries].map(({ by, after }: Body) => [by, after.slots]);
  const by = { kind: "token", name: "API_TOKEN" };
  assert.deepEqual(seen, [[by, 3], [by, 2], [by, 1]]);
  assert.doesNotMatch(JSON.stringify([first, last]), /secret/);
});

Deno.test("GET /v1/audit says what is wrong with its query", async () => {
  await using t = await openApp({ start: false });
  const wrong = await problem(await t.get("/v1/audit?action=x&from=y&limit=0&foo=1"), 422, "invalid-request");
  assert.deepEqual(places(wrong).toSorted(), ["query /action", "query /foo", "query /from", "query /limit"]);
  await problem(await t.get("/v1/audit?cursor=x"), 422, "invalid-task");
});
