import assert from "node:assert/strict";
import { z } from "zod";
import { defineTask } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { type Body, openApp, places, problem } from "../../support/open_app.ts";
import { stored } from "../../support/rows.ts";

const two = z.tuple([z.int(), z.int()]);
const add = defineTask({ name: "add", args: two, channel: "celery" }, (_ctx, x, y) => x + y);
const mul = defineTask({ name: "mul", args: two, channel: "celery" }, (_ctx, x, y) => x * y);
const held = () => heldTask("held", { channel: "celery" });
const echo = task("echo", (_ctx, ...args) => args, { channel: "celery" });
const bad = task("bad", () => {
  throw new Error("boom");
}, { channel: "celery" });
const definitions = [add, mul, echo, bad];

const CHAIN = {
  chain: [{ name: "add", args: [4, 5] }, { name: "add", args: [6] }, { name: "mul", args: [7] }],
};

Deno.test("POST /v1/workflows: S1's chain is 105, all ids known before it runs", async () => {
  await using t = await openApp({ definitions });
  const response = await t.post("/v1/workflows", CHAIN);
  const posted = await response.json();
  assert.equal(response.status, 202);
  assert.equal(response.headers.get("location"), `/v1/workflows/${posted.id}`);
  const ids = posted.graph.chain.map(({ id }: Body) => id);
  assert.deepEqual(posted, {
    id: ids[0],
    state: "PENDING",
    total: 3,
    finished: 0,
    failed: 0,
    result_id: ids[2],
    result: null,
    error: null,
    created_at: "2026-01-05T09:00:00.000Z",
    date_done: null,
    graph: { chain: ["add", "add", "mul"].map((name, i) => ({ id: ids[i], name, state: "PENDING" })) },
  });
  const waited = await t.get(`/v1/workflows/${posted.id}`, { prefer: "wait=5" });
  assert.equal(waited.headers.get("preference-applied"), "wait=5");
  const done = await waited.json();
  assert.deepEqual([done.state, done.result, done.finished], ["SUCCESS", 105, 3]);
  assert.deepEqual(done.graph.chain.map(({ state }: Body) => state), Array(3).fill("SUCCESS"));
  const last = await (await t.get(`/v1/tasks/${ids[2]}`)).json();
  assert.deepEqual([last.result, last.root_id, last.parent_id], [105, ids[0], ids[1]]);
});

Deno.test("POST /v1/workflows with Prefer: wait answers 200 when it has ended", async () => {
  await using t = await openApp({ definitions });
  const answering = t.post("/v1/workflows", CHAIN, { prefer: "wait=10" });
  await t.clock.advance(1000);
  const response = await answering;
  assert.equal(response.status, 200);
  assert.equal((await response.json()).result, 105);
});

Deno.test("GET /v1/workflows/{id} shows groups, their members and how far they are; ETag and 304", async () => {
  const tasks = held();
  await using t = await openApp({ definitions: [...definitions, tasks.definition] });
  const body = {
    chord: {
      header: [{ name: "held" }, { name: "held", link_error: { name: "echo" } }],
      body: { name: "echo" },
    },
  };
  const { id, graph } = await (await t.post("/v1/workflows", body)).json();
  await t.clock.settle();
  tasks.runs[0]!.finish("a");
  await t.clock.settle();
  const response = await t.get(`/v1/workflows/${id}`);
  const workflow = await response.json();
  const [header, last] = workflow.graph.chain;
  assert.deepEqual([workflow.state, workflow.finished, workflow.total], ["STARTED", 1, 3]);
  assert.equal(last.state, "PENDING");
  assert.deepEqual([header.group.size, header.group.finished], [2, 1]);
  assert.deepEqual(header.group.members.map(({ state }: Body) => state), ["SUCCESS", "STARTED"]);
  assert.equal(header.group.members[1].link_error_id, graph.chain[0].group.members[1].link_error_id);
  const etag = response.headers.get("etag")!;
  const same = await t.get(`/v1/workflows/${id}`, { "if-none-match": etag });
  assert.equal(same.status, 304);
  tasks.runs[1]!.finish("b");
  await t.clock.settle();
  const changed = await t.get(`/v1/workflows/${id}`, { "if-none-match": etag });
  assert.equal(changed.status, 200);
  assert.deepEqual((await changed.json()).result, [["a", "b"]]);
});

Deno.test("a group of over 100 members leaves them out of the graph, and GET /v1/tasks?group_id= lists them", async () => {
  await using t = await openApp({ definitions });
  const items = Array.from({ length: 101 }, (_, i) => [i, 1]);
  const body = { chain: [{ starmap: { name: "add", items } }, { name: "echo" }] };
  const { id } = await (await t.post("/v1/workflows", body)).json();
  await t.clock.advance(1000);
  const { graph } = await (await t.get(`/v1/workflows/${id}`)).json();
  const { group } = graph.chain[0];
  assert.deepEqual(group, { id: group.id, size: 101, finished: 101 });
  const found: Body[] = [];
  for (let next: string | null = ""; next !== null;) {
    const cursor: string = next && `&cursor=${next}`;
    const page = await (await t.get(`/v1/tasks?group_id=${group.id}&limit=50${cursor}`)).json();
    found.push(...page.tasks);
    next = page.next_cursor;
  }
  assert.deepEqual(found.map(({ result }) => result), items.map(([i]) => i! + 1).toReversed());
  const { tasks } = await (await t.get(`/v1/tasks?group_id=${id}`)).json();
  assert.deepEqual(tasks, []);
});

Deno.test("map, starmap, immutable, on_failure and options go through to the engine", async () => {
  await using t = await openApp({ definitions });
  const run = async (body: unknown) => {
    const { id } = await (await t.post("/v1/workflows", body)).json();
    await t.clock.advance(1000);
    return await (await t.get(`/v1/workflows/${id}`)).json();
  };
  assert.deepEqual((await run({ map: { name: "echo", items: [1, [2]] } })).result, [[1], [[2]]]);
  assert.deepEqual((await run({ starmap: { name: "add", items: [[1, 2]] } })).result, [3]);
  const immutable = { chain: [CHAIN.chain[0], { name: "add", args: [1, 1], immutable: true, priority: 9 }] };
  assert.equal((await run(immutable)).result, 2);
  const chord = { chord: { header: [{ name: "bad" }, { name: "echo", args: [1] }], body: { name: "echo" } } };
  const { result: [[failed, fine]] } = await run({ ...chord, on_failure: "continue" });
  assert.deepEqual([failed.error.message, fine], ["boom", [1]]);
  const listed = await run({ ...chord, on_failure: "continue", results: "ids" });
  const [[ids]] = [listed.result];
  const read = await Promise.all(ids.map(async (id: string) => (await t.get(`/v1/tasks/${id}`)).json()));
  assert.deepEqual(read.map(({ state, result }: Body) => [state, result]), [["FAILURE", null], ["SUCCESS", [
    1,
  ]]]);
  const { state, error } = await run(chord);
  assert.deepEqual([state, error.type], ["FAILURE", "ChordError"]);
  assert.deepEqual((await run({ chord: { header: [], body: { name: "echo" } } })).result, [[]]);
  assert.equal((await run({ group: [{ name: "bad" }], on_failure: "revoke" })).state, "FAILURE");
});

Deno.test("POST /v1/workflows/{id}/revoke: 200 when all has ended, 409 after that", async () => {
  const tasks = held();
  await using t = await openApp({ definitions: [...definitions, tasks.definition] });
  const { id } = await (await t.post("/v1/workflows", { chain: [{ name: "held" }, { name: "echo" }] }))
    .json();
  await t.clock.settle();
  const response = await t.post(`/v1/workflows/${id}/revoke`);
  const { state, finished, error } = await response.json();
  assert.deepEqual([response.status, state, finished], [200, "REVOKED", 2]);
  assert.deepEqual([error.type, error.message], ["TaskRevokedError", "Workflow was revoked"]);
  await problem(await t.post(`/v1/workflows/${id}/revoke`), 409, "workflow-final");
});

Deno.test("Idempotency-Key on POST /v1/workflows: the same ids, also beside tasks' keys", async () => {
  await using t = await openApp({ definitions });
  const key = { "idempotency-key": "k" };
  const first = await t.post("/v1/workflows", CHAIN, key);
  const again = await t.post("/v1/workflows", CHAIN, key);
  assert.equal(first.headers.get("idempotent-replayed"), null);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  const ids = ({ graph }: Body) => graph.chain.map(({ id }: Body) => id);
  assert.deepEqual(ids(await again.json()), ids(await first.json()));
  await problem(
    await t.post("/v1/workflows", { chain: [CHAIN.chain[0]] }, key),
    422,
    "idempotency-key-reused",
  );
  await problem(await t.post("/v1/tasks", CHAIN.chain[0], key), 422, "idempotency-key-reused");
  assert.equal((await (await t.get("/v1/tasks")).json()).tasks.length, 3);
});

const A = { name: "add", args: [1, 2] };
const deep = (levels: number): unknown => levels === 1 ? A : { chain: [deep(levels - 1)] };

/** Bodies that are refused: type, places of the faults, and a part of the first detail. */
const REFUSED: [name: string, body: unknown, type: string, faults: string[], detail: RegExp][] = [
  ["an unknown name in the middle", { chain: [A, { name: "ad", args: [1] }, A] }, "invalid-task", [
    "body /chain/1/name",
    "body /chain/2/args",
  ], /did you mean 'add'/],
  ["one unknown name", { chain: [A, { group: [{ name: "ad" }] }] }, "unknown-task", [
    "body /chain/1/group/0/name",
  ], /did you mean 'add'/],
  ["an empty chain", { chain: [] }, "invalid-request", ["body /chain"], /at least one node/],
  [
    "an empty group",
    { chain: [A, { group: [] }] },
    "invalid-task",
    ["body /chain/1/group"],
    /at least one/,
  ],
  [
    "a map of nothing",
    { map: { name: "add", items: [] } },
    "invalid-task",
    ["body /map/items"],
    /got none/,
  ],
  ["21 levels", deep(21), "invalid-request", [`body ${"/chain/0".repeat(20)}`], /20 levels deep/],
  ["100,000 levels", `${'{"chain":['.repeat(1e5)}${"]}".repeat(1e5)}`, "invalid-request", [
    `body ${"/chain/0".repeat(20)}`,
  ], /20 levels deep/],
  ["10,001 members", { map: { name: "echo", items: Array(10_001).fill(0) } }, "invalid-task", [
    "body ",
  ], /at most 10000 tasks/],
  ["arguments that do not fit behind the result", { chain: [A, A] }, "invalid-task", [
    "body /chain/1/args",
  ], /./],
  [
    "an argument of the wrong type behind the result",
    { chain: [A, { name: "add", args: ["x"] }] },
    "invalid-task",
    [
      "body /chain/1/args/0",
    ],
    /number/,
  ],
  ["an item of the wrong type", { starmap: { name: "add", items: [[1, 2], [1, "x"]] } }, "invalid-task", [
    "body /starmap/items/1/1",
  ], /number/],
  ["items that are no lists", { starmap: { name: "add", items: [1] } }, "invalid-request", [
    "body /starmap/items/0",
  ], /array of arguments/],
  [
    "a map of an unknown name",
    { map: { name: "ad", items: [1, 2] } },
    "unknown-task",
    ["body /map/name"],
    /add/,
  ],
  [
    "a chord without a body",
    { chord: { header: [A] } },
    "invalid-request",
    ["body /chord/body"],
    /must be a task/,
  ],
  ["a chord without a header", { chord: { body: { name: "echo" } } }, "invalid-request", [
    "body /chord/header",
  ], /array of nodes/],
  [
    "two kinds in one node",
    { chain: [A], group: [A] },
    "invalid-request",
    ["body "],
    /only one of chain, group/,
  ],
  [
    "results nonsense",
    { chord: { header: [A], body: { name: "echo" } }, results: "all" },
    "invalid-request",
    [
      "body /results",
    ],
    /must be ids/,
  ],
  ["on_failure nonsense", { group: [A], on_failure: "ignore" }, "invalid-request", [
    "body /on_failure",
  ], /revoke or continue/],
  ["an unknown field", { group: [A], on_failur: "revoke" }, "invalid-request", [
    "body /on_failur",
  ], /did you mean 'on_failure'/],
  ["a link_error that is no task", { ...A, link_error: { name: "ecko" } }, "unknown-task", [
    "body /link_error/name",
  ], /did you mean 'echo'/],
  ["a link_error of a link_error", { ...A, link_error: { name: "echo", link_error: A } }, "invalid-request", [
    "body /link_error/link_error",
  ], /Unknown field/],
  ["a list", [A], "invalid-request", ["body "], /must be a task/],
  [
    "every fault at once",
    {
      chain: [{ name: "add", args: [1, "x"] }, {
        group: [{ name: "add", priority: 11, args: [] }, { name: "ad" }],
      }, 7],
    },
    "invalid-request",
    [
      "body /chain/1/group/0/priority",
      "body /chain/2",
      "body /chain/0/args/1",
      "body /chain/1/group/0/args",
      "body /chain/1/group/1/name",
    ],
    /0 to 9/,
  ],
];

for (const [name, body, type, faults, detail] of REFUSED) {
  Deno.test(`POST /v1/workflows refuses ${name}`, async () => {
    await using t = await openApp({ definitions, start: false });
    const answer = await problem(await t.post("/v1/workflows", body), 422, type);
    assert.deepEqual(places(answer), faults);
    assert.match(answer.errors[0].detail, detail);
    assert.deepEqual(await stored(t.store), {});
  });
}

Deno.test("20 levels and 10,000 members are taken", async () => {
  await using t = await openApp({ definitions, channels: {} });
  assert.equal((await t.post("/v1/workflows", deep(20))).status, 202);
  const response = await t.post("/v1/workflows", { map: { name: "echo", items: Array(10_000).fill(0) } });
  assert.equal((await response.json()).total, 10_000);
});

Deno.test("ids that name no workflow are told apart", async () => {
  await using t = await openApp({ definitions });
  const { id } = await (await t.post("/v1/tasks", A)).json();
  await problem(await t.get("/v1/workflows/x"), 404, "malformed-id");
  await problem(await t.get(`/v1/workflows/${id}`), 404, "workflow-unknown");
  await problem(await t.post(`/v1/workflows/${id}/revoke`), 404, "workflow-unknown");
});
