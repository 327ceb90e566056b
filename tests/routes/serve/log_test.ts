import assert from "node:assert/strict";
import { type QueueEvent, StoreUnavailableError } from "../../../queue/mod.ts";
import { createLog } from "../../../routes/mod.ts";
import type { LogOptions } from "../../../routes/serve/log.ts";
import { LineWriter } from "../../../routes/serve/line_writer.ts";

const TASK = { id: "01a1fc6e-dd56-7026-b5e1-0c93f7f6f3ac", name: "app.tasks.add", channel: "celery" };
const NOW = Date.UTC(2026, 0, 5, 9);

/** A stream that keeps what is written. */
function memorySink() {
  const decoder = new TextDecoder();
  const writes: string[] = [];
  const keep = (bytes: Uint8Array) => writes.push(decoder.decode(bytes)) && bytes.length;
  return { writes, write: (bytes: Uint8Array) => Promise.resolve(keep(bytes)), writeSync: keep };
}

async function lines(options: Partial<LogOptions>, use: (log: ReturnType<typeof createLog>) => void) {
  const sink = memorySink();
  const log = createLog({ sink, format: "json", level: "info", now: () => NOW, ...options });
  use(log);
  await log.flush();
  return sink.writes.join("").split("\n").slice(0, -1);
}

const EVENTS: [QueueEvent, Record<string, unknown>][] = [
  [{ type: "submitted", task: TASK, delay: 0 }, { level: "info" }],
  [{ type: "submitted", task: TASK, delay: 1.5 }, { level: "info", delay: 1.5 }],
  [{ type: "started", task: TASK, retries: 0, waited: 0.002 }, { level: "info", waited: 0.002 }],
  [{ type: "retried", task: TASK, retries: 1, delay: 5, duration: 2, error: "Error: x" }, {
    level: "warn",
    retries: 1,
    delay: 5,
    duration: 2,
    error: "Error: x",
  }],
  [{ type: "finished", task: TASK, state: "SUCCESS", duration: 20, error: null }, {
    level: "info",
    state: "SUCCESS",
    duration: 20,
  }],
  [{ type: "finished", task: TASK, state: "FAILURE", duration: 20, error: 'Error: "x"\ny' }, {
    level: "error",
    state: "FAILURE",
    duration: 20,
    error: 'Error: "x"\ny',
  }],
  [{ type: "finished", task: TASK, state: "REVOKED", duration: null, error: "Expired: late" }, {
    level: "info",
    state: "REVOKED",
    error: "Expired: late",
  }],
  [{ type: "lost", task: TASK, deliveries: 2 }, { level: "warn", deliveries: 2 }],
  [{ type: "returned", task: TASK }, { level: "info" }],
];

for (const [event, expected] of EVENTS) {
  Deno.test(`a log writes one JSON line for ${JSON.stringify(event).slice(0, 40)}…`, async () => {
    const [line, ...more] = await lines({}, (log) => log.event(event));
    assert.deepEqual(more, []);
    const { level, ...fields } = expected;
    assert.deepEqual(JSON.parse(line!), {
      time: "2026-01-05T09:00:00.000Z",
      level,
      message: event.type,
      task_id: TASK.id,
      name: TASK.name,
      channel: TASK.channel,
      ...fields,
    });
  });
}

Deno.test("a log writes what the engine and the process tell about themselves", async () => {
  const written = await lines({}, (log) => {
    log.event({ type: "registered", worker: "w-1" });
    log.event({ type: "rescued", worker: "w-1", tasks: 3 });
    log.event({ type: "fenced", worker: "w-1" });
    log.event({ type: "stopping", running: 2 });
    log.event({ type: "stopped" });
    log.event({ type: "fault", message: "cannot rescue", error: new Error("cause") });
    log.event({ type: "fault", message: "said once by the store", error: new StoreUnavailableError("away") });
    log.event({ type: "log", task: TASK, level: "warn", message: "This is\nimportant" });
    log.failure(new Error("hidden"), "r-1");
    log.write("info", "Sluice listens", { port: 8000 });
  });
  const parsed = written.map((line) => JSON.parse(line));
  assert.deepEqual(parsed.map(({ level, message }) => `${level} ${message}`), [
    "info registered",
    "warn rescued",
    "warn fenced",
    "info stopping",
    "info stopped",
    "error cannot rescue",
    "warn This is\nimportant",
    "error request failed",
    "info Sluice listens",
  ]);
  assert.match(parsed[5].error, /^Error: cause\n/);
  assert.match(parsed[7].error, /^Error: hidden\n/);
});

Deno.test("a log leaves out what is below its level", async () => {
  const written = await lines({ level: "error" }, (log) => {
    log.event({ type: "submitted", task: TASK, delay: 0 });
    log.event({ type: "log", task: TASK, level: "debug", message: "x" });
    log.access({ requestId: "r", method: "GET", path: "/", status: 200, duration: 1 });
    log.access({ requestId: "r", method: "GET", path: "/", status: 500, duration: 1 });
  });
  assert.equal(written.length, 1);
  assert.equal(JSON.parse(written[0]!).status, 500);
});

Deno.test("a log writes readable lines that a client cannot break", async () => {
  const written = await lines({ format: "text" }, (log) => {
    log.event({ type: "started", task: TASK, retries: 0, waited: 0.002 });
    log.access({ requestId: "r-1", method: "GET", path: "/a\nb \x1b[31m", status: 404, duration: 0.12345 });
    log.event({ type: "log", task: TASK, level: "info", message: "x\r\ny" });
  });
  assert.deepEqual(written, [
    `09:00:00.000 INFO  started   task_id=${TASK.id} name=app.tasks.add channel=celery waited=0.002`,
    '09:00:00.000 INFO  request   method=GET path="/a\\nb \\u001b[31m" status=404 ms=0.123 request_id=r-1',
    `09:00:00.000 INFO  x  y      task_id=${TASK.id} name=app.tasks.add channel=celery`,
  ]);
});

Deno.test("a log's JSON is read by strict parsers, and its text has nothing that a terminal obeys", async () => {
  const use = (log: ReturnType<typeof createLog>) => {
    log.event({
      type: "log",
      task: { ...TASK, name: "a\ud83d\x9b" },
      level: "info",
      message: "cut \ud83d\x9b31m",
    });
    log.failure(new Error("\ud83d\x1b[2J\x9b\n\u202e"), "r");
  };
  const json = await lines({}, use);
  assert.deepEqual(json.map((line) => JSON.parse(line).message), ["cut \ufffd\x9b31m", "request failed"]);
  for (const line of json) assert.doesNotMatch(line, /\\ud[89a-f]/);
  const text = (await lines({ format: "text" }, use)).join("\n");
  // deno-lint-ignore no-control-regex -- they are what must not be there
  assert.doesNotMatch(text, /[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
});

Deno.test("LineWriter writes many lines at once, in order, however little each write takes", async () => {
  const written: string[] = [];
  const decoder = new TextDecoder();
  let calls = 0;
  const writer = new LineWriter({
    write(bytes) {
      calls++;
      const taken = bytes.subarray(0, 7);
      written.push(decoder.decode(taken));
      return Promise.resolve(taken.length);
    },
    writeSync: () => assert.fail("nothing waits long enough"),
  });
  for (let i = 0; i < 100; i++) writer.add(`line ${i}\n`);
  assert.equal(calls, 0);
  await writer.flush();
  assert.equal(written.join(""), Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join(""));
  await writer.flush();
});

Deno.test("LineWriter blocks rather than hold more than 1 MiB", async () => {
  const reader = Promise.withResolvers<void>();
  let first = true, sync = 0;
  const writer = new LineWriter({
    async write(bytes) {
      if (first) await reader.promise;
      first = false;
      return bytes.length;
    },
    writeSync: (bytes) => (sync += bytes.length, bytes.length),
  });
  const line = `${"x".repeat(1023)}\n`;
  for (let i = 0; i < 3000; i++) writer.add(line);
  assert.ok(sync > 2 * 1024 * 1024, `wrote ${sync} bytes at once`);
  reader.resolve();
  await writer.flush();
});
