import assert from "node:assert/strict";
import { z } from "zod";
import { defineTask } from "../../../queue/mod.ts";
import { START } from "../../../queue/testing/fake_clock.ts";
import { task } from "../../support/held_task.ts";
import { type Body, openApp, places, problem } from "../../support/open_app.ts";
import { rowsOf } from "../../support/rows.ts";

const strict = defineTask({ name: "strict", args: z.tuple([z.int()]) }, (_ctx, n) => n);
const definitions = [task("ticks", (_ctx, word) => word ?? null), strict];
const open = () => openApp({ definitions, channels: { default: 4 }, demo: false });
const daily = { id: "daily", task: { name: "ticks", args: ["x"] }, trigger: { cron: "0 3 * * *" } };
const iso = (seconds: number) => new Date(START + seconds * 1000).toISOString();

type App = Awaited<ReturnType<typeof open>>;
const send = (t: App, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  t.app.request(path, {
    method,
    headers: { "content-type": "application/merge-patch+json", ...headers },
    ...body !== undefined && { body: JSON.stringify(body) },
  });
const stored = async (t: App) => (await rowsOf(t.store, "schedule")).length;

Deno.test("POST /v1/schedules answers 201 with Location, ETag and the schedule with its defaults", async () => {
  await using t = await open();
  const response = await t.post("/v1/schedules", {
    ...daily,
    trigger: { cron: "0 3 * * *", timezone: "Europe/Rome" },
  });
  assert.equal(response.status, 201);
  assert.equal(response.headers.get("location"), "/v1/schedules/daily");
  const etag = response.headers.get("etag");
  assert.match(etag!, /^"[^"]+"$/);
  const schedule = await response.json();
  assert.deepEqual(schedule, {
    id: "daily",
    task: { name: "ticks", args: ["x"] },
    trigger: { cron: "0 3 * * *", timezone: "Europe/Rome" },
    paused: false,
    start_at: null,
    end_at: null,
    jitter: 0,
    misfire_grace: 60,
    catch_up: "one",
    catch_up_limit: 100,
    max_instances: 1,
    origin: "api",
    problem: null,
    next_run_at: "2026-01-06T02:00:00.000Z",
    last_run_at: null,
    created_at: iso(0),
    updated_at: iso(0),
  });
  const read = await t.get("/v1/schedules/daily");
  assert.equal(read.headers.get("etag"), etag);
  assert.deepEqual(await read.json(), schedule);
});

Deno.test("every field of a schedule comes back as it was sent", async () => {
  await using t = await open();
  const sent = {
    id: "all",
    task: {
      name: "ticks",
      args: [1],
      channel: "default",
      priority: 7,
      expires: 60,
      max_retries: 2,
      soft_time_limit: 1,
      time_limit: 2,
      retry_on_timeout: true,
      ignore_result: true,
      tags: ["a"],
    },
    trigger: { date: iso(600) },
    paused: true,
    start_at: iso(60),
    end_at: iso(3600),
    jitter: 5,
    misfire_grace: 7,
    catch_up: "all",
    catch_up_limit: 9,
    max_instances: 3,
  };
  const body = await (await t.post("/v1/schedules", sent)).json();
  assert.deepEqual({ ...body, ...sent }, body);
});

Deno.test("PATCH merges: what is left out stays, null is the default, a trigger of another kind replaces", async () => {
  await using t = await open();
  const made = await t.post("/v1/schedules", {
    ...daily,
    jitter: 9,
    task: { name: "ticks", args: [1], priority: 3 },
  });
  let etag = made.headers.get("etag")!;
  const patch = async (body: unknown): Promise<Body> => {
    const response = await send(t, "PATCH", "/v1/schedules/daily", body, { "if-match": etag });
    assert.equal(response.status, 200, await response.clone().text());
    assert.notEqual(response.headers.get("etag"), etag);
    etag = response.headers.get("etag")!;
    return await response.json();
  };
  const zoned = await patch({ trigger: { timezone: "Asia/Tokyo" }, task: { args: [2] } });
  assert.deepEqual(zoned.trigger, { cron: "0 3 * * *", timezone: "Asia/Tokyo" });
  assert.deepEqual(zoned.task, { name: "ticks", args: [2], priority: 3 });
  assert.equal(zoned.jitter, 9);
  const every = await patch({ trigger: { interval: 1.5 }, jitter: null, task: { priority: null } });
  assert.deepEqual(every.trigger, { interval: 1.5 });
  assert.deepEqual(every.task, { name: "ticks", args: [2] });
  assert.equal(every.jitter, 0);
  assert.equal(every.next_run_at, iso(1.5));
});

Deno.test("PATCH without If-Match is 428, with a stale one 412, and changes nothing", async () => {
  await using t = await open();
  const made = await t.post("/v1/schedules", { ...daily, trigger: { interval: 1 } });
  const etag = made.headers.get("etag")!;
  const patch = (body: unknown, headers?: Record<string, string>) =>
    send(t, "PATCH", "/v1/schedules/daily", body, headers);
  await problem(await patch({ jitter: 1 }), 428, "precondition-required");
  await problem(await patch({ jitter: 1 }, { "if-match": '"other"' }), 412, "schedule-changed");
  await problem(await patch({ jitter: 1 }, { "if-match": `W/${etag}` }), 412, "schedule-changed");
  assert.equal((await (await t.get("/v1/schedules/daily")).json()).jitter, 0);
  // Firing does not make an editor's tag stale; an edit does.
  await t.clock.advance(3_000);
  assert.equal((await patch({ jitter: 1 }, { "if-match": `"other", ${etag}` })).status, 200);
  await problem(await patch({ jitter: 2 }, { "if-match": etag }), 412, "schedule-changed");
  assert.equal((await patch({ jitter: 3 }, { "if-match": "*" })).status, 200);
});

Deno.test("a bad PATCH names every fault and changes nothing", async () => {
  await using t = await open();
  await t.post("/v1/schedules", daily);
  const before = await (await t.get("/v1/schedules/daily")).text();
  const cases: [unknown, string, string[]][] = [
    [{ jitter: -1, origin: "code", trigger: null }, "invalid-request", ["/jitter", "/origin", "/trigger"]],
    [{ task: { args: "x", name: null } }, "invalid-request", ["/task/args", "/task/name"]],
    [{ id: "other" }, "invalid-request", ["/id"]],
    [{ task: { name: "strict" }, trigger: { cron: "0 0 31 2 *" } }, "invalid-schedule", [
      "/task/args/0",
      "/trigger/cron",
    ]],
    [[1], "invalid-request", [""]],
    [JSON.parse(`{"task":${'{"a":'.repeat(9_000)}1${"}".repeat(9_000)}}`), "invalid-request", ["/task/a"]],
  ];
  for (const [body, type, pointers] of cases) {
    const answer = await send(t, "PATCH", "/v1/schedules/daily", body, { "if-match": "*" });
    assert.deepEqual(
      places(await problem(answer, 422, type)).sort(),
      pointers.map((p) => `body ${p}`).sort(),
    );
  }
  assert.equal(await (await t.get("/v1/schedules/daily")).text(), before);
});

Deno.test("a bad schedule is refused with every fault, the schema's and the engine's, and nothing is stored", async () => {
  await using t = await open();
  const cases: [unknown, string, string[]][] = [
    [{}, "invalid-request", ["/task", "/trigger"]],
    [{ ...daily, trigger: { cron: "0 0 31 2 *" } }, "invalid-schedule", ["/trigger/cron"]],
    [{ ...daily, trigger: { cron: "0 3 * * *", timezone: "Europe/Rom" } }, "invalid-schedule", [
      "/trigger/timezone",
    ]],
    [{ ...daily, trigger: { interval: 0 } }, "invalid-schedule", ["/trigger/interval"]],
    [{ ...daily, trigger: { interval: 1, timezone: "UTC" } }, "invalid-schedule", ["/trigger/timezone"]],
    [{ ...daily, trigger: { date: iso(-1) } }, "invalid-schedule", ["/trigger/date"]],
    [{ ...daily, start_at: iso(20), end_at: iso(10) }, "invalid-schedule", ["/end_at"]],
    [{ ...daily, task: { name: "nope", args: [] } }, "invalid-schedule", ["/task/name"]],
    [{ ...daily, task: { name: "strict", args: ["x"], run_at: iso(1) } }, "invalid-request", [
      "/task/args/0",
      "/task/run_at",
    ]],
    [{ ...daily, jitters: 1, trigger: { cron: "x x x x x", timezone: "X" } }, "invalid-request", [
      "/jitters",
      "/trigger/cron",
      "/trigger/timezone",
    ]],
    [{ ...daily, trigger: { interval: "1" }, catch_up: "some" }, "invalid-request", [
      "/catch_up",
      "/trigger/interval",
    ]],
    [{ ...daily, trigger: { date: iso(60) }, catch_up: "some" }, "invalid-request", ["/catch_up"]],
    [{ ...daily, trigger: { cron: 5, timezone: 5 } }, "invalid-request", [
      "/trigger/cron",
      "/trigger/timezone",
    ]],
    [{ ...daily, trigger: "0 3 * * *" }, "invalid-request", ["/trigger"]],
    [{ ...daily, id: "a b" }, "invalid-schedule", ["/id"]],
    [{ ...daily, misfire_grace: 0.5, max_instances: 0 }, "invalid-request", ["/max_instances"]],
  ];
  for (const [body, type, pointers] of cases) {
    const found = places(await problem(await t.post("/v1/schedules", body), 422, type)).sort();
    assert.deepEqual(found, pointers.map((pointer) => `body ${pointer}`).sort(), JSON.stringify(body));
  }
  await problem(await t.post("/v1/schedules", "{"), 400, "bad-json");
  const long = { ...daily, task: { name: "ticks", args: ["x".repeat(50_000)] } };
  await problem(await t.post("/v1/schedules", long), 413, "too-large");
  assert.equal(await stored(t), 0);
});

Deno.test("Idempotency-Key: a repeat is the first answer, another body under it 422", async () => {
  await using t = await open();
  const { id: _id, ...unnamed } = daily;
  const key = { "idempotency-key": "k1" };
  const [first, second] = [
    await t.post("/v1/schedules", unnamed, key),
    await t.post("/v1/schedules", unnamed, key),
  ];
  assert.deepEqual([first.status, second.status], [201, 201]);
  assert.equal(second.headers.get("idempotent-replayed"), "true");
  assert.equal(first.headers.get("idempotent-replayed"), null);
  assert.deepEqual(await first.json(), await second.json());
  await problem(await t.post("/v1/schedules", daily, key), 422, "idempotency-key-reused");
  assert.equal(await stored(t), 1);
});

Deno.test("Idempotency-Key on a run that is asked for: one task however often it is sent", async () => {
  await using t = await open();
  await t.post("/v1/schedules", daily);
  const run = () => t.post("/v1/schedules/daily/run", undefined, { "idempotency-key": "r1" });
  const [first, second] = [await run(), await run()];
  assert.deepEqual([first.status, second.status], [202, 202]);
  assert.equal(second.headers.get("idempotent-replayed"), "true");
  assert.equal((await first.json()).id, (await second.json()).id);
  await problem(
    await t.post("/v1/schedules", daily, { "idempotency-key": "r1" }),
    422,
    "idempotency-key-reused",
  );
});

Deno.test("a schedule's id can be taken once", async () => {
  await using t = await open();
  await t.post("/v1/schedules", daily);
  await problem(await t.post("/v1/schedules", daily), 409, "schedule-exists");
});

Deno.test("a schedule is paused, resumed and run now, and its history tells of it", async () => {
  await using t = await open();
  await t.post("/v1/schedules", { ...daily, trigger: { interval: 10 } });
  const paused = await t.post("/v1/schedules/daily/pause");
  assert.equal(paused.status, 200);
  assert.deepEqual([(await paused.json()).paused, (await t.get("/v1/schedules/daily")).status], [true, 200]);
  await t.clock.advance(25_000);
  const run = await t.post("/v1/schedules/daily/run");
  assert.equal(run.status, 202);
  const task = await run.json();
  assert.equal(run.headers.get("location"), `/v1/tasks/${task.id}`);
  assert.equal(task.schedule_id, "daily");
  const resumed = await (await t.post("/v1/schedules/daily/resume")).json();
  assert.deepEqual([resumed.paused, resumed.next_run_at, resumed.last_run_at], [false, iso(30), iso(25)]);
  await t.clock.advance(5_000);
  const { occurrences, next_cursor } = await (await t.get("/v1/schedules/daily/occurrences")).json();
  assert.equal(next_cursor, null);
  assert.deepEqual(occurrences.map(({ task_id, ...rest }: Body) => ({ ...rest, task: typeof task_id })), [
    {
      planned_at: iso(30),
      missed_until: null,
      started_at: iso(30),
      late_by: 0,
      outcome: "submitted",
      detail: null,
      state: "SUCCESS",
      task: "string",
    },
    {
      planned_at: iso(25),
      missed_until: null,
      started_at: iso(25),
      late_by: 0,
      outcome: "manual",
      detail: null,
      state: "SUCCESS",
      task: "string",
    },
  ]);
  const { state } = await (await t.get(`/v1/tasks/${occurrences[0].task_id}`)).json();
  assert.equal(state, "SUCCESS");
});

Deno.test("GET next tells the next ten occurrences, or as many as are asked for", async () => {
  await using t = await open();
  await t.post("/v1/schedules", { ...daily, trigger: { interval: 10 } });
  const { next } = await (await t.get("/v1/schedules/daily/next")).json();
  assert.deepEqual(next, Array.from({ length: 10 }, (_, n) => iso(10 * (n + 1))));
  assert.equal((await (await t.get("/v1/schedules/daily/next?count=3")).json()).next.length, 3);
  for (const count of ["0", "101", "x"]) {
    await problem(await t.get(`/v1/schedules/daily/next?count=${count}`), 422, "invalid-request");
  }
});

Deno.test("lists come in pages with a link to the next", async () => {
  await using t = await open();
  for (const id of ["a", "b", "c"]) await t.post("/v1/schedules", { ...daily, id });
  const first = await t.get("/v1/schedules?limit=2");
  const page = await first.json();
  assert.deepEqual(page.schedules.map(({ id }: Body) => id), ["a", "b"]);
  const link = /<(.+)>; rel="next"/.exec(first.headers.get("link")!)![1]!;
  const rest = await (await t.get(link)).json();
  assert.deepEqual([rest.schedules.map(({ id }: Body) => id), rest.next_cursor], [["c"], null]);
  for (let i = 0; i < 3; i++) await t.post("/v1/schedules/a/run");
  const history = await (await t.get("/v1/schedules/a/occurrences?limit=2")).json();
  assert.equal(history.occurrences.length, 2);
  const older = await t.get(`/v1/schedules/a/occurrences?limit=2&cursor=${history.next_cursor}`);
  assert.equal((await older.json()).occurrences.length, 1);
  await problem(await t.get("/v1/schedules?cursor=nonsense"), 422, "invalid-schedule");
  await problem(await t.get("/v1/schedules/a/occurrences?cursor=nonsense"), 422, "invalid-schedule");
});

Deno.test("an unknown parameter of a list is refused with those that the list knows", async () => {
  await using t = await open();
  for (const path of ["/v1/schedules", "/v1/schedules/daily/occurrences"]) {
    const { errors } = await problem(await t.get(`${path}?foo=1`), 422, "invalid-request");
    assert.deepEqual(errors, [
      { in: "query", pointer: "/foo", detail: "Unknown field; known are limit, cursor" },
    ]);
  }
});

Deno.test("DELETE answers 204; then the schedule is unknown to every route", async () => {
  await using t = await open();
  await t.post("/v1/schedules", daily);
  const gone = await send(t, "DELETE", "/v1/schedules/daily");
  assert.deepEqual([gone.status, await gone.text()], [204, ""]);
  assert.equal(await stored(t), 0);
  const path = "/v1/schedules/daily";
  await problem(await send(t, "DELETE", path), 404, "schedule-unknown");
  await problem(await send(t, "PATCH", path, {}, { "if-match": "*" }), 404, "schedule-unknown");
  for (const part of ["", "/next", "/occurrences"]) {
    await problem(await t.get(path + part), 404, "schedule-unknown");
  }
  for (const part of ["/pause", "/resume", "/run"]) {
    await problem(await t.post(path + part), 404, "schedule-unknown");
  }
});

Deno.test("the demonstration's scheduled task is a schedule of the code: it can be paused, not deleted", async () => {
  await using t = await openApp();
  const path = "/v1/schedules/app.tasks.scheduled_task";
  const schedule = await (await t.get(path)).json();
  assert.deepEqual([schedule.origin, schedule.trigger], ["code", { cron: "* * * * *", timezone: "UTC" }]);
  await problem(await t.app.request(path, { method: "DELETE" }), 409, "schedule-declared");
  await t.post(`${path}/pause`);
  await t.clock.advance(120_000);
  assert.deepEqual((await (await t.get(`${path}/occurrences`)).json()).occurrences, []);
});

Deno.test("an edit of an orphan does not make its pause permanent", async () => {
  const every = { id: "s", task: strict, args: [1], trigger: { interval: 60 } };
  const options = { definitions, channels: { default: 4 }, demo: false };
  await using first = await openApp({ ...options, schedules: [every] });
  await first.queue.stop(0);
  const shared = { ...options, store: first.store, clock: first.clock };
  {
    await using without = await openApp(shared);
    await without.clock.settle();
    const path = "/v1/schedules/s";
    assert.match((await (await without.get(path)).json()).problem, /No code declares/);
    const edited = await send(without, "PATCH", path, { jitter: 3 }, { "if-match": "*" });
    assert.equal(edited.status, 200);
    const resumed = await send(without, "PATCH", path, { paused: false }, { "if-match": "*" });
    await problem(resumed, 409, "schedule-orphaned");
  }
  await using back = await openApp({ ...shared, schedules: [every] });
  await back.clock.settle();
  const { paused, jitter, problem: none } = await (await back.get("/v1/schedules/s")).json();
  assert.deepEqual({ paused, jitter, none }, { paused: false, jitter: 3, none: null });
});

Deno.test("PATCH refuses an unknown field, also when it is to be taken away", async () => {
  await using t = await openApp({ start: false });
  const created = await t.post("/v1/schedules", {
    id: "a",
    task: { name: "app.tasks.add", args: [1, 2] },
    trigger: { interval: 60 },
  });
  assert.equal(created.status, 201, await created.text());
  for (const patch of [{ pausd: true }, { pausd: null }, { "": null }]) {
    const response = await t.app.request("/v1/schedules/a", {
      method: "PATCH",
      headers: { "content-type": "application/json", "if-match": created.headers.get("etag")! },
      body: JSON.stringify(patch),
    });
    const { detail } = await problem(response, 422, "invalid-request");
    assert.match(detail, /known are task, trigger, paused|did you mean/i);
  }
});
