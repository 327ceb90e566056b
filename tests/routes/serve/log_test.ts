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
  return { writes, write: (bytes: Uint8Array) => Promise.resolve(keep(bytes)) };
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
  });
  for (let i = 0; i < 100; i++) writer.add(`line ${i}\n`);
  assert.equal(calls, 0);
  await writer.flush();
  assert.equal(written.join(""), Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join(""));
  await writer.flush();
});

/** A stream whose writes the test answers one by one, and the complaints of its writer. */
function heldSink() {
  const writes: { text: string; answer: PromiseWithResolvers<number>; bytes: number }[] = [];
  const said: string[] = [];
  const decoder = new TextDecoder();
  let arrived = Promise.withResolvers<void>();
  const writer = new LineWriter({
    write(bytes) {
      const answer = Promise.withResolvers<number>();
      writes.push({ text: decoder.decode(bytes), answer, bytes: bytes.length });
      arrived.resolve();
      return answer.promise;
    },
  }, (text) => said.push(text));
  /** The next write that is asked for. */
  const next = async () => {
    if (writes.length === 0) await arrived.promise;
    arrived = Promise.withResolvers<void>();
    return writes.shift()!;
  };
  return { writer, said, next };
}

Deno.test("LineWriter keeps 4 MiB while nobody reads, drops what is more, and says so once", async () => {
  const { writer, said, next } = heldSink();
  const line = `${"x".repeat(1023)}\n`;
  writer.add("first\n");
  const first = await next();
  for (let i = 0; i < 4096; i++) writer.add(line);
  assert.deepEqual([writer.dropped, said], [0, []]);
  for (let i = 0; i < 1000; i++) writer.add(line);
  assert.equal(writer.dropped, 1000);
  assert.equal(said.length, 1);
  assert.match(
    said[0]!,
    /^The log cannot be written \(nobody reads it\): .* sluice_log_lines_dropped_total$/,
  );

  // Somebody reads again.
  first.answer.resolve(first.bytes);
  const second = await next();
  assert.equal(second.text, line.repeat(4096));
  writer.add("last\n");
  second.answer.resolve(second.bytes);
  const last = await next();
  assert.equal(last.text, "last\n");
  last.answer.resolve(last.bytes);
  await writer.flush();
  assert.deepEqual([writer.dropped, said.length], [1000, 1]);
});

Deno.test("LineWriter drops the lines that a stream refuses, and goes on with those that follow", async () => {
  const { writer, said, next } = heldSink();
  for (const line of ["a\n", "b\n", "c\n"]) writer.add(line);
  const full = await next();
  writer.add("d\n");
  // The disk has room for one line and a half.
  full.answer.resolve(3);
  (await next()).answer.reject(new Error("No space left on device (os error 28)"));
  const rest = await next();
  assert.equal(rest.text, "\nd\n", "what follows a cut line begins a line of its own");
  rest.answer.resolve(rest.bytes);
  await writer.flush();
  assert.equal(writer.dropped, 3);
  assert.match(said.join(), /^The log cannot be written \(No space left on device \(os error 28\)\): /);
  writer.add("e\n");
  const after = await next();
  assert.equal(after.text, "e\n");
  after.answer.resolve(after.bytes);
  await writer.flush();
});

for (
  const [what, write] of Object.entries({
    "throws at once": () => {
      throw Object.create(null);
    },
    "rejects": () => Promise.reject(new Deno.errors.BrokenPipe("Broken pipe")),
    "takes nothing": () => Promise.resolve(0),
  })
) {
  Deno.test(`LineWriter never throws into a stream's caller: a stream that ${what}`, async () => {
    const said: string[] = [];
    const writer = new LineWriter({ write }, (text) => said.push(text));
    for (let i = 0; i < 3; i++) {
      writer.add("x\n");
      await writer.flush();
    }
    assert.deepEqual([writer.dropped, said.length], [3, 1]);
  });
}

Deno.test("a line longer than all that may wait is written when nothing else waits", async () => {
  const { writer, next } = heldSink();
  const long = `${"x".repeat(5 * 1024 * 1024)}\n`;
  writer.add(long);
  writer.add("y\n");
  const write = await next();
  assert.equal(write.bytes, long.length);
  write.answer.resolve(write.bytes);
  await writer.flush();
  assert.equal(writer.dropped, 1);
});

Deno.test("a log tells any thrown value", async () => {
  const odd = Object.create(null);
  const written = await lines({}, (log) => {
    log.failure(odd, "r-1");
    log.event({ type: "fault", message: "odd", error: odd });
  });
  assert.deepEqual(written.map((line) => JSON.parse(line).error), Array(2).fill("a value that has no text"));
});
