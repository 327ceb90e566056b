/** A wait in a queue that was never started is told of, unless somebody may end it. */
import assert from "node:assert/strict";
import { chain, createQueue, memoryStore, openStore, type Queue } from "../../../queue/mod.ts";
import { createApp } from "../../../routes/mod.ts";
import { folder } from "../store/folder.ts";
import { task } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";

const quick = task("quick", () => 1);
const ADVICE =
  /^Sluice: Somebody waits for a task, but this queue was not started .* call queue\.start\(\) here/;

/** What is written to standard error until it is disposed of. */
function standardError(): Disposable & { readonly lines: string[] } {
  const lines: string[] = [];
  const { write } = Deno.stderr;
  Deno.stderr.write = (bytes) => {
    lines.push(new TextDecoder().decode(bytes));
    return Promise.resolve(bytes.length);
  };
  return { lines, [Symbol.dispose]: () => void (Deno.stderr.write = write) };
}

/** The ways to wait, each until the signal aborts or seconds have passed. */
const waits: Record<string, (queue: Queue, id: string, signal: AbortSignal) => Promise<unknown>> = {
  "queue.result()": async (queue, id, signal) => queue.result(await queue.get(id), { signal }),
  "queue.wait()": (queue, id, signal) => queue.wait(id, { signal }),
  "queue.watch()": (queue, id, signal) => Array.fromAsync(queue.watch(id, { signal })),
  "Prefer: wait": async (queue, id) =>
    await createApp({ queue, demo: false }).request(`/v1/tasks/${id}`, { headers: { prefer: "wait=3" } }),
};

for (const [name, wait] of Object.entries(waits)) {
  Deno.test(`${name} in a queue that was never started: it is said once what to do`, async () => {
    using error = standardError();
    await using q = await openQueue({ definitions: [quick], start: false });
    const { id } = await q.queue.submit(quick, []);
    for (let n = 0; n < 2; n++) {
      const abort = new AbortController();
      const waiting = wait(q.queue, id, abort.signal).catch(() => {});
      await q.clock.advance(3500);
      abort.abort();
      await q.clock.advance(50);
      await waiting;
    }
    assert.equal(error.lines.length, 1, error.lines.join(""));
    assert.match(error.lines[0]!, ADVICE);
  });
}

Deno.test("a wait for a workflow in a queue that was never started is told of", async () => {
  using error = standardError();
  await using q = await openQueue({ definitions: [quick], start: false });
  const { workflow } = await q.queue.submitWorkflow(
    chain({ name: "quick", args: [] }, { name: "quick", args: [] }),
  );
  const waiting = q.queue.waitWorkflow(workflow.id, { timeout: 2 });
  await q.clock.advance(2500);
  await waiting;
  assert.match(error.lines.join(""), ADVICE);
});

Deno.test("a queue that only submits and asks is silent while another process works, or may work", async () => {
  using error = standardError();
  const store = memoryStore();
  await using worker = await openQueue({ definitions: [quick], store });
  await using client = await openQueue({ definitions: [quick], store, start: false, channels: {} });
  await worker.queue.changeChannel("default", { paused: true });
  const { id } = await client.queue.submit(quick, []);
  const waiting = client.queue.wait(id, { timeout: 3 });
  await client.clock.advance(3500);
  assert.equal((await waiting).state, "PENDING");
  assert.deepEqual(error.lines, []);
});

Deno.test("a queue that is started a moment later, or that was started, is silent", async () => {
  using error = standardError();
  await using q = await openQueue({ definitions: [quick], start: false });
  const result = q.queue.submit(quick, []).then((task) => q.queue.result(task));
  await q.clock.advance(500);
  const started = q.queue.start();
  await q.clock.advance(3000);
  await started;
  assert.equal(await result, 1);
  assert.deepEqual(error.lines, []);
});

Deno.test("the workers of a file's earlier opening, which are dead, keep nobody silent", async () => {
  using files = folder();
  const path = `${files.path}/a.kv`;
  const first = await openStore(path);
  const dead = createQueue({ store: { ...first, close() {} }, definitions: [quick] });
  await dead.start();
  const row = (await first.list({ prefix: ["sluice", "worker"] }, { limit: 1 }))[0]!;
  await dead.stop();
  await first.commit([], [{ type: "set", key: row.key, value: row.value }]);
  first.close();

  using error = standardError();
  await using q = await openQueue({ definitions: [quick], store: { path }, start: false });
  const { id } = await q.queue.submit(quick, []);
  const waiting = q.queue.wait(id, { timeout: 1.5 });
  await q.clock.advance(2000);
  await waiting;
  assert.match(error.lines.join(""), ADVICE);
});
