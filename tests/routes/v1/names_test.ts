/** Every name that is accepted can be read, changed and deleted by its documented URL. */
import assert from "node:assert/strict";
import { createQueue, memoryStore } from "../../../queue/mod.ts";
import { decode } from "../../../queue/rows/codec.ts";
import { keysOf } from "../../../queue/rows/keys.ts";
import { put } from "../../../queue/rows/unit.ts";
import type { ScheduleRow } from "../../../queue/schedules/row.ts";
import { task } from "../../support/held_task.ts";
import { openApp, places, problem } from "../../support/open_app.ts";

const echo = task("echo", (_ctx, text) => text);
const TIMED = { task: { name: "echo", args: ["a"] }, trigger: { interval: 60 } };

const NAMES = [
  "a/b",
  "/",
  "a?b#c",
  "100%",
  "a%2Fb",
  "%2e%2e",
  "...",
  "a/..",
  "../a",
  "ünï 漢😀",
  "a\\b",
  ";a=b",
  "~",
  "a\nb",
  "a\0b\x9b",
  "'\"<&",
];

for (const name of NAMES) {
  Deno.test(`a channel named ${name} is read, changed and purged by its URL`, async () => {
    await using t = await openApp({ definitions: [{ ...echo, channel: name }], channels: { [name]: 1 } });
    // Clients normalise paths as this does.
    const path = new URL(`/v1/channels/${encodeURIComponent(name)}`, "http://sluice").pathname;
    const patch = (change: unknown) =>
      t.app.request(path, {
        method: "PATCH",
        body: JSON.stringify(change),
        headers: { "content-type": "application/merge-patch+json" },
      });
    const changed = await patch({ paused: true });
    assert.equal(changed.status, 200, await changed.clone().text());
    assert.equal((await changed.json()).name, name);
    const { id } = await (await t.post("/v1/tasks", { name: "echo", args: ["a"], channel: name })).json();
    const page = await (await t.get(`/v1/tasks?channel=${encodeURIComponent(name)}`)).json();
    assert.deepEqual(page.tasks.map((task: { id: string }) => task.id), [id]);
    const purged = await t.post(`${path}/purge`, { confirm: name });
    assert.deepEqual(await purged.json(), { purged: 1 });
  });
}

for (const id of ["...", "-", "..a", "a..", ".:.", "a".repeat(200)]) {
  Deno.test(`a schedule named ${id.slice(0, 20)} is read, changed and deleted by its URL`, async () => {
    await using t = await openApp({ definitions: [echo], start: false });
    const created = await t.post("/v1/schedules", { id, ...TIMED });
    assert.equal(created.status, 201);
    assert.equal(created.headers.get("location"), `/v1/schedules/${id}`);
    const path = new URL(`/v1/schedules/${encodeURIComponent(id)}`, "http://sluice").pathname;
    assert.equal((await (await t.get(path)).json()).id, id);
    assert.equal((await t.post(`${path}/pause`)).status, 200);
    assert.equal((await t.app.request(path, { method: "DELETE" })).status, 204);
  });
}

for (const name of [".", ".."]) {
  Deno.test(`nothing is named ${name}, which no URL can name`, async () => {
    await using t = await openApp({ definitions: [echo], start: false });
    const answer = await problem(
      await t.post("/v1/schedules", { id: name, ...TIMED }),
      422,
      "invalid-schedule",
    );
    assert.deepEqual(places(answer), ["body /id"]);
    assert.deepEqual(await (await t.get("/v1/schedules")).json(), { schedules: [], next_cursor: null });
  });
}

Deno.test("a schedule named '..' by an earlier version can be changed and deleted by its program", async () => {
  await using t = await openApp({ definitions: [echo], start: false });
  const keys = keysOf("sluice");
  await t.post("/v1/schedules", { id: "x", ...TIMED });
  const [entry] = await t.store.getMany([keys.schedule("x")]);
  const row = decode<ScheduleRow>(entry!.value);
  await t.store.commit([], [put(keys.schedule(".."), row), put(keys.due(row.dueAt!, ".."), {})]);
  assert.equal((await t.queue.schedules.update("..", { jitter: 1 })).jitter, 1);
  await t.queue.schedules.delete("..");
  assert.equal((await (await t.get("/v1/schedules")).json()).schedules.length, 1);
});

for (const name of [".", "..", "", "\ud83d", "a".repeat(201)]) {
  Deno.test(`a queue refuses the name ${JSON.stringify(name.slice(0, 20))} for a task, a channel and a route`, () => {
    const store = memoryStore();
    const wrong = /must (be a text of 1 to 200 characters|be well-formed|not be '\.' or '\.\.'|be texts)/;
    const refuses = (options: Partial<Parameters<typeof createQueue>[0]>) =>
      assert.throws(() => createQueue({ store, definitions: [echo], ...options }), (error) => {
        assert(error instanceof TypeError);
        assert.match(error.message, wrong);
        return true;
      });
    refuses({ definitions: [{ ...echo, name }] });
    refuses({ definitions: [{ ...echo, channel: name }] });
    refuses({ channels: { [name]: 1 } });
    refuses({ taskRoutes: { "*": name } });
  });
}
