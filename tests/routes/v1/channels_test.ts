import assert from "node:assert/strict";
import { heldTask, task } from "../../support/held_task.ts";
import { type Body, nothingStored, openApp, places, problem } from "../../support/open_app.ts";
import { rowsOf } from "../../support/rows.ts";

/** An app with a channel `mail`, and requests to change it. */
async function openMail(options: Parameters<typeof openApp>[0] = {}) {
  const held = heldTask("held", { channel: "mail" });
  const t = await openApp({ definitions: [held.definition], channels: { mail: 2 }, ...options });
  const patch = (name: string, body: unknown, type = "application/merge-patch+json") =>
    t.app.request(`/v1/channels/${name}`, {
      method: "PATCH",
      headers: { "content-type": type },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  const submit = () => t.post("/v1/tasks", { name: "held", args: [] });
  return { t, held, patch, submit };
}

Deno.test("PATCH /v1/channels/{name} sets what it names, and null is the default again", async () => {
  const { t, patch } = await openMail();
  await using _ = t;
  const set = await patch("mail", { paused: true, slots: 7, rate_limit: "10/m", burst: 3, max_depth: 100 });
  assert.equal(set.status, 200);
  const channel = {
    name: "mail",
    paused: true,
    slots: 7,
    rate_limit: "10/m",
    burst: 3,
    max_depth: 100,
    ready: 0,
    delayed: 0,
    blocked: 0,
    running: 0,
    oldest_age: null,
  };
  assert.deepEqual(await set.json(), channel);
  assert.deepEqual(await (await patch("mail", { slots: 3 }, "application/json")).json(), {
    ...channel,
    slots: 3,
  });
  assert.deepEqual((await (await t.get("/v1/channels")).json()).channels, [{ ...channel, slots: 3 }]);
  const reset = await (await patch("mail", { paused: null, slots: null, rate_limit: null, max_depth: null }))
    .json();
  assert.deepEqual(reset, {
    ...channel,
    paused: false,
    slots: 2,
    rate_limit: null,
    burst: null,
    max_depth: null,
  });
  assert.deepEqual(await rowsOf(t.store, "channel"), []);
});

Deno.test("a paused channel starts nothing until it is resumed", async () => {
  const { t, held, patch, submit } = await openMail();
  await using _ = t;
  await (await patch("mail", { paused: true })).body?.cancel();
  const { id } = await (await submit()).json();
  await t.clock.advance(60_000);
  assert.equal((await (await t.get(`/v1/tasks/${id}`)).json()).state, "PENDING");
  await (await patch("mail", { paused: false })).body?.cancel();
  await t.clock.settle();
  assert.equal((await (await t.get(`/v1/tasks/${id}`)).json()).state, "STARTED");
  held.runs[0]!.finish();
  await t.clock.settle();
});

Deno.test("a full channel is a 429 with Retry-After, for one task and for a batch; others are not concerned", async () => {
  const other = task("other", () => 1, { channel: "other" });
  const { t, held, patch, submit } = await openMail({
    definitions: [heldTask("held", { channel: "mail" }).definition, other],
    channels: { mail: 1, other: 1 },
    start: false,
  });
  await using _ = t;
  await (await patch("mail", { max_depth: 3 })).body?.cancel();
  for (let n = 0; n < 3; n++) assert.equal((await submit()).status, 202);
  const refused = await submit();
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.match(
    (await problem(refused, 429, "over-capacity")).detail,
    /^Channel 'mail' has no room: at most 3/,
  );
  const batch = await t.post("/v1/tasks/batch", {
    tasks: [{ name: "other", args: [] }, { name: "held", args: [] }],
  });
  await problem(batch, 429, "over-capacity");
  assert.equal((await t.queue.list()).tasks.length, 3);
  assert.equal((await t.post("/v1/tasks", { name: "other", args: [] })).status, 202);
  await t.clock.advance(1000);
  assert.equal((await submit()).status, 429);
  await (await patch("mail", { max_depth: null })).body?.cancel();
  assert.equal((await submit()).status, 202);
  assert.equal(held.runs.length, 0);
});

Deno.test("POST /v1/channels/{name}/purge ends what waits, when the name is confirmed", async () => {
  const { t, held, submit } = await openMail();
  await using _ = t;
  const ids: string[] = [];
  for (let n = 0; n < 6; n++) ids.push((await (await submit()).json()).id);
  await t.clock.settle();
  const purge = (name: string, body?: unknown) => t.post(`/v1/channels/${name}/purge`, body);
  for (
    const [body, status, type] of [
      [{ confirm: "male" }, 422, "invalid-request"],
      [{ confirm: "" }, 422, "invalid-request"],
      [{ confirm: true }, 422, "invalid-request"],
      [{}, 422, "invalid-request"],
      [{ confirm: "mail", force: true }, 422, "invalid-request"],
      ["no json", 400, "bad-json"],
    ] as const
  ) {
    const answer = await problem(await purge("mail", body), status, type);
    if (type === "invalid-request") {
      assert.deepEqual(places(answer), [
        Object.hasOwn(Object(body), "force") ? "body /force" : "body /confirm",
      ]);
    }
  }
  assert.deepEqual(places(await problem(await t.post("/v1/channels/mail/purge"), 422, "invalid-request")), [
    "body /confirm",
  ]);
  assert.match(
    (await problem(await purge("mial", { confirm: "mial" }), 404, "channel-unknown")).detail,
    /did you mean 'mail'\?$/,
  );
  const done = await purge("mail", { confirm: "mail" });
  assert.equal(done.status, 200);
  assert.deepEqual(await done.json(), { purged: 4 });
  const states = await Promise.all(
    ids.map(async (id) => (await (await t.get(`/v1/tasks/${id}`)).json()).state),
  );
  assert.deepEqual(states, ["STARTED", "STARTED", "REVOKED", "REVOKED", "REVOKED", "REVOKED"]);
  for (const { finish } of held.runs) finish();
  await t.clock.settle();
});

Deno.test("a patch that a channel cannot take is refused with every place, and changes nothing", async () => {
  const { t, patch } = await openMail();
  await using _ = t;
  const refused: [unknown, string, string[]][] = [
    [{ rate_limit: "often" }, "invalid-channel", ["body /rate_limit"]],
    [{ rate_limit: "10/w" }, "invalid-channel", ["body /rate_limit"]],
    [{ rate_limit: "0/s" }, "invalid-channel", ["body /rate_limit"]],
    [{ rate_limit: "" }, "invalid-channel", ["body /rate_limit"]],
    [{ burst: 2 }, "invalid-channel", ["body /burst"]],
    [{ rate_limit: "10/m", burst: 11 }, "invalid-channel", ["body /burst"]],
    [{ burst: 0 }, "invalid-request", ["body /burst"]],
    [{ rate_limit: 10 }, "invalid-request", ["body /rate_limit"]],
    [{ slots: 0 }, "invalid-request", ["body /slots"]],
    [{ slots: 2.5, max_depth: -1 }, "invalid-request", ["body /slots", "body /max_depth"]],
    [{ paused: "yes", max_depth: 100_001 }, "invalid-request", ["body /paused", "body /max_depth"]],
    [{ pause: true }, "invalid-request", ["body /pause"]],
    [[], "invalid-request", ["body "]],
  ];
  for (const [body, type, where] of refused) {
    const answer = await problem(await patch("mail", body), 422, type);
    assert.deepEqual(places(answer), where, JSON.stringify(body));
  }
  const { errors: [{ detail }] } = await problem(
    await patch("mail", { rate_limit: "10/w" }),
    422,
    "invalid-channel",
  );
  assert.match(
    detail,
    /^must be a rate like '10\/m': an integer above 0, '\/', and s, m, h or d.*got "10\/w"$/,
  );
  assert.match(
    (await problem(await patch("mial", { paused: true }), 404, "channel-unknown")).detail,
    /'mail'/,
  );
  await problem(await patch("mail", "{"), 400, "bad-json");
  await problem(await t.app.request("/v1/channels/mail", { method: "DELETE" }), 405, "method-not-allowed");
  assert.deepEqual(await rowsOf(t.store, "channel"), []);
  await nothingStored(t.queue);
});

Deno.test("channels show how many of their tasks are parked", async () => {
  const keyed = heldTask("keyed", { channel: "mail", concurrencyKey: () => "one" });
  await using t = await openApp({ definitions: [keyed.definition], channels: { mail: 4 } });
  for (let n = 0; n < 5; n++) await (await t.post("/v1/tasks", { name: "keyed", args: [] })).body?.cancel();
  await t.clock.settle();
  const { channels: [mail] }: Body = await (await t.get("/v1/channels")).json();
  assert.deepEqual([mail.running, mail.ready, mail.blocked], [1, 0, 4]);
  for (let n = 0; n < 5; n++) {
    keyed.runs[n]!.finish();
    await t.clock.settle();
  }
});
