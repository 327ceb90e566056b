/** The program in Deno Deploy's mode, as real processes on a real KV server in the place of the assigned database. */
import assert from "node:assert/strict";
import { createQueue, openStore } from "../../queue/mod.ts";
import { demoRoutes, demoTasks } from "../../tasks/mod.ts";
import { Child } from "../e2e/child.ts";
import { problem } from "../support/open_app.ts";
import { KvServer, kvServerTest } from "../support/kv_server.ts";
import { rowsOf } from "../support/rows.ts";

/** What the platform and its user set. */
const ENV = {
  DENO_DEPLOY: "1",
  DENO_TIMELINE: "production",
  HOST: "127.0.0.1",
  PORT: "0",
  ALLOW_ANONYMOUS: "true",
  API_TOKEN: "",
  TICK_TOKEN: "a-clock-of-16-char",
  DEMO_TIME_SCALE: "0",
};

/** Milliseconds from SIGINT to SIGKILL. */
const KILLED_AFTER = 5000;

/** An instance that listens. */
async function instance(env: Record<string, string>, module = "../../main.ts") {
  const child = new Child(module, [], { ...ENV, ...env });
  const base = await child.listening();
  return Object.assign(child, { base });
}

function assigned(server: KvServer): Record<string, string> {
  return { DENO_KV_DEFAULT_PATH: server.url, DENO_KV_ACCESS_TOKEN: server.token };
}

/** What another instance has accepted and does not run. */
async function submitElsewhere(server: KvServer): Promise<string> {
  const store = await openStore(server.url);
  const definitions = demoTasks({ timeScale: 0, random: Math.random });
  const queue = createQueue({ store, definitions, taskRoutes: demoRoutes, channels: {}, onDemand: true });
  const { tasks } = await queue.submitAll([{ name: "app.tasks.add", args: [2, 3] }]);
  await queue.stop();
  store.close();
  return tasks[0]!.id;
}

kvServerTest("a request that waits is answered by the instance that has it", async () => {
  await using server = await KvServer.start();
  await using child = await instance(assigned(server));
  const response = await fetch(`${child.base}/v1/tasks`, {
    method: "POST",
    headers: { "content-type": "application/json", prefer: "wait=20" },
    body: JSON.stringify({ name: "app.tasks.add", args: [1, 2] }),
  });
  const { state, result } = await response.json();
  assert.deepEqual([response.status, state, result], [200, "SUCCESS", 3]);
  assert.equal((await (await fetch(`${child.base}/health`)).json()).status, "ready");
  const { message, deno } = child.said.find(({ deno }) => deno)!;
  assert.deepEqual([message, deno], ["Sluice on Deno Deploy", Deno.version.deno]);
  child.terminate("SIGINT");
  assert.equal((await child.ended()).code, 0);
});

kvServerTest("SIGINT gives running tasks back, uncounted, before the platform kills", async () => {
  await using server = await KvServer.start();
  await using child = await instance({ ...assigned(server), DEMO_TIME_SCALE: "1" });
  await (await fetch(`${child.base}/long-running`)).body?.cancel();
  await child.until((lines) => lines.some((line) => line.includes('"message":"started"')));
  child.terminate("SIGINT");
  const killed = setTimeout(() => child.kill(), KILLED_AFTER);
  const { code, signal } = await child.ended();
  clearTimeout(killed);
  assert.deepEqual([code, signal], [0, null]);
  const store = await openStore(server.url);
  const [ready] = await rowsOf(store, "ready");
  assert.equal(ready!.value.deliveries, 0);
  assert.deepEqual([await rowsOf(store, "worker"), await rowsOf(store, "run")], [[], []]);
  store.close();
});

kvServerTest("the minute's cron works off tasks that other processes left", async () => {
  await using server = await KvServer.start();
  const id = await submitElsewhere(server);
  await using child = await instance({ ...assigned(server), DENO_CRON_TEST_SCHEDULE_OFFSET: "50" });
  await child.until((lines) =>
    lines.some((line) => line.includes(id) && line.includes('"message":"finished"'))
  );
  child.terminate("SIGINT");
  assert.equal((await child.ended()).code, 0);
});

kvServerTest("a tick from an outside clock works off the backlog, and is told how much", async () => {
  await using server = await KvServer.start();
  await submitElsewhere(server);
  await using child = await instance(assigned(server));
  const response = await fetch(`${child.base}/internal/tick`, {
    method: "POST",
    headers: { authorization: `Bearer ${ENV.TICK_TOKEN}` },
  });
  const last = (await response.text()).trimEnd().split("\n").at(-1)!;
  const { status, succeeded } = JSON.parse(last);
  assert.equal(status, "done");
  assert(succeeded >= 1);
  child.terminate("SIGINT");
  assert.equal((await child.ended()).code, 0);
});

for (
  const [what, module] of [["but its own", "../../main.ts"], ["at all", "../e2e/no_kv_child.ts"]] as const
) {
  Deno.test(`a program without a database ${what} listens and says what to do`, async () => {
    await using child = await instance({ DENO_KV_DB_MODE: "memory" }, module);
    const { detail } = await problem(await fetch(`${child.base}/v1/tasks`), 503, "not-set-up");
    assert.match(detail, /^No Deno KV database is assigned to this app: /);
    const live = await fetch(`${child.base}/health/live`);
    assert.deepEqual(await live.json(), { status: "alive" });
    assert.equal(child.said.filter(({ message }) => message === detail).length, 1);
  });
}

kvServerTest("a program that is not told who may use it listens and says what to do", async () => {
  await using server = await KvServer.start();
  await using child = await instance({ ...assigned(server), ALLOW_ANONYMOUS: "" });
  const { detail } = await problem(await fetch(`${child.base}/add/1/2`), 503, "not-set-up");
  assert.match(detail, /set API_TOKEN/);
  const store = await openStore(server.url);
  assert.deepEqual(await rowsOf(store), []);
  store.close();
});
