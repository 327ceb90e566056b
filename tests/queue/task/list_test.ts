import assert from "node:assert/strict";
import { InvalidTaskError, type Queue, type TaskFilter, type TaskState } from "../../../queue/mod.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import type { Store } from "../../../queue/store/port.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";

/** The ids of all pages, and the size of each page. */
async function pages(queue: Queue, filter: TaskFilter): Promise<{ ids: string[]; sizes: number[] }> {
  const ids: string[] = [];
  const sizes: number[] = [];
  for (let next: { cursor?: string } = {};;) {
    const { tasks, cursor } = await queue.list({ ...filter, ...next });
    ids.push(...tasks.map(({ id }) => id));
    sizes.push(tasks.length);
    if (cursor === null) return { ids, sizes };
    next = { cursor };
  }
}

const quick = task("quick", () => 1);
const failing = task("failing", () => {
  throw new Error("no luck");
});

Deno.test("tasks are listed newest first, a page at a time, each once", async () => {
  await using q = await openQueue({ definitions: [quick], start: false });
  const { tasks } = await q.queue.submitAll(Array.from({ length: 23 }, () => ({ name: "quick", args: [] })));
  const newestFirst = tasks.map(({ id }) => id).reverse();
  assert.deepEqual((await pages(q.queue, {})).ids, newestFirst);
  const { ids, sizes } = await pages(q.queue, { limit: 10 });
  assert.deepEqual(ids, newestFirst);
  assert.deepEqual(sizes, [10, 10, 3]);
  assert.deepEqual((await pages(q.queue, { limit: 1 })).ids, newestFirst);
  const first = await q.queue.list({ limit: 2 });
  assert.deepEqual(first.tasks, tasks.slice(-2).reverse());
});

Deno.test("fifty tasks make a page unless it is asked for otherwise", async () => {
  await using q = await openQueue({ definitions: [quick], start: false });
  await q.queue.submitAll(Array.from({ length: 120 }, () => ({ name: "quick", args: [] })));
  assert.deepEqual((await pages(q.queue, {})).sizes, [50, 50, 20]);
});

Deno.test("an empty store has one empty page", async () => {
  await using q = await openQueue({ definitions: [quick] });
  for (const state of [undefined, "FAILURE", "STARTED", "SUCCESS"] as const) {
    assert.deepEqual(await q.queue.list(state ? { state } : {}), { tasks: [], cursor: null, lookedAt: 0 });
  }
});

onBothStores("tasks are listed by state, and every state knows its own", async (open) => {
  const held = heldTask("held");
  const retries = task("retries", () => {
    throw new Error("later");
  }, { maxRetries: 1, retry: { delay: 1000 } });
  await using q = await open({ definitions: [quick, failing, held.definition, retries] });
  const by = new Map<TaskState, string[]>();
  const note = (state: TaskState, id: string) => by.set(state, [id, ...by.get(state) ?? []]);
  for (let i = 0; i < 3; i++) {
    note("SUCCESS", (await q.queue.submit(quick, [])).id);
    note("FAILURE", (await q.queue.submit(failing, [])).id);
    note("RETRY", (await q.queue.submit(retries, [])).id);
    const delayed = await q.queue.submit(quick, [], { delay: 100 });
    note("REVOKED", (await q.queue.revoke(delayed.id)).id);
    note("PENDING", (await q.queue.submit(quick, [], { delay: 100 })).id);
    await q.clock.settle();
  }
  note("STARTED", (await q.queue.submit(held.definition, [])).id);
  note("STARTED", (await q.queue.submit(held.definition, [])).id);
  note("PROGRESS", (await q.queue.submit(held.definition, [])).id);
  await q.clock.settle();
  held.runs[2]!.ctx.progress(1);
  await q.clock.settle();
  for (const [state, ids] of by) {
    assert.deepEqual([state, (await pages(q.queue, { state })).ids], [state, ids]);
    assert.deepEqual((await pages(q.queue, { state, limit: 1 })).ids, ids);
  }
  for (const { finish } of held.runs) finish();
});

onBothStores("tasks are listed by name and channel, also together with a state", async (open) => {
  const mail = task("mail", () => 1, { channel: "mail" });
  await using q = await open({ definitions: [quick, failing, mail] });
  const { id } = await q.queue.submit(mail, []);
  const other = await q.queue.submit(quick, [], { channel: "mail" });
  const failed = await q.queue.submit(failing, [], { channel: "mail" });
  for (let i = 0; i < 5; i++) await q.queue.submit(quick, []);
  await q.clock.settle();
  assert.deepEqual((await pages(q.queue, { name: "mail" })).ids, [id]);
  assert.deepEqual((await pages(q.queue, { channel: "mail" })).ids, [failed.id, other.id, id]);
  assert.deepEqual((await pages(q.queue, { channel: "mail", state: "SUCCESS" })).ids, [other.id, id]);
  assert.deepEqual((await pages(q.queue, { state: "FAILURE", name: "failing" })).ids, [failed.id]);
  assert.deepEqual((await pages(q.queue, { state: "FAILURE", name: "mail" })).ids, []);
});

Deno.test("pages stay in step while tasks are added", async () => {
  await using q = await openQueue({ definitions: [quick], start: false });
  const add = async (count: number) =>
    (await q.queue.submitAll(Array.from({ length: count }, () => ({ name: "quick", args: [] })))).tasks
      .map(({ id }) => id);
  const before = await add(30);
  const seen: string[] = [];
  for (let next: { cursor?: string } = {};;) {
    const { tasks, cursor } = await q.queue.list({ limit: 7, ...next });
    seen.push(...tasks.map(({ id }) => id));
    await q.clock.advance(1);
    await add(5);
    if (cursor === null) break;
    next = { cursor };
  }
  assert.deepEqual(seen, before.toReversed());
});

Deno.test("a rare task is found behind many others, if need be by several pages", async () => {
  await using q = await openQueue({ definitions: [quick, failing], start: false });
  const { id } = await q.queue.submit(failing, []);
  for (let i = 0; i < 21; i++) {
    await q.queue.submitAll(Array.from({ length: 250 }, () => ({ name: "quick", args: [] })));
  }
  const { ids, sizes } = await pages(q.queue, { name: "failing" });
  assert.deepEqual(ids, [id]);
  assert(sizes.length <= 3, `${sizes}`);
});

Deno.test("a cursor belongs to its filter", async () => {
  await using q = await openQueue({ definitions: [quick], start: false });
  await q.queue.submitAll(Array.from({ length: 5 }, () => ({ name: "quick", args: [] })));
  const { cursor } = await q.queue.list({ name: "quick", limit: 2 });
  for (
    const filter of [{}, { name: "other" }, { name: "quick", state: "PENDING" as const }, {
      channel: "quick",
    }]
  ) {
    await assert.rejects(q.queue.list({ ...filter, cursor: cursor! }), (error) => {
      assert(error instanceof InvalidTaskError);
      assert.deepEqual(error.faults, [{
        pointer: "/cursor",
        detail: "must be used with the same filter as its page",
      }]);
      return true;
    });
  }
  // The size of the page is no part of the question.
  assert.equal((await q.queue.list({ name: "quick", limit: 3, cursor: cursor! })).tasks.length, 3);
});

Deno.test("an invalid cursor or limit is refused", async () => {
  await using q = await openQueue({ definitions: [quick] });
  const cursors = ["", "x", "!!!!", btoa("[]"), btoa('["x"]'), btoa("17"), btoa('{"a":1}'), "é"];
  for (const cursor of cursors) {
    await assert.rejects(q.queue.list({ cursor }), (error) => {
      assert(error instanceof InvalidTaskError, cursor);
      assert.equal(error.faults[0]!.pointer, "/cursor");
      return true;
    });
  }
  for (const limit of [0, -1, 501, 1.5, NaN]) {
    await assert.rejects(q.queue.list({ limit }), (error) => {
      assert(error instanceof InvalidTaskError);
      assert.equal(error.faults[0]!.pointer, "/limit");
      return true;
    });
  }
  await q.queue.list({ limit: 500 });
});

onBothStores("a running task says who runs it since when, and a finished one who ran it", async (open) => {
  const held = heldTask("held");
  await using q = await open({ definitions: [held.definition], host: "here", pid: 7 });
  const { id } = await q.queue.submit(held.definition, []);
  await q.clock.advance(500);
  const [worker] = await q.queue.workers();
  const running = await q.queue.get(id);
  assert.deepEqual([running.state, running.worker, running.startedAt], [
    "STARTED",
    worker!.id,
    running.createdAt,
  ]);
  assert.deepEqual((await q.queue.list({ state: "STARTED" })).tasks, [running]);
  held.runs[0]!.finish(1);
  await q.clock.settle();
  const ended = await q.queue.get(id);
  assert.deepEqual([ended.worker, ended.startedAt, ended.doneAt], [
    worker!.id,
    running.startedAt,
    q.clock.now(),
  ]);
});

onBothStores("tasks are listed by tag, schedule, root and time, also together", async (open) => {
  const ticks = task("ticks", () => 1);
  const schedules = [{ id: "each-minute", task: ticks, args: [], trigger: { interval: 60 } }];
  await using q = await open({ definitions: [quick, ticks], schedules });
  const start = q.clock.now();
  const red = await q.queue.submit(quick, [], { tags: ["red", "large"] });
  await q.clock.advance(61_000);
  const [ticked] = (await q.queue.list({ name: "ticks" })).tasks;
  const late = await q.queue.submit(quick, [], { tags: ["red"], delay: 100 });
  const listed = async (filter: TaskFilter) => (await pages(q.queue, filter)).ids;
  assert.deepEqual(await listed({ tag: "red" }), [late.id, red.id]);
  assert.deepEqual(await listed({ tag: "large" }), [red.id]);
  assert.deepEqual(await listed({ tag: "red", state: "PENDING" }), [late.id]);
  assert.deepEqual(await listed({ scheduleId: "each-minute" }), [ticked!.id]);
  assert.deepEqual(await listed({ rootId: red.id }), [red.id]);
  assert.deepEqual(await listed({ groupId: red.id }), []);
  assert.deepEqual(await listed({ createdBefore: start }), []);
  assert.deepEqual(await listed({ createdBefore: start + 1 }), [red.id]);
  assert.deepEqual(await listed({ createdAfter: start + 1 }), [late.id, ticked!.id]);
  assert.deepEqual(await listed({ createdAfter: start, createdBefore: start + 60_500, limit: 1 }), [
    ticked!.id,
    red.id,
  ]);
  assert.deepEqual(await listed({ createdAfter: start + 2, createdBefore: start + 1 }), []);
});

Deno.test("a page reads what it shows and little more", async () => {
  const inner = memoryStore();
  let read = 0;
  const counted = <T extends unknown[]>(entries: T) => {
    read += entries.filter((entry) => entry !== null).length;
    return entries;
  };
  const store: Store = {
    ...inner,
    list: async (...asked) => counted(await inner.list(...asked)),
    getMany: async (asked) => counted(await inner.getMany(asked)),
  };
  await using q = await openQueue({ store, definitions: [quick, failing], channels: { default: 50 } });
  const large = "x".repeat(100_000);
  for (let i = 0; i < 5; i++) {
    await q.queue.submitAll(Array.from({ length: 50 }, () => ({ name: "quick", args: [] })));
    await q.queue.submitAll([1, 2].map(() => ({ name: "failing", args: [large] })));
  }
  await q.clock.settle();
  const cost = async (filter: TaskFilter) => {
    read = 0;
    const { tasks } = await q.queue.list(filter);
    return [tasks.length, read];
  };
  assert.deepEqual(await cost({ limit: 20, createdBefore: q.clock.now() + 1 }), [20, 20 + 2 * 2]);
  // Of each: the row of its end, its record, two chunks of its arguments.
  assert.deepEqual(await cost({ limit: 3, state: "FAILURE" }), [3, 3 * 4]);
  // Arguments of those that do not fit are not read.
  assert.deepEqual(await cost({ limit: 50, state: "SUCCESS" }), [50, 200]);
});

Deno.test("a page looks at 10,000 tasks at most, says how many, and the next page looks on", async () => {
  await using q = await openQueue({ definitions: [quick], start: false });
  const rare = await q.queue.submit(quick, [], { tags: ["rare"] });
  for (let i = 0; i < 41; i++) {
    await q.queue.submitAll(Array.from({ length: 250 }, () => ({ name: "quick", args: [] })));
  }
  const first = await q.queue.list({ tag: "rare" });
  assert.deepEqual([first.tasks, first.lookedAt], [[], 10_000]);
  const second = await q.queue.list({ tag: "rare", cursor: first.cursor! });
  assert.deepEqual([second.tasks.map(({ id }) => id), second.lookedAt, second.cursor], [
    [rare.id],
    251,
    null,
  ]);
});

Deno.test("a page of a slow store stops looking after 200 ms, after one read at least", async () => {
  const inner = memoryStore();
  let slow = () => Promise.resolve();
  const store: Store = { ...inner, list: (...asked) => slow().then(() => inner.list(...asked)) };
  await using q = await openQueue({ store, definitions: [quick], start: false });
  for (let i = 0; i < 4; i++) {
    await q.queue.submitAll(Array.from({ length: 250 }, () => ({ name: "quick", args: [] })));
  }
  const looked = async (milliseconds: number) => {
    slow = () => q.clock.advance(milliseconds);
    const { lookedAt, cursor } = await q.queue.list({ tag: "none" });
    return [lookedAt, cursor !== null];
  };
  assert.deepEqual(await looked(100), [400, true]);
  assert.deepEqual(await looked(1000), [200, true]);
  assert.deepEqual(await looked(1), [1000, false]);
});

Deno.test("the tasks that all pages looked at are the tasks there are, each once", async () => {
  await using q = await openQueue({ definitions: [quick], start: false });
  for (let i = 0; i < 45; i++) await q.queue.submit(quick, [], { tags: [i % 3 === 0 ? "third" : "other"] });
  const looked: number[] = [];
  for (let next: { cursor?: string } | null = {}; next;) {
    const { cursor, lookedAt } = await q.queue.list({ tag: "third", limit: 4, ...next });
    looked.push(lookedAt);
    next = cursor === null ? null : { cursor };
  }
  // The newest that fits is the third from the top.
  assert.deepEqual(looked, [12, 12, 12, 9]);
});
