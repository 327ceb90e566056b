/** `/internal/tick`, the clock from outside. */
import assert from "node:assert/strict";
import { tickRoutes } from "../../../routes/serve/tick.ts";
import { task } from "../../support/held_task.ts";
import { openApp, problem } from "../../support/open_app.ts";

const TOKEN = "a-clock-of-16-char";
const AS_CLOCK = { authorization: `Bearer ${TOKEN}` };
const quick = task("quick", () => 1);

/** The lines of an answer. */
async function linesOf(response: Response): Promise<Record<string, unknown>[]> {
  const text = await response.text();
  assert(text.endsWith("\n"));
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("/internal/tick is no route without a token of its own", async () => {
  await using t = await openApp({ start: false });
  await problem(await t.post("/internal/tick"), 404, "unknown-route");
  const document = await (await t.get("/openapi.json")).json();
  assert.equal(document.paths["/internal/tick"], undefined);
});

Deno.test("/internal/tick asks for its own token, and for no other", async () => {
  await using t = await openApp({ start: false, apiToken: "a-token-of-16-char", tickToken: TOKEN });
  for (const authorization of ["", "Bearer", "Bearer a-token-of-16-char", TOKEN]) {
    const response = await t.post("/internal/tick", undefined, { authorization });
    assert.match(response.headers.get("www-authenticate")!, /^Bearer realm="sluice"/);
    await problem(response, 401, "unauthorized");
  }
  await problem(await t.get("/v1/tasks", AS_CLOCK), 401, "unauthorized");
  const answer = await t.app.request("/internal/tick", { headers: AS_CLOCK });
  assert.equal(answer.headers.get("allow"), "POST, OPTIONS");
  await problem(answer, 405, "method-not-allowed");
  const document = await (await t.get("/openapi.json", { authorization: "Bearer a-token-of-16-char" }))
    .json();
  assert.deepEqual(document.paths["/internal/tick"].post.security, [{ tick: [] }]);
  assert.deepEqual(document.components.securitySchemes.tick, { type: "http", scheme: "bearer" });
});

Deno.test("/internal/tick fires what is due, works it off, and tells what was done", async () => {
  await using t = await openApp({
    definitions: [quick],
    schedules: [{ id: "hourly", trigger: { interval: 3600 }, task: quick, args: [] }],
    onDemand: true,
    tickToken: TOKEN,
  });
  await t.queue.tick();
  await t.queue.submit(quick, [], { delay: 1800 });
  await t.clock.advance(3_600_000);
  const response = await t.post("/internal/tick?seconds=30", undefined, AS_CLOCK);
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  const answered = linesOf(response);
  await t.clock.advance(1000);
  const [{ seconds, ...done }, ...more] = await answered as [Record<string, unknown>];
  assert.deepEqual(more, []);
  assert.equal(typeof seconds, "number");
  assert.deepEqual(done, {
    status: "done",
    submitted: 1,
    started: 2,
    retried: 0,
    succeeded: 2,
    failed: 0,
    revoked: 0,
  });
});

Deno.test("/internal/tick refuses seconds out of its range, and does nothing", async () => {
  await using t = await openApp({ start: false, tickToken: TOKEN });
  for (const seconds of ["0", "601", "x", "-1", "1.5", ""]) {
    const body = await problem(
      await t.post(`/internal/tick?seconds=${seconds}`, undefined, AS_CLOCK),
      422,
      "invalid-request",
    );
    assert.deepEqual(body.errors.map((fault: { in: string; pointer: string }) => [fault.in, fault.pointer]), [
      ["query", "/seconds"],
    ]);
  }
});

Deno.test("/internal/tick sends a line every 2 s, and ends when the client goes", async () => {
  const called: { seconds?: number; signal?: AbortSignal }[] = [];
  const tick = (options: typeof called[number] = {}) => {
    called.push(options);
    return new Promise<never>((_, reject) =>
      options.signal!.onabort = () => reject(new Error("it has gone"))
    );
  };
  const failed: unknown[] = [];
  const app = tickRoutes({ tick }, TOKEN, (error) => failed.push(error));
  const response = await app.request("/internal/tick", { method: "POST", headers: AS_CLOCK });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  const { status, seconds } = JSON.parse(value!);
  assert.equal(status, "working");
  assert(seconds >= 1.9, `${seconds}`);
  await reader.cancel();
  assert.deepEqual(called.map(({ seconds, signal }) => [seconds, signal!.aborted]), [[50, true]]);
  assert.equal(failed.length, 0);
});

Deno.test("a tick that fails says so in its last line, and why in the log only", async () => {
  const failed: unknown[] = [];
  const broken = new Error("a secret");
  const app = tickRoutes({ tick: () => Promise.reject(broken) }, TOKEN, (error) => failed.push(error));
  const response = await app.request("/internal/tick", { method: "POST", headers: AS_CLOCK });
  const [{ seconds: _, ...line }] = await linesOf(response) as [Record<string, unknown>];
  assert.deepEqual(line, { status: "failed" });
  assert.deepEqual(failed, [broken]);
});
