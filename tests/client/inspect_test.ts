/** `deno task inspect`, with its own permissions, against the program as it is started. */
import assert from "node:assert/strict";
import { folder } from "../queue/store/folder.ts";
import type { Body } from "../support/open_app.ts";
import { run, serve } from "./served.ts";

const inspect = (url: string, args: readonly string[], token?: string) => run("inspect.ts", url, args, token);

Deno.test("deno task inspect shows what goes on, as tables and as JSON", async () => {
  using files = folder();
  await using server = await serve(files.path);
  const add = { name: "app.tasks.add", args: [1, 2] };
  const { id: running } = await server.post("/v1/tasks", add);
  const { id: ready } = await server.post("/v1/tasks", add);
  const { id: delayed } = await server.post("/v1/tasks", { ...add, delay: 600, priority: 7 });

  async function table(...args: string[]): Promise<string> {
    const { code, out, err } = await inspect(server.url, args);
    assert.equal(code, 0, err);
    return out;
  }
  const json = async (...args: string[]): Promise<Body> => JSON.parse(await table(...args, "--json"));

  const active = await json("active");
  assert.deepEqual(active.map(({ id, name }: Body) => [id, name]), [[running, "app.tasks.add"]]);
  assert.match(
    await table("active"),
    new RegExp(`^Running now\\nID +NAME +CHANNEL +WORKER +SINCE\\n${running}`),
  );
  assert.match(await table("reserved"), /^Claimed, waiting for a free thread\n\(none\)\n$/);
  const [next, ...others] = await json("scheduled");
  assert.deepEqual(others, []);
  assert.deepEqual([next.id, next.channel, next.priority], [delayed, "celery", 7]);
  assert(Date.parse(next.run_at) > Date.now() + 500_000);
  assert.match(await table("registered"), /^app\.tasks\.add +celery +5 +0 +3600 s/m);
  const stats = await json("stats");
  assert.deepEqual([stats.tasks.ready, stats.tasks.delayed, stats.tasks.running], [1, 1, 1]);
  assert.match(await table("stats"), /^submitted +3$/m);
  assert.match(await table("channels"), /^celery .*$/m);
  assert.match(await table("workers"), /^w-\S+ .* celery=1$/m);

  assert.match(await table("--help"), /^Usage: deno task inspect </);

  const text = await table("task", ready);
  assert.match(text, new RegExp(`^Task ${ready}\n`));
  assert.match(text, /^next +It is the next task of channel 'celery'$/m);
  assert.match(text, /^slots-busy +No slot of channel /m);
  assert.match(text, new RegExp(`^sluice ready celery 4 ${ready} +\\{`, "m"));
  const { task, explanation, keys } = await json("task", running);
  assert.deepEqual([task.state, explanation.place], ["STARTED", "run"]);
  assert.deepEqual(keys.map(({ key }: Body) => key[1]), ["task", "run"]);
  assert.match(
    await table("keys", "ready/celery"),
    new RegExp(`^Stored keys\n.*\nsluice ready celery 4 ${ready} `),
  );
  assert.match(await table("keys"), /^sluice meta +\{"version":/m);
});

Deno.test("deno task inspect says what is wrong, and ends with 1", async () => {
  using files = folder();
  await using server = await serve(files.path);
  const cases: [string[], RegExp][] = [
    [[], /^inspect: Usage: deno task inspect <active\|reserved\|/],
    [["jobs"], /^inspect: There is no view 'jobs'\. Usage/],
    [["task"], /^inspect: The view 'task' needs a task id/],
    [["task", "nonsense"], /^inspect: Malformed id: Task id must be a UUID: 'nonsense'/],
    [["stats", "--url", "nowhere"], /^inspect: The address must be a URL/],
    [["stats", "--url", "http://127.0.0.1:1"], /^inspect: No Sluice answers at http:\/\/127\.0\.0\.1:1/],
    [["stats", "--jsn"], /^inspect: Unknown option '--jsn'/],
  ];
  for (const [args, message] of cases) {
    const { code, out, err } = await inspect(server.url, args);
    assert.deepEqual([code, out], [1, ""], err);
    assert.match(err, message);
    assert.doesNotMatch(err, / at .*\.ts:\d/);
  }
  const { err } = await inspect(server.url, ["stats"], "another-token-here");
  assert.match(err, /^inspect: Bearer token required/);
});
