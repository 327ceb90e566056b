import assert from "node:assert/strict";
import { heldTask } from "../../support/held_task.ts";
import { openApp, problemsOfIds } from "../../support/open_app.ts";

interface Event {
  id?: string;
  event?: string;
  // deno-lint-ignore no-explicit-any -- each type has its own
  data?: any;
  retry?: number;
}

/** Reads a stream of events as the specification says: what has come so far, and whether it has ended. */
function parse(response: Response) {
  const events: Event[] = [];
  const comments: string[] = [];
  let ended = false;
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  (async () => {
    let rest = "";
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      const blocks = (rest + chunk.value).split("\n\n");
      rest = blocks.pop()!;
      for (const block of blocks) {
        const event: Record<string, unknown> = {};
        for (const line of block.split("\n")) {
          const [, field, value] = /^(\w*): (.*)$/.exec(line)!;
          if (field === "") comments.push(value!);
          else event[field!] = field === "data" || field === "retry" ? JSON.parse(value!) : value;
        }
        if (Object.keys(event).length > 0) events.push(event as Event);
      }
    }
    assert.equal(rest, "");
    ended = true;
  })();
  return { events, comments, ended: () => ended, cancel: () => reader.cancel() };
}

/** The app with a held task that runs. */
async function running() {
  const held = heldTask("held");
  const t = await openApp({ definitions: [held.definition], channels: { default: 1 } });
  const { id } = await t.queue.submit(held.definition, []);
  await t.clock.settle();
  return { t, held, id };
}

Deno.test("test_celery is followed to its end: every step's progress, then the result", async () => {
  await using t = await openApp();
  const { process_id: id } = await (await t.get("/word")).json();
  await t.clock.settle();
  const response = await t.get(`/v1/tasks/${id}/events`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.equal(response.headers.get("cache-control"), "no-store");
  const { events, ended } = parse(response);
  await t.clock.advance(10_000);
  const [retry, started, first, ...rest] = events;
  assert.deepEqual(retry, { retry: 1000 });
  assert.deepEqual([started!.event, started!.data.id, started!.data.state], ["state", id, "STARTED"]);
  assert.deepEqual([first!.event, first!.data.state], ["state", "PROGRESS"]);
  assert.deepEqual(first!.data.progress, { process_percent: 10 });
  const last = rest.pop()!;
  const steps = [20, 30, 40, 50, 60, 70, 80, 90, 100].map((n) => ({ process_percent: n }));
  assert.deepEqual(
    rest.map(({ event, data }) => ({ event, data })),
    steps.map((data) => ({ event: "progress", data })),
  );
  const { attempts: _, submitted_by: __, ...read } = await (await t.get(`/v1/tasks/${id}`)).json();
  assert.deepEqual(last.data, read);
  assert.deepEqual([last.event, last.data.state, last.data.result], [
    "state",
    "SUCCESS",
    "test task return word",
  ]);
  assert.equal(ended(), true);
  const ids = events.flatMap(({ id }) => id ?? []);
  assert.deepEqual([ids.length, new Set(ids).size], [12, 12]);
});

Deno.test("a client that comes back with Last-Event-ID is told the news once, and nothing when it was told all", async () => {
  const held = heldTask("held");
  await using t = await openApp({ definitions: [held.definition], channels: { default: 1 } });
  const { id } = await t.queue.submit(held.definition, []);
  await t.clock.settle();
  const path = `/v1/tasks/${id}/events`;
  const first = parse(await t.get(path));
  held.runs[0]!.ctx.progress(1);
  await t.clock.settle();
  const seen = first.events.at(-1)!.id!;
  await first.cancel();
  await t.clock.settle();

  const same = parse(await t.get(path, { "last-event-id": seen }));
  await t.clock.settle();
  assert.deepEqual(same.events.map(({ retry }) => retry), [1000]);
  await t.clock.advance(1000);
  held.runs[0]!.ctx.progress(2);
  await t.clock.settle();
  assert.deepEqual(same.events.slice(1).map(({ event, data }) => [event, data]), [["progress", 2]]);
  await same.cancel();

  const later = parse(await t.get(path, { "last-event-id": seen }));
  await t.clock.settle();
  assert.deepEqual(later.events.slice(1).map(({ event, data }) => [event, data.progress]), [["state", 2]]);
  held.runs[0]!.finish();
  await t.clock.settle();
  assert.equal(later.ended(), true);
  const last = later.events.at(-1)!;
  assert.equal(last.data.state, "SUCCESS");

  const again = await t.get(path, { "last-event-id": last.id! });
  assert.deepEqual([again.status, await again.text()], [204, ""]);
  const anew = parse(await t.get(path));
  await t.clock.settle();
  assert.deepEqual(anew.events.slice(1), [last]);
  assert.equal(anew.ended(), true);
});

Deno.test("a comment is sent each 15 s in which nothing happens", async () => {
  await using t = await openApp();
  const { job_id: id } = await (await t.get("/producer/api/wait_and_return")).json();
  await t.clock.settle();
  const { events, comments, ended } = parse(await t.get(`/v1/tasks/${id}/events`));
  await t.clock.advance(14_999);
  assert.deepEqual(comments, []);
  await t.clock.advance(5001);
  assert.deepEqual([comments, events.length, ended()], [["still here"], 3, true]);
});

Deno.test("an id that no task has is a problem, not a stream", async () => {
  await using t = await openApp({ start: false });
  await problemsOfIds((id) => t.get(`/v1/tasks/${id}/events`));
});

Deno.test("a client that goes away leaves nothing behind, read or unread", async () => {
  const { t, held, id } = await running();
  await using _ = t;
  const before = t.clock.pending;
  const path = `/v1/tasks/${id}/events`;
  const read = parse(await t.get(path));
  const unread = await t.get(path);
  const gone = new AbortController();
  const aborted = await t.app.request(path, { signal: gone.signal });
  parse(aborted);
  await t.clock.settle();
  assert(t.clock.pending > before);
  await read.cancel();
  await unread.body!.cancel();
  gone.abort();
  await t.clock.settle();
  assert.equal(t.clock.pending, before);
  for (const [method, status] of [["HEAD", 405], ["OPTIONS", 204], ["POST", 405]] as const) {
    assert.equal((await t.app.request(path, { method })).status, status);
  }
  await t.clock.settle();
  assert.equal(t.clock.pending, before);
  held.runs[0]!.finish();
});

Deno.test("the queue's stop ends the stream", async () => {
  const held = heldTask("held");
  await using t = await openApp({ definitions: [held.definition] });
  const { id } = await t.queue.submit(held.definition, [], { delay: 60 });
  const { ended } = parse(await t.get(`/v1/tasks/${id}/events`));
  await t.clock.settle();
  assert.equal(ended(), false);
  await Promise.all([t.queue.stop(0), t.clock.settle()]);
  await t.clock.settle();
  assert.equal(ended(), true);
});

Deno.test("a real client over a real connection reads the events, and frees them by going away", async () => {
  const { t, held, id } = await running();
  await using _ = t;
  const before = t.clock.pending;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, t.app.fetch);
  using client = Deno.createHttpClient({});
  const gone = new AbortController();
  const url = `http://127.0.0.1:${server.addr.port}/v1/tasks/${id}/events`;
  const response = await fetch(url, { client, signal: gone.signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes('"STARTED"')) text += (await reader.read()).value;
  assert.match(text, /^retry: 1000\n\nid: \w+\nevent: state\ndata: \{/);
  gone.abort();
  await reader.read().catch(() => {});
  while (t.clock.pending > before) await new Promise((resolve) => setTimeout(resolve, 5));
  held.runs[0]!.finish();
  await t.clock.settle();
  await server.shutdown();
});
