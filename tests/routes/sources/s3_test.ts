import assert from "node:assert/strict";
import { z } from "zod";
import { heldTask } from "../../support/held_task.ts";
import { openApp, places, problem } from "../../support/open_app.ts";

/** Two jobs that end when the test says so. */
function heldJobs() {
  const hello = heldTask("wait_and_return");
  const sum = heldTask("sum_to_n_job", { args: z.tuple([z.int()]) });
  return { hello, sum, definitions: [hello.definition, sum.definition], channels: { default: 4 } };
}

Deno.test("/producer/api/ greets", async () => {
  await using t = await openApp({ start: false });
  assert.deepEqual(await (await t.get("/producer/api/")).json(), {
    message: "Hello World, this is a route from the producer or job master",
  });
});

Deno.test("/producer/api/wait_and_return publishes a job, by GET and by POST", async () => {
  await using t = await openApp();
  const ids: string[] = [];
  for (const method of ["GET", "POST"]) {
    const response = await t.app.request("/producer/api/wait_and_return", { method });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("cache-control"), "no-store");
    const { job_id, ...rest } = await response.json();
    assert.deepEqual(rest, { message: "job published" });
    const task = await t.queue.get(job_id);
    assert.deepEqual([task.name, task.args], ["wait_and_return", []]);
    ids.push(job_id);
  }
  await t.clock.advance(20_000);
  for (const id of ids) {
    const answer = await (await t.get(`/producer/api/wait_and_return/${id}`)).json();
    assert.deepEqual(answer, { ready: true, result: "Hello World!" });
  }
});

Deno.test("POST /producer/api/sum publishes a job with its number", async () => {
  const { definitions } = heldJobs();
  await using t = await openApp({ definitions, start: false });
  for (const number of [5, 0, -3, 50_000_000]) {
    const response = await t.post("/producer/api/sum", { number });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("cache-control"), "no-store");
    const { job_id, ...rest } = await response.json();
    assert.deepEqual(rest, { message: "job published" });
    const task = await t.queue.get(job_id);
    assert.deepEqual([task.name, task.args], ["sum_to_n_job", [number]]);
  }
});

Deno.test("POST /producer/api/sum refuses a number that is no integer", async () => {
  const { definitions } = heldJobs();
  await using t = await openApp({ definitions, start: false });
  const cases: [unknown, string[]][] = [
    [{}, ["body /number"]],
    [{ number: "5" }, ["body /number"]],
    [{ number: 1.5 }, ["body /number"]],
    [{ number: null }, ["body /number"]],
    [{ number: 2 ** 53 }, ["body /number"]],
    [{ numbr: 5 }, ["body /number", "body /numbr"]],
    [[5], ["body "]],
  ];
  for (const [body, faults] of cases) {
    const answer = await problem(await t.post("/producer/api/sum", body), 422, "invalid-request");
    assert.deepEqual(places(answer), faults);
  }
  await problem(await t.post("/producer/api/sum", "{"), 400, "bad-json");
  await problem(await t.post("/producer/api/sum"), 422, "invalid-request");
  const plain = await t.post("/producer/api/sum", "5", { "content-type": "text/plain" });
  await problem(plain, 415, "unsupported-media-type");
  const large = await t.post("/producer/api/sum", { number: 5, more: "x".repeat(5000) });
  await problem(large, 413, "too-large");
  await problem(await t.get("/producer/api/sum"), 405, "method-not-allowed");
  assert.deepEqual((await t.queue.list()).tasks, []);
});

for (const job of ["wait_and_return", "sum"] as const) {
  Deno.test(`/producer/api/${job}/{job_id} tells a job that works, that is done, and that failed`, async () => {
    const { hello, sum, definitions, channels } = heldJobs();
    await using t = await openApp({ definitions, channels });
    const held = job === "sum" ? sum : hello;
    const path = `/producer/api/${job}`;
    const publish = async () => (await (await t.post(path, { number: 5 })).json()).job_id;
    const read = async (id: string) => await (await t.get(`${path}/${id}`)).json();
    const [works, fails, revoked] = [await publish(), await publish(), await publish()];
    await t.clock.settle();
    assert.deepEqual(await read(works), { ready: false, result: null });
    held.runs[0]!.finish(15);
    held.runs[1]!.fail(new RangeError("too much"));
    await t.queue.revoke(revoked);
    held.runs[2]!.finish();
    await t.clock.settle();
    assert.deepEqual(await read(works), { ready: true, result: 15 });
    assert.deepEqual(await read(fails), { ready: true, result: null, error: "RangeError: too much" });
    const { error, ...rest } = await read(revoked);
    assert.deepEqual(rest, { ready: true, result: null });
    assert.match(error, /^TaskRevokedError: ./);
  });
}

Deno.test("a job's id is known under its own path only", async () => {
  const { definitions } = heldJobs();
  await using t = await openApp({ definitions, start: false });
  const { job_id: hello } = await (await t.get("/producer/api/wait_and_return")).json();
  const { job_id: sum } = await (await t.post("/producer/api/sum", { number: 1 })).json();
  await problem(await t.get(`/producer/api/sum/${hello}`), 404, "task-unknown");
  await problem(await t.get(`/producer/api/wait_and_return/${sum}`), 404, "task-unknown");
  await problem(await t.get("/producer/api/sum/nonsense"), 404, "malformed-id");
});

Deno.test("HEAD, OPTIONS and other methods publish nothing", async () => {
  await using t = await openApp({ start: false });
  const path = "/producer/api/wait_and_return";
  const head = await t.app.request(path, { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("allow")], [405, "GET, POST, OPTIONS"]);
  const options = await t.app.request(path, { method: "OPTIONS" });
  assert.deepEqual([options.status, options.headers.get("allow")], [204, "GET, POST, OPTIONS"]);
  await problem(await t.app.request(path, { method: "PUT" }), 405, "method-not-allowed");
  assert.equal((await t.app.request("/producer/api/sum", { method: "OPTIONS" })).status, 204);
  assert.deepEqual((await t.queue.list()).tasks, []);
});
