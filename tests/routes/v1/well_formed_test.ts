/** Everything that leaves the process is valid UTF-8 and JSON that strict parsers read (RFC 8259, RFC 7493). */
import assert from "node:assert/strict";
import { task } from "../../support/held_task.ts";
import { nothingStored, openApp, places, problem } from "../../support/open_app.ts";

const HIGH = "\ud83d";
const LOW = "\ude00";

/** Asserts an answer that a strict parser reads. */
async function strict(response: Response): Promise<string> {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(await response.arrayBuffer());
  assert.doesNotMatch(text, /(?<!\\)(\\\\)*\\ud[89a-f]/i, "an escaped half of a surrogate pair");
  for (const header of response.headers.values()) assert.match(header, /^[\t\x20-\x7e]*$/);
  return text;
}

const post = (bytes: Uint8Array<ArrayBuffer>, type = "application/json") => ({
  method: "POST",
  body: bytes,
  headers: { "content-type": type },
});

/** JSON with one byte in place of `#`. */
const withByte = (json: string, ...bytes: number[]) => {
  const [before, after] = json.split("#").map((part) => new TextEncoder().encode(part));
  return new Uint8Array([...before!, ...bytes, ...after!]);
};

/** Bodies with half a surrogate pair: path, body, and the places of the faults. */
const MALFORMED: [path: string, body: string, faults: string[]][] = [
  ["/v1/tasks", '{"name":"echo","args":["\\ud800"]}', ["body /args/0"]],
  ["/v1/tasks", '{"name":"echo","args":["a\\udc00b"]}', ["body /args/0"]],
  ["/v1/tasks", '{"name":"echo","args":["\\udc00\\ud800"]}', ["body /args/0"]],
  ["/v1/tasks", '{"name":"any","args":[{"a":["x",{"b/c~":"\\ud83d"}]}]}', ["body /args/0/a/1/b~1c~0"]],
  ["/v1/tasks", '{"name":"any","args":[{"a":{"\\ud83d":1}}]}', ["body /args/0/a"]],
  ["/v1/tasks", `{"name":"any","args":["${"x".repeat(30_000)}\\ud83d", "\\ud83d"]}`, [
    "body /args/0",
    "body /args/1",
  ]],
  ["/v1/tasks", '{"name":"echo","args":["a"],"tags":["ok","\\ud800"]}', ["body /tags/1"]],
  ["/v1/tasks", '{"name":"ech\\ud800","args":["a"]}', ["body /name"]],
  ["/v1/tasks", '{"name":"echo","args":["a"],"channel":"\\ud800"}', ["body /channel"]],
  ["/v1/tasks", '{"name":"echo","args":["a"],"\\ud800":1}', ["body /\ufffd"]],
  ["/v1/tasks/batch", '{"tasks":[{"name":"echo","args":["a"]},{"name":"echo","args":["\\ud800"]}]}', [
    "body /tasks/1/args/0",
  ]],
  ["/v1/workflows", '{"chain":[{"name":"echo","args":["\\ud800"]},{"name":"echo"}]}', [
    "body /chain/0/args/0",
  ]],
  ["/v1/workflows", '{"map":{"name":"echo","items":["a","\\ud800"]}}', ["body /map/items/1"]],
  ["/v1/schedules", '{"task":{"name":"echo","args":["\\ud800"]},"trigger":{"interval":60}}', [
    "body /task/args/0",
  ]],
  ["/v1/schedules", '{"id":"\\ud800","task":{"name":"echo","args":["a"]},"trigger":{"interval":60}}', [
    "body /id",
  ]],
];

const echo = task("echo", (_ctx, text) => text);
const any = task("any", (_ctx, value) => value);

for (const [path, body, faults] of MALFORMED) {
  Deno.test(`POST ${path} refuses half a surrogate pair: ${body.slice(0, 60)}`, async () => {
    await using t = await openApp({ definitions: [echo, any], start: false });
    const response = await t.post(path, body);
    const text = await strict(response.clone());
    assert.equal(response.status, 422, text);
    assert.deepEqual(places(JSON.parse(text)), faults);
    await nothingStored(t.queue);
  });
}

Deno.test("a pair of surrogates is a character, escaped or not", async () => {
  await using t = await openApp({ definitions: [echo] });
  for (const given of ['"\\ud83d\\ude00"', '"😀"', '"\\\\ud83d"']) {
    const response = await t.post("/v1/tasks", `{"name":"echo","args":[${given}]}`, { prefer: "wait=10" });
    assert.equal(JSON.parse(await strict(response)).result, JSON.parse(given));
  }
});

for (
  const [what, ...bytes] of [
    ["a byte that begins nothing", 0xff],
    ["a character that breaks off", 0xf0, 0x9f, 0x98],
    ["half a surrogate pair", 0xed, 0xa0, 0x80],
    ["a character written too long", 0xc0, 0xaf],
    ["Latin-1", 0xe9],
  ] as [string, ...number[]][]
) {
  Deno.test(`a body that is not UTF-8 is refused with 400: ${what}`, async () => {
    await using t = await openApp({ definitions: [echo], start: false });
    const body = withByte('{"name":"echo","args":["#"]}', ...bytes);
    for (const headers of [{}, { "content-length": String(body.length) }]) {
      const request = post(body);
      const answer = await problem(
        await t.app.request("/v1/tasks", { ...request, headers: { ...request.headers, ...headers } }),
        400,
        "bad-json",
      );
      assert.match(answer.detail, /must be UTF-8/);
    }
    await nothingStored(t.queue);
  });
}

Deno.test("a body may begin with a byte order mark, and hold U+FFFD", async () => {
  await using t = await openApp({ definitions: [echo] });
  const body = withByte('#{"name":"echo","args":["\ufffd"]}', 0xef, 0xbb, 0xbf);
  const response = await t.app.request("/v1/tasks", post(body));
  assert.equal(response.status, 202, await response.text());
});

/** A handler that leaves half a pair in everything that it may leave. */
const leaves = task("leaves", async (ctx, how) => {
  ctx.log.info(`log ${HIGH}`);
  ctx.progress({ at: HIGH, [LOW]: HIGH });
  await ctx.sleep(1);
  if (how === "throws") throw Object.assign(new Error(`message ${HIGH}`), { name: `Type${LOW}` });
  if (how === "throws an object") throw { [HIGH]: LOW };
  if (how === "returns a text") return `cut ${HIGH}`;
  if (how === "returns much") return [HIGH.repeat(20_000)];
  return { [HIGH]: [LOW], toJSON: () => ({ [`${HIGH}x`]: [`\\${LOW}`, "\\ud83d", HIGH + LOW] }) };
});

for (const how of ["returns", "returns a text", "returns much", "throws", "throws an object"]) {
  Deno.test(`what a handler leaves with half a surrogate pair is read by strict parsers: ${how}`, async () => {
    const logged: string[] = [];
    await using t = await openApp({ definitions: [leaves] });
    const { id } = await (await t.post("/v1/tasks", { name: "leaves", args: [how] })).json();
    const events = await t.get(`/v1/tasks/${id}/events`);
    await t.clock.advance(500);
    logged.push(await strict(await t.get(`/v1/tasks/${id}`)));
    assert.match(logged[0]!, /"progress":\{"at":"\ufffd","\ufffd":"\ufffd"\}/);
    await t.ended({ id });
    for (const path of [`/v1/tasks/${id}`, "/v1/tasks", `/result/${id}`]) await strict(await t.get(path));
    await strict(events);
    const seen = await t.queue.get(id);
    assert.equal(JSON.stringify(seen), JSON.stringify(seen).replaceAll(/(?<!\\)(\\\\)*\\ud[89a-f]../g, "?"));
    if (how === "returns") assert.deepEqual(seen.result, { "\ufffdx": ["\\\ufffd", "\\ud83d", "😀"] });
    if (how === "returns a text") assert.equal(seen.result, "cut \ufffd");
    if (how === "throws") assert.equal(seen.error!.message, "message \ufffd");
    for (const { message } of t.events.of("log")) assert(message.isWellFormed());
  });
}

Deno.test("a result with half a surrogate pair goes on to the next task of a chain", async () => {
  await using t = await openApp({ definitions: [leaves, any] });
  const { id, result_id } = await (await t.post("/v1/workflows", {
    chain: [{ name: "leaves", args: ["returns"] }, { name: "any" }],
  })).json();
  await t.ended({ id: result_id });
  const end = JSON.parse(await strict(await t.get(`/v1/workflows/${id}`)));
  assert.deepEqual(end.result, { "\ufffdx": ["\\\ufffd", "\\ud83d", "😀"] });
});

Deno.test("a problem that repeats what it found is read by strict parsers", async () => {
  await using t = await openApp({ definitions: [echo], start: false });
  for (
    const body of ["\\ud800", `${"x".repeat(78)}😀`].map((text) =>
      `{"name":"echo","args":["a"],"delay":"${text}"}`
    )
  ) {
    const response = await t.post("/v1/tasks", body);
    assert.equal(response.status, 422);
    await strict(response);
  }
  await strict(await t.post("/v1/tasks", `{"${HIGH}": x`));
});

Deno.test("a number that a double cannot hold is refused", async () => {
  await using t = await openApp({ definitions: [any], start: false });
  for (const args of ["[1e400]", "[[-1e400]]"]) {
    await problem(await t.post("/v1/tasks", `{"name":"any","args":${args}}`), 422, "invalid-task");
  }
  await nothingStored(t.queue);
});
