/**
 * The faults of the source systems that SEEDS' readers know, one test each: named, and shown to be absent over HTTP.
 */
import assert from "node:assert/strict";
import { memoryStore } from "../queue/mod.ts";
import { SETTINGS } from "../routes/mod.ts";
import { demoTasks } from "../tasks/mod.ts";
import { Child, programEnv } from "./e2e/child.ts";
import { folder } from "./queue/store/folder.ts";
import { type Body, openApp, problemsOfIds } from "./support/open_app.ts";

type Options = NonNullable<Parameters<typeof openApp>[0]>;

/** The app behind a real server; the test moves the clock. */
async function serve(options: Options = {}) {
  const t = await openApp(options);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, t.app.fetch);
  const client = Deno.createHttpClient({});
  const base = `http://127.0.0.1:${server.addr.port}`;
  const get = (path: string) => fetch(base + path, { client });
  return Object.assign(t, {
    get,
    json: async (path: string): Promise<Body> => await (await get(path)).json(),
    async send(path: string, body: unknown): Promise<Body> {
      const headers = { "content-type": "application/json" };
      const response = await fetch(base + path, {
        method: "POST",
        client,
        headers,
        body: JSON.stringify(body),
      });
      const answer = await response.json();
      assert(response.ok, JSON.stringify(answer));
      return answer;
    },
    async [Symbol.asyncDispose]() {
      client.close();
      await server.shutdown();
      await t.close();
    },
  });
}

Deno.test("fault: a per-minute scheduler lock makes a 30-second job fire once a minute", async () => {
  await using t = await serve();
  const task = { name: "app.tasks.important_task", args: [] };
  const { id } = await t.send("/v1/schedules", { task, trigger: { interval: 30 } });
  await t.clock.advance(300_000);
  const { occurrences } = await t.json(`/v1/schedules/${id}/occurrences`);
  assert.equal(occurrences.length, 10);
});

Deno.test("fault: countdown and eta are accepted and ignored", async () => {
  await using t = await serve();
  const task = { name: "app.tasks.important_task" };
  const run_at = new Date(t.clock.now() + 10_000).toISOString();
  const { id: countdown } = await t.send("/v1/tasks", { ...task, delay: 10 });
  const { id: eta } = await t.send("/v1/tasks", { ...task, run_at });
  await t.clock.advance(9_999);
  for (const id of [countdown, eta]) assert.equal((await t.json(`/v1/tasks/${id}`)).state, "PENDING");
  await t.clock.advance(2001);
  for (const id of [countdown, eta]) {
    const { state, started_at } = await t.json(`/v1/tasks/${id}`);
    assert.equal(state, "SUCCESS");
    assert(started_at >= run_at, `${started_at} < ${run_at}`);
  }
});

Deno.test("fault: priority 0 is turned into 5", async () => {
  await using t = await serve({ channels: { "test-queue": 1 } });
  const submit = async (word: string, priority: number) =>
    await t.send("/v1/tasks", { name: "test_celery", args: [word], priority });
  await submit("first", 9);
  await t.clock.settle();
  const { id: zero, priority } = await submit("zero", 0);
  assert.equal(priority, 0);
  const { id: one } = await submit("one", 1);
  await t.clock.advance(12_000);
  assert.equal((await t.json(`/v1/tasks/${one}`)).state, "PROGRESS");
  assert.equal((await t.json(`/v1/tasks/${zero}`)).state, "PENDING");
  assert.equal((await t.json(`/v1/tasks/${zero}`)).priority, 0);
});

Deno.test("fault: an idempotency lock outlives a crash, and the order is judged a duplicate and lost", async () => {
  using files = folder();
  using client = Deno.createHttpClient({});
  const env = programEnv(`${files.path}/a.kv`, { DEMO_TIME_SCALE: "0.25", SHUTDOWN_GRACE: "5" });
  const start = async () => {
    const child = new Child("../../main.ts", [], env);
    return { child, base: await child.listening() };
  };
  const order = async (base: string, wait: number) => {
    const response = await fetch(`${base}/v1/tasks`, {
      method: "POST",
      client,
      headers: { "content-type": "application/json", prefer: `wait=${wait}` },
      body: JSON.stringify({ name: "process_order", args: ["12345"] }),
    });
    return await response.json();
  };
  let id: string;
  {
    const { child, base } = await start();
    await using _ = child;
    ({ id } = await order(base, 0));
    await child.until((lines) => lines.some((line) => line.includes('"started"') && line.includes(id)));
    await child.kill();
  }
  const { child, base } = await start();
  await using _ = child;
  const again = await order(base, 30);
  assert.deepEqual([again.id, again.state], [id, "SUCCESS"]);
  assert.deepEqual(again.result, { processed: true, data: { order_id: "12345" } });
});

Deno.test("fault: a soft limit of 30 s on a 30 s task", async () => {
  await using t = await serve();
  const { task_id } = await t.json("/long-running");
  await t.clock.advance(30_000);
  assert.deepEqual(await t.json(`/result/${task_id}`), { task_id, result: "Long-running task completed" });
});

Deno.test("fault: a failed task's exception is returned as its result", async () => {
  await using t = await serve({ definitions: demoTasks({ timeScale: 1, random: () => 0 }) });
  const { task_id: id } = await t.json("/retry");
  await t.clock.advance(20_000);
  assert.deepEqual(await t.json(`/result/${id}`), { task_id: id, error: "Error: Random failure" });
  assert.deepEqual(await t.json(`/process/${id}`), {
    id,
    status: "FAILURE",
    error: "Error: Random failure",
    result: null,
  });
  const { state, result, error } = await t.json(`/v1/tasks/${id}`);
  assert.deepEqual([state, result, error.type, error.message], ["FAILURE", null, "Error", "Random failure"]);
});

Deno.test("fault: unknown ids are PENDING forever", async () => {
  await using t = await serve();
  const paths = ["/result", "/process", "/producer/api/wait_and_return", "/producer/api/sum", "/v1/tasks"];
  for (const path of paths) {
    await problemsOfIds((id) => t.get(`${path}/${id}`));
  }
});

Deno.test("fault: a worker purges the queue at each start", async () => {
  const store = memoryStore();
  const ids: string[] = [];
  {
    await using t = await serve({ store, start: false });
    for (let n = 0; n < 5; n++) ids.push((await t.json("/important")).task_id);
  }
  for (let restart = 0; restart < 2; restart++) {
    await using t = await serve({ store, ...restart === 0 && { channels: { celery: 1 } } });
    await t.clock.advance(2000);
    const expected = restart === 0 ? "PENDING" : "SUCCESS";
    for (const id of ids) assert.equal((await t.json(`/v1/tasks/${id}`)).state, expected);
  }
  store.close();
});

Deno.test("fault: secrets stand in the source", async () => {
  for (const [name, { default: value }] of Object.entries(SETTINGS)) {
    if (/TOKEN|PASSWORD|USER|SECRET/.test(name)) assert.equal(value, null, name);
  }
  const example = await Deno.readTextFile(new URL("../.env.example", import.meta.url));
  assert.match(example, /^# API_TOKEN=$/m);
  assert.match(example, /^# SMTP_PASSWORD=$/m);
});
