import assert from "node:assert/strict";
import {
  FencedError,
  OverloadedError,
  type Queue,
  StoppedError,
  StoreBrokenError,
  StoreUnavailableError,
  TooLargeError,
} from "../../../queue/mod.ts";
import { createApp } from "../../../routes/mod.ts";
import { openApp, problem } from "../../support/open_app.ts";

/** An app whose queue does nothing but throw. */
function brokenApp(error: unknown) {
  const fail = () => Promise.reject(error);
  const queue = {
    submitAll: fail,
    get: fail,
    list: fail,
    revoke: fail,
    health: fail,
    definitions: () => [],
    by: () => queue,
  };
  const failures: unknown[] = [];
  const log = { access: () => {}, failure: (error: unknown, id: string) => failures.push([error, id]) };
  return { app: createApp({ queue: queue as unknown as Queue, log }), failures };
}

for (
  const [type, error] of [
    ["overloaded", new OverloadedError("64 MiB wait in /secret/path")],
    ["stopped", new StoppedError("stopping /secret/path")],
    ["store-unavailable", new StoreUnavailableError("no answer from http://secret")],
    ["store-broken", new StoreBrokenError("/secret/path is damaged", "restore it")],
    ["fenced", new FencedError("w-secret")],
  ] as const
) {
  Deno.test(`a queue that is ${type} answers 503 and when to try again`, async () => {
    const { app } = brokenApp(error);
    for (const path of ["/retry", "/v1/tasks", "/result/x"]) {
      const response = await app.request(path);
      assert.equal(response.headers.get("retry-after"), "1");
      const body = await problem(response, 503, type);
      assert.doesNotMatch(JSON.stringify(body), /secret/);
    }
  });
}

Deno.test("a client is told whether a store that does not answer may have accepted his request", async () => {
  const detail = async (sent: boolean, method: string, path: string) => {
    const { app } = brokenApp(new StoreUnavailableError("no answer", sent));
    return (await problem(await app.request(path, { method }), 503, "store-unavailable")).detail;
  };
  assert.match(await detail(false, "POST", "/v1/tasks/x/revoke"), /nothing of this request was accepted/);
  assert.match(await detail(true, "POST", "/v1/tasks/x/revoke"), /may or may not .* same Idempotency-Key/);
  for (const path of ["/v1/tasks/x", "/result/x", "/process/x", "/producer/api/sum/x", "/health"]) {
    assert.equal(await detail(true, "GET", path), "The store does not answer; try again", path);
  }
  for (const path of ["/retry", "/add/1/2", "/hello", "/producer/api/wait_and_return"]) {
    assert.match(await detail(true, "GET", path), /may or may not/, path);
  }
});

Deno.test("an unexpected error is a 500 that says nothing, and goes to the log", async () => {
  for (const error of [new Error("secret"), new TypeError("secret"), new RangeError("secret")]) {
    const { app, failures } = brokenApp(error);
    const body = await problem(await app.request("/retry"), 500, "internal-error");
    assert.doesNotMatch(JSON.stringify(body), /secret/);
    assert.deepEqual(failures, [[error, body.request_id]]);
  }
});

Deno.test("arguments that the engine finds too large are answered by 413", async () => {
  const { app } = brokenApp(new TooLargeError("Arguments must be at most 524288 bytes: got 600000"));
  assert.match((await problem(await app.request("/retry"), 413, "too-large")).detail, /524288/);
});

Deno.test("unknown routes are 404", async () => {
  await using t = await openApp({ start: false });
  for (const path of ["/nope.html", "/v1", "/v1/nope", "/v1/tasks/", "/add", "//", "/v1/tasks/x/y/z"]) {
    await problem(await t.get(path), 404, "unknown-route");
    await problem(await t.post(path), 404, "unknown-route");
  }
});

Deno.test("wrong methods are 405 and name the right ones", async () => {
  await using t = await openApp({ start: false });
  const cases: [method: string, path: string, allow: string][] = [
    ["DELETE", "/v1/tasks", "POST, GET, HEAD, OPTIONS"],
    ["PUT", "/v1/tasks/xyz", "GET, HEAD, OPTIONS"],
    ["DELETE", "/v1/tasks/batch", "POST, OPTIONS"],
    ["GET", "/v1/tasks/xyz/revoke", "POST, OPTIONS"],
    ["POST", "/v1/channels", "GET, HEAD, OPTIONS"],
    ["POST", "/health", "GET, HEAD, OPTIONS"],
    ["POST", "/openapi.json", "GET, HEAD, OPTIONS"],
    ["POST", "/", "GET, HEAD, OPTIONS"],
    ["DELETE", "/result/xyz", "GET, HEAD, OPTIONS"],
  ];
  for (const [method, path, allow] of cases) {
    const response = await t.app.request(path, { method });
    assert.equal(response.headers.get("allow"), allow, path);
    await problem(response, 405, "method-not-allowed");
    const options = await t.app.request(path, { method: "OPTIONS" });
    assert.deepEqual([options.status, options.headers.get("allow")], [204, allow]);
  }
});
