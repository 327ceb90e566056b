/** More than the store takes at the moment: clients are told to come again before memory grows, and nothing is lost. */
import assert from "node:assert/strict";
import { memoryStore, type Store } from "../../../queue/mod.ts";
import { anyArgs, heldTask, task } from "../../support/held_task.ts";
import { openApp, problem } from "../../support/open_app.ts";
import { sets } from "../../support/faulty_store.ts";
import type { FakeClock } from "../../../queue/testing/fake_clock.ts";
import { Processes } from "../../support/processes.ts";

const LARGE = "x".repeat(500_000);
/** Bytes of submissions that may be under way. */
const MOST = 64 * 1024 * 1024;
const definitions = [task("quick", () => 1)];

/** A store in memory whose commits, or reads, are not answered while the test holds them. */
function holdable() {
  const store = memoryStore();
  const held = { commits: null as Promise<void> | null, reads: null as Promise<void> | null };
  const holding: Store = {
    ...store,
    commit: async (...commit) => (await held.commits, await store.commit(...commit)),
    getMany: async (keys) => (await held.reads, await store.getMany(keys)),
  };
  return { store: holding, held };
}

/** Sends requests one after the other, without waiting for answers that do not come at once. */
async function flood(clock: FakeClock, count: number, send: (n: number) => Response | Promise<Response>) {
  const open = new Set<Promise<Response>>();
  const refused: Response[] = [];
  for (let n = 0; n < count; n++) {
    const sent = Promise.resolve(send(n));
    open.add(sent);
    sent.then((response) => {
      open.delete(sent);
      refused.push(response);
    });
    await clock.settle();
  }
  for (let turn = 0; turn < 20; turn++) await clock.settle();
  return { waiting: [...open], refused: [...refused] };
}

/** The answers, when all have come. */
async function answered(clock: FakeClock, waiting: readonly Promise<Response>[]): Promise<Response[]> {
  const answers: Response[] = [];
  for (const sent of waiting) sent.then((response) => answers.push(response));
  for (let turn = 0; turn < 100 && answers.length < waiting.length; turn++) await clock.settle();
  assert.equal(answers.length, waiting.length);
  return answers;
}

for (const what of ["commits", "reads"] as const) {
  Deno.test(`while the store's ${what} are held, large submissions get 503 before memory grows, and are taken later`, async () => {
    const { store, held } = holdable();
    await using t = await openApp({ store, definitions, start: false });
    await (await t.post("/v1/tasks", { name: "quick", args: [0] })).body?.cancel();
    const { promise, resolve } = Promise.withResolvers<void>();
    held[what] = promise;
    const body = JSON.stringify({ name: "quick", args: [LARGE] });
    const before = Deno.memoryUsage().rss;
    const { waiting, refused } = await flood(
      t.clock,
      250,
      (n) => t.post("/v1/tasks", body, { "idempotency-key": `${n}` }),
    );
    assert(waiting.length * LARGE.length <= MOST, `${waiting.length} are under way`);
    assert(waiting.length * LARGE.length > MOST * 0.8, `only ${waiting.length} are under way`);
    const grown = Deno.memoryUsage().rss - before;
    assert(grown < 8 * MOST, `${grown} bytes for ${waiting.length} submissions`);
    for (const response of refused) {
      assert.equal(response.headers.get("retry-after"), "1");
      await problem(response, 503, "overloaded");
    }
    held[what] = null;
    resolve();
    for (const { status } of await answered(t.clock, waiting)) assert.equal(status, 202);
  });
}

Deno.test("batches and workflows of large arguments are refused as well", async () => {
  const { store, held } = holdable();
  await using t = await openApp({ store, definitions, start: false });
  await (await t.post("/v1/tasks", { name: "quick", args: [0] })).body?.cancel();
  const { promise, resolve } = Promise.withResolvers<void>();
  held.commits = promise;
  const large = { name: "quick", args: [LARGE.slice(0, 240_000)] };
  const ways = [
    ["/v1/tasks/batch", JSON.stringify({ tasks: [large, large] })],
    ["/v1/workflows", JSON.stringify({ group: Array(6).fill(large) })],
  ] as const;
  const { waiting, refused } = await flood(t.clock, 120, (n) => {
    const [path, body] = ways[n % 2]!;
    return t.post(path, body);
  });
  assert(waiting.length >= 60 && refused.length >= 20, `${waiting.length} taken, ${refused.length} refused`);
  for (const response of refused) await problem(response, 503, "overloaded");
  held.commits = null;
  resolve();
  for (const { status } of await answered(t.clock, waiting)) assert.equal(status, 202);
});

Deno.test("progress reports do not pile up behind a store that does not answer: the latest one is stored", async () => {
  await using processes = new Processes();
  const { definition, runs } = heldTask("held");
  const p = await processes.start({ definitions: [definition] });
  const { id } = await p.queue.submit({ ...definition, args: anyArgs }, []);
  await p.clock.settle();
  const injected = p.faulty.onCommit("held", sets("run"));
  const report = async (n: number) => {
    runs[0]!.ctx.progress(n);
    await p.clock.advance(250);
  };
  await report(0);
  await injected.hit;
  const before = p.faulty.commits.length;
  for (let n = 1; n <= 30; n++) await report(n);
  await injected.land();
  await p.clock.advance(1000);
  assert.equal((await p.queue.get(id)).progress, 30);
  const reports = p.faulty.commits.slice(before).filter(sets("run"));
  assert.equal(reports.length, 2);
  runs[0]!.finish();
});

Deno.test("a full channel refuses no accepted task: retries and occurrences come on top, redrives do not", async () => {
  const held = heldTask("held", { channel: "mail", maxRetries: 1, retry: { delay: 1, factor: 1 } });
  const frail = task("frail", () => {
    throw new Error("no luck");
  });
  await using t = await openApp({ definitions: [held.definition, frail], channels: { mail: 1, default: 1 } });
  const submit = () => t.post("/v1/tasks", { name: "held", args: [] });
  const { id: failed } = await (await t.post("/v1/tasks", { name: "frail", args: [], channel: "mail" }))
    .json();
  await t.clock.settle();
  assert.equal((await t.queue.get(failed)).state, "FAILURE");
  await t.queue.changeChannel("mail", { maxDepth: 1 });
  assert.equal((await submit()).status, 202);
  await t.clock.advance(1100);
  assert.equal((await submit()).status, 202);
  await t.clock.advance(1100);
  const full = await submit();
  assert.equal(full.headers.get("retry-after"), "1");
  await problem(full, 429, "over-capacity");
  await problem(await t.post(`/v1/tasks/${failed}/retry`), 429, "over-capacity");
  const all = await (await t.post("/v1/tasks/retry", {})).json();
  assert.match(all.tasks[0].skipped, /has no room/);
  const schedule = { id: "s", task: { name: "held", args: [] }, trigger: { interval: 1 } };
  await t.queue.schedules.create({ ...schedule, maxInstances: 1 });
  held.runs[0]!.fail(new Error("once"));
  await t.clock.advance(3000);
  const { tasks } = await t.queue.list({ name: "held" });
  assert.deepEqual(tasks.map(({ state, scheduleId }) => [state, scheduleId !== null]).sort(), [
    ["PENDING", true],
    ["RETRY", false],
    ["STARTED", false],
  ]);
});
