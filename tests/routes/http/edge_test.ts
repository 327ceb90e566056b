/**
 * The edge of HTTP on real sockets: framing, cut bodies, methods, hosts and media types, slow and idle clients. Each case
 * is what a client sends, what comes back, and how many lines the log has afterwards.
 */
import assert from "node:assert/strict";
import { createApp } from "../../../routes/mod.ts";
import { task } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";

const ADD = JSON.stringify({ name: "quick", args: [1] });

/** A task that was never made, as version 4 of UUIDs has them. */
const FOREIGN = "c1b3e7a0-9f1d-4c55-8d2e-0f6f3c1f7a11";

interface Exchange {
  /** What the client sends. */
  readonly sent: string;
  /** Whether it closes its side then. */
  readonly cut?: true;
  /** Status lines and what else the answers must have. */
  readonly answers: readonly RegExp[];
  /** What no answer may have. */
  readonly never?: RegExp;
  /** Lines of answered requests. No case may leave a line of a failure. */
  readonly lines: number;
}

const get = (path: string, ...headers: string[]) => head("GET", path, ...headers);

/** A head with a Host, after whose request the connection ends, unless the case says otherwise. */
function head(method: string, path: string, ...headers: string[]): string {
  const standard = ["host: a", "connection: close"].filter((header) =>
    !headers.some((own) => own.split(":")[0] === header.split(":")[0])
  );
  return [`${method} ${path} HTTP/1.1`, ...standard, ...headers, "", ""].join("\r\n");
}

const STAYS = "connection: keep-alive";

const JSON_TYPE = "content-type: application/json";

function post(path: string, body: string, ...headers: string[]): string {
  const type = headers.some((header) => /^content-type:/i.test(header)) ? [] : [JSON_TYPE];
  return head("POST", path, ...type, ...headers, `content-length: ${body.length}`) + body;
}

/** An answer that is a problem of this type. */
const problem = (status: number, type: string) =>
  new RegExp(`^HTTP/1.1 ${status} .*urn:sluice:problem:${type}"`, "s");

const RUNTIME = /underlying resource|at file:|\.ts:\d/;

/** The answer to a body that ends too early. */
const BROKEN_OFF = {
  cut: true,
  answers: [problem(400, "bad-json"), /it broke off before its end/],
  never: RUNTIME,
  lines: 1,
} as const;

const CASES: Readonly<Record<string, Exchange>> = {
  "a chunked body that breaks off": {
    sent: head("POST", "/v1/tasks", JSON_TYPE, "transfer-encoding: chunked") + `20\r\n{"name":`,
    ...BROKEN_OFF,
  },
  "a chunked body without its last chunk": {
    sent: head("POST", "/v1/tasks", JSON_TYPE, "transfer-encoding: chunked") +
      `${ADD.length.toString(16)}\r\n${ADD}\r\n`,
    ...BROKEN_OFF,
  },
  "a chunked body with a size that is none": {
    sent: head("POST", "/v1/tasks", JSON_TYPE, "transfer-encoding: chunked") + `zz\r\n${ADD}\r\n0\r\n\r\n`,
    // Deno ends the connection, and the app hears of nothing.
    answers: [],
    lines: 0,
  },
  "a body shorter than its content-length": {
    sent: head("POST", "/v1/tasks", JSON_TYPE, "content-length: 500") + ADD,
    ...BROKEN_OFF,
  },
  "a chunked body that is whole": {
    sent: head("POST", "/v1/tasks", JSON_TYPE, "transfer-encoding: chunked") +
      `${ADD.length.toString(16)}\r\n${ADD}\r\n0\r\n\r\n`,
    answers: [/^HTTP\/1.1 202 /],
    lines: 1,
  },
  "a head that breaks off": { sent: "POST /v1/tasks HTTP/1.1\r\nhost:", cut: true, answers: [], lines: 0 },
  "a text that is no request": {
    sent: "hello\r\n\r\n",
    answers: [/^HTTP\/1.1 400 /],
    lines: 0,
  },
  "two content lengths": {
    sent: head("POST", "/v1/tasks", JSON_TYPE, "content-length: 5", "content-length: 6") + "{}   ",
    answers: [/^HTTP\/1.1 400 /],
    lines: 0,
  },
  "two requests in one piece": {
    sent: get("/health/live", STAYS) + get("/nope.html"),
    answers: [/^HTTP\/1.1 200 [^]*alive[^]*HTTP\/1.1 404 [^]*unknown-route/],
    lines: 2,
  },
  "a submission and a read in one piece": {
    sent: post("/v1/tasks", ADD, STAYS) + get("/health/live"),
    answers: [/^HTTP\/1.1 202 [^]*HTTP\/1.1 200 [^]*alive/],
    lines: 2,
  },
  "HEAD of a route that answers GET": {
    sent: head("HEAD", "/health/live"),
    answers: [/^HTTP\/1.1 200 [^]*content-length: 18\r\n[^]*\r\n\r\n$/],
    lines: 1,
  },
  "HEAD of a route that there is not": {
    sent: head("HEAD", "/nope.html"),
    answers: [/^HTTP\/1.1 404 [^]*content-length: [1-9]\d\d\r\n[^]*\r\n\r\n$/],
    lines: 1,
  },
  "a wait within a quoted text": {
    sent: post("/v1/tasks", ADD, 'prefer: a="x,wait=0"'),
    answers: [/^HTTP\/1.1 202 /],
    never: /preference-applied/,
    lines: 1,
  },
  "the literal path of every middleware": {
    sent: get("/*"),
    answers: [problem(404, "unknown-route")],
    never: /x-request-id[^]*x-request-id/,
    lines: 1,
  },
  "OPTIONS of the server": {
    sent: head("OPTIONS", "*"),
    answers: [/^HTTP\/1.1 \d{3} /],
    never: /x-request-id[^]*x-request-id/,
    lines: 1,
  },
  "a Host with a path and a query": {
    sent: get("/v1/tasks", "host: x/health?"),
    answers: [problem(400, "bad-host")],
    never: /"status":"/,
    lines: 1,
  },
  "a Host with a fragment": {
    sent: get("/v1/tasks", "host: x/health#"),
    answers: [problem(400, "bad-host")],
    lines: 1,
  },
  "a Host with a query": {
    sent: get("/health/live", "host: x?"),
    answers: [problem(400, "bad-host")],
    lines: 1,
  },
  "a Host with a name before an @": {
    sent: get("/health/live", "host: user@x"),
    answers: [problem(400, "bad-host")],
    lines: 1,
  },
  "a Host that is an address with a port": {
    sent: get("/health/live", "host: [::1]:8000"),
    answers: [/^HTTP\/1.1 200 /],
    lines: 1,
  },
  "two Hosts": {
    sent: get("/health/live", "host: a", "host: b"),
    answers: [/^HTTP\/1.1 400 /],
    lines: 0,
  },
  "a patch that is no merge patch": {
    sent: post("/v1/tasks", ADD, "content-type: application/json-patch+json"),
    answers: [problem(415, "unsupported-media-type")],
    lines: 1,
  },
  "a merge patch where nothing is patched": {
    sent: post("/v1/tasks", ADD, "content-type: application/merge-patch+json"),
    answers: [problem(415, "unsupported-media-type")],
    lines: 1,
  },
  "another charset": {
    sent: post("/v1/tasks", ADD, "content-type: application/json; charset=utf-16"),
    answers: [problem(415, "unsupported-media-type")],
    lines: 1,
  },
  "the charset of JSON, quoted": {
    sent: post("/v1/tasks", ADD, 'content-type: Application/JSON; charset="UTF-8"'),
    answers: [/^HTTP\/1.1 202 /],
    lines: 1,
  },
  "an id of another kind of UUID": {
    sent: get(`/v1/tasks/${FOREIGN.toUpperCase()}`),
    answers: [problem(404, "task-unknown")],
    lines: 1,
  },
  "a moment in the year 1": {
    sent: post("/v1/tasks", JSON.stringify({ name: "quick", args: [1], run_at: "0001-01-01T00:00:00Z" })),
    answers: [/^HTTP\/1.1 202 /],
    lines: 1,
  },
};

/** The app on a port of its own, and the lines of its log. */
async function serve() {
  const quick = task("quick", (_ctx, n) => n);
  const q = await openQueue({ definitions: [quick], start: false });
  const lines: string[] = [];
  const failures: unknown[] = [];
  const log = {
    access: ({ method, path, status }: { method: string; path: string; status: number }) =>
      lines.push(`${method} ${path} ${status}`),
    failure: (error: unknown) => failures.push(error),
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    createApp({ queue: q.queue, log }).fetch,
  );
  const { port } = server.addr as Deno.NetAddr;
  return {
    lines,
    failures,
    queue: q.queue,
    connect: () => Deno.connect({ hostname: "127.0.0.1", port }),
    /** Lets what is under way end. */
    stop: () => server.shutdown(),
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await q.close();
    },
  };
}

async function send(client: Deno.Conn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let sent = 0; sent < bytes.length;) sent += await client.write(bytes.subarray(sent));
}

/** All that comes back until the connection ends. */
async function exchange(client: Deno.TcpConn, text: string, cut = false): Promise<string> {
  await send(client, text);
  if (cut) await client.closeWrite();
  return await new Response(client.readable).text();
}

for (const [name, { sent, cut, answers, never, lines }] of Object.entries(CASES)) {
  Deno.test(`at the edge of HTTP: ${name}`, async () => {
    await using server = await serve();
    const answer = await exchange(await server.connect(), sent, cut);
    for (const expected of answers) assert.match(answer, expected);
    if (answers.length === 0) assert.equal(answer, "");
    if (never) assert.doesNotMatch(answer, never);
    await server.stop();
    assert.equal(server.lines.length, lines, server.lines.join("\n"));
    assert.deepEqual(server.failures, []);
  });
}

Deno.test("at the edge of HTTP: every answer says that its type is not to be guessed", async () => {
  await using server = await serve();
  const requests = [
    get("/"),
    get("/nope.html"),
    get("/docs"),
    head("OPTIONS", "/v1/tasks"),
    post("/v1/tasks", ADD),
  ];
  for (const request of [...requests, get("/v1/tasks", "host: x?")]) {
    const answer = await exchange(await server.connect(), request);
    assert.equal(answer.match(/^x-content-type-options: nosniff\r$/gm)?.length, 1, answer);
  }
});

Deno.test("at the edge of HTTP: an id is read in either case of its letters", async () => {
  await using server = await serve();
  const { id } = await server.queue.submitAll([{ name: "quick", args: [1] }]).then(({ tasks }) => tasks[0]!);
  for (const path of [`/v1/tasks/${id.toUpperCase()}`, `/v1/tasks?root_id=${id.toUpperCase()}`]) {
    assert.ok((await exchange(await server.connect(), get(path))).includes(`"id":"${id}"`), path);
  }
});

Deno.test("at the edge of HTTP: heads that come byte by byte, and 200 idle sockets, hold nobody up", async () => {
  await using server = await serve();
  const idle = await Promise.all(Array.from({ length: 200 }, () => server.connect()));
  const slow = await Promise.all(Array.from({ length: 20 }, () => server.connect()));
  const request = get("/health/live");
  for (const byte of request.slice(0, -1)) {
    for (const client of slow) await send(client, byte);
  }
  assert.match(await exchange(await server.connect(), request), /^HTTP\/1.1 200 /);
  assert.equal(server.lines.length, 1);
  for (const client of slow) {
    assert.match(await exchange(client, request.slice(-1)), /^HTTP\/1.1 200 /);
  }
  assert.equal(server.lines.length, 1 + slow.length);
  for (const client of idle) client.close();
  assert.deepEqual(server.failures, []);
});
