import assert from "node:assert/strict";
import { nothingStored, openApp, places, problem } from "../../support/open_app.ts";

const ADD = { name: "app.tasks.add", args: [1, 2] };

/** Bodies of `POST /v1/tasks` that are refused with 422: type, places of the faults, and a part of the first detail. */
const REFUSED: [name: string, body: unknown, type: string, faults: string[], detail: RegExp][] = [
  ["an unknown task name", { name: "app.tasks.ad", args: [] }, "unknown-task", [
    "body /name",
  ], /did you mean 'app.tasks.add'/],
  ["too few arguments", { ...ADD, args: [1] }, "invalid-task", ["body /args"], /./],
  ["too many arguments", { ...ADD, args: [1, 2, 3] }, "invalid-task", ["body /args"], /./],
  ["arguments of the wrong type", { ...ADD, args: ["1", 2.5] }, "invalid-task", [
    "body /args/0",
    "body /args/1",
  ], /string/],
  ["an unknown field", { ...ADD, dealy: 3 }, "invalid-request", ["body /dealy"], /did you mean 'delay'/],
  ["kwargs", { ...ADD, kwargs: { x: 1 } }, "invalid-request", ["body /kwargs"], /positional/],
  ["no name", { args: [] }, "invalid-request", ["body /name"], /got nothing/],
  ["args that are no array", { ...ADD, args: { x: 1 } }, "invalid-request", ["body /args"], /got an object/],
  ["a priority below 0", { ...ADD, priority: -1 }, "invalid-request", ["body /priority"], /0 to 9: got -1/],
  ["a priority above 9", { ...ADD, priority: 10 }, "invalid-request", ["body /priority"], /0 to 9: got 10/],
  ["a fractional priority", { ...ADD, priority: 1.5 }, "invalid-request", ["body /priority"], /got 1.5/],
  ["a negative delay", { ...ADD, delay: -0.1 }, "invalid-request", ["body /delay"], /got -0.1/],
  ["an endless delay", { ...ADD, delay: 1e300 }, "invalid-request", ["body /delay"], /315360000/],
  ["a delay as text", { ...ADD, delay: "5" }, "invalid-request", ["body /delay"], /got "5"/],
  ["a null", { ...ADD, delay: null }, "invalid-request", ["body /delay"], /got null/],
  [
    "a run_at that is no time",
    { ...ADD, run_at: "tomorrow" },
    "invalid-request",
    ["body /run_at"],
    /RFC 3339/,
  ],
  ["a run_at without offset", { ...ADD, run_at: "2026-01-05T10:00:00" }, "invalid-request", [
    "body /run_at",
  ], /RFC 3339/],
  ["a day that is not", { ...ADD, run_at: "2026-02-30T10:00:00Z" }, "invalid-request", [
    "body /run_at",
  ], /RFC 3339/],
  ["delay with run_at", { ...ADD, delay: 1, run_at: "2026-01-05T10:00:00Z" }, "invalid-request", [
    "body /run_at",
  ], /together with delay/],
  ["an expiry of 0", { ...ADD, expires: 0 }, "invalid-request", ["body /expires"], /positive/],
  ["a negative max_retries", { ...ADD, max_retries: -1 }, "invalid-request", ["body /max_retries"], /got -1/],
  ["a time limit of 0", { ...ADD, time_limit: 0 }, "invalid-request", ["body /time_limit"], /positive/],
  [
    "a retry_on_timeout of 1",
    { ...ADD, retry_on_timeout: 1 },
    "invalid-request",
    ["body /retry_on_timeout"],
    /true or false: got 1/,
  ],
  ["a tag that is no text", { ...ADD, tags: ["a", 1] }, "invalid-request", ["body /tags/1"], /got 1/],
  ["21 tags", { ...ADD, tags: Array(21).fill("a") }, "invalid-request", ["body /tags"], /20 tags/],
  [
    "an expiry before its time",
    { ...ADD, delay: 10, expires: 5 },
    "invalid-task",
    ["body /expires"],
    /got 5$/,
  ],
  ["an unknown channel", { ...ADD, channel: "celry" }, "invalid-task", ["body /channel"], /celery/],
  ["an array", [ADD], "invalid-request", ["body "], /an object: got an array/],
  ["a text", '"app.tasks.add"', "invalid-request", ["body "], /an object: got "app.tasks.add"/],
  [
    "several faults at once",
    { nam: "x", args: 1, priority: 11, delay: -1 },
    "invalid-request",
    ["body /name", "body /args", "body /priority", "body /delay", "body /nam"],
    /got nothing/,
  ],
];

for (const [name, body, type, faults, detail] of REFUSED) {
  Deno.test(`POST /v1/tasks refuses ${name}`, async () => {
    await using t = await openApp({ start: false });
    const answer = await problem(await t.post("/v1/tasks", body), 422, type);
    assert.deepEqual(places(answer), faults);
    assert.match(answer.errors[0].detail, detail);
    await nothingStored(t.queue);
  });
}

Deno.test("POST /v1/tasks says where its JSON breaks off", async () => {
  await using t = await openApp({ start: false });
  for (const body of ['{"name": ', "", "{'name': 1}"]) {
    const answer = await problem(await t.post("/v1/tasks", body), 400, "bad-json");
    assert.match(answer.detail, /must be JSON: /);
  }
  await nothingStored(t.queue);
});

Deno.test("POST /v1/tasks refuses another content type, and none", async () => {
  await using t = await openApp({ start: false });
  const body = JSON.stringify(ADD);
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"]) {
    const response = await t.post("/v1/tasks", body, { "content-type": type });
    const answer = await problem(response, 415, "unsupported-media-type");
    assert.ok(answer.detail.includes(type));
  }
  const bytes = new Blob([body]).stream();
  const none = await t.app.request("/v1/tasks", { method: "POST", body: bytes });
  assert.match((await problem(none, 415, "unsupported-media-type")).detail, /got no content type/);
  const empty = await t.post("/v1/tasks");
  assert.deepEqual(places(await problem(empty, 422, "invalid-request")), ["body /name"]);
  await nothingStored(t.queue);
});

Deno.test("POST /v1/tasks refuses a body over its limit, announced or not", async () => {
  await using t = await openApp({ start: false });
  const body = JSON.stringify({ ...ADD, args: ["x".repeat(1024 * 1024)] });
  const announced = await t.post("/v1/tasks", body, { "content-length": String(body.length) });
  assert.match((await problem(announced, 413, "too-large")).detail, /1048576 bytes: got \d+ bytes/);
  await problem(await t.post("/v1/tasks", body), 413, "too-large");
  await nothingStored(t.queue);
});

Deno.test("POST /v1/tasks/batch points into the batch, and stores none of it", async () => {
  await using t = await openApp({ start: false });
  const several = [ADD, { ...ADD, args: ["x", 2] }, { name: "app.tasks.ad", args: [] }];
  const answer = await problem(await t.post("/v1/tasks/batch", { tasks: several }), 422, "invalid-task");
  assert.deepEqual(places(answer), ["body /tasks/1/args/0", "body /tasks/2/name"]);

  const one = await t.post("/v1/tasks/batch", { tasks: [{ ...ADD, args: ["x", 2] }] });
  assert.deepEqual(places(await problem(one, 422, "invalid-task")), ["body /tasks/0/args/0"]);

  const name = await t.post("/v1/tasks/batch", { tasks: [ADD, { name: "app.tasks.ad", args: [] }] });
  assert.deepEqual(places(await problem(name, 422, "unknown-task")), ["body /tasks/1/name"]);

  const field = await t.post("/v1/tasks/batch", { tasks: [ADD, { ...ADD, prority: 1 }] });
  assert.deepEqual(places(await problem(field, 422, "invalid-request")), ["body /tasks/1/prority"]);
  await nothingStored(t.queue);
});

Deno.test("POST /v1/tasks/batch refuses no task and 251 tasks", async () => {
  await using t = await openApp({ start: false });
  for (const tasks of [[], Array(251).fill(ADD)]) {
    const answer = await problem(await t.post("/v1/tasks/batch", { tasks }), 422, "invalid-request");
    assert.deepEqual(places(answer), ["body /tasks"]);
  }
  await nothingStored(t.queue);
});

Deno.test("POST /v1/tasks/batch refuses more than one commit holds", async () => {
  await using t = await openApp({ start: false });
  const big = { name: "app.tasks.add", args: [1, 2], tags: Array(20).fill("é".repeat(100)) };
  const response = await t.post("/v1/tasks/batch", { tasks: Array(250).fill(big) });
  await problem(response, 413, "too-large");
  await nothingStored(t.queue);
});

Deno.test("arguments nested without end are refused, not an internal error", async () => {
  await using t = await openApp({ start: false });
  const body = `{"name":"app.tasks.add","args":[1,${"[".repeat(100_000)}${"]".repeat(100_000)}]}`;
  for (const headers of [{}, { "idempotency-key": "deep" }] as Record<string, string>[]) {
    const response = await t.post("/v1/tasks", body, headers);
    assert.ok(response.status === 422 || response.status === 413, String(response.status));
    await response.body?.cancel();
  }
  await nothingStored(t.queue);
});

Deno.test("ids that name no task are told apart", async () => {
  await using t = await openApp({ start: false, resultTtl: 60 });
  const unknown = "0192f0c0-0000-7000-8000-000000000000";
  for (const path of [(id: string) => `/v1/tasks/${id}`, (id: string) => `/result/${id}`]) {
    await problem(await t.get(path("xyz")), 404, "malformed-id");
    await problem(await t.get(path("%00")), 404, "malformed-id");
    const answer = await (await t.get(path(unknown))).json();
    assert.equal(answer.status, 404);
    assert.match(answer.type, /:task-(unknown|expired)$/);
  }
  await problem(await t.post("/v1/tasks/xyz/revoke"), 404, "malformed-id");
});

Deno.test("an ended task's id is known as expired after its retention", async () => {
  await using t = await openApp({ resultTtl: 60 });
  const task = await (await t.post("/v1/tasks", { name: "app.tasks.important_task" })).json();
  await t.ended(task);
  await t.clock.advance(200_000);
  await problem(await t.get(`/v1/tasks/${task.id}`), 404, "task-expired");
  await problem(await t.get(`/result/${task.id}`), 404, "task-expired");
});

Deno.test("GET /v1/tasks names each wrong query parameter", async () => {
  await using t = await openApp({ start: false });
  const answer = await problem(
    await t.get("/v1/tasks?state=DONE&limit=501&sate=x&name=a&name=b"),
    422,
    "invalid-request",
  );
  assert.deepEqual(places(answer), ["query /state", "query /name", "query /limit", "query /sate"]);
  assert.match(answer.errors[3].detail, /did you mean 'state'/);
  for (const limit of ["0", "-1", "1.5", "", "1e2", "x"]) {
    const wrong = await problem(await t.get(`/v1/tasks?limit=${limit}`), 422, "invalid-request");
    assert.deepEqual(places(wrong), ["query /limit"]);
  }
  const cursor = await problem(await t.get("/v1/tasks?cursor=abc"), 422, "invalid-task");
  assert.deepEqual(places(cursor), ["query /cursor"]);
});

Deno.test("every fault of a request is told at once, the schema's and the engine's", async () => {
  await using t = await openApp({ start: false });
  const bad = { name: "app.tasks.add", args: ["a", 1.5], priority: 11, delay: -1, channel: "celry" };
  const answer = await problem(await t.post("/v1/tasks", JSON.stringify(bad)), 422, "invalid-request");
  const expected = ["body /args/0", "body /args/1", "body /channel", "body /delay", "body /priority"];
  assert.deepEqual(places(answer).sort(), expected);
  const stranger = { name: "app.tasks.ad", args: [1], priority: 11, channel: "zzz" };
  const batch = await problem(
    await t.post("/v1/tasks/batch", JSON.stringify({ tasks: [ADD, stranger] })),
    422,
    "invalid-request",
  );
  assert.deepEqual(places(batch).sort(), [
    "body /tasks/1/channel",
    "body /tasks/1/name",
    "body /tasks/1/priority",
  ]);
  await nothingStored(t.queue);
});
