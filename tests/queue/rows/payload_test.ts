import assert from "node:assert/strict";
import { memoryStore, type Store, TooLargeError } from "../../../queue/mod.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { countRows, rowsOf, stored } from "../../support/rows.ts";

const KIB = 1024;
const SIZES = [10, 40, 61, 200, 511].map((kib) => kib * KIB);
/** Texts that take 1, 2, 3 and 4 bytes a character, and ones that JSON escapes. */
const ALPHABETS = { ascii: "a", latin1: "é", cjk: "漢", emoji: "😀", quotes: '"', mixed: "aé漢😀\n" };
const echo = task("echo", (_ctx, text) => text);

/** A text of almost so many bytes as JSON. */
function textOf(alphabet: string, bytes: number): string {
  const size = new TextEncoder().encode(JSON.stringify(alphabet)).length - 2;
  // Off the chunks' grid, so that a character lies across the edge of two.
  return "x" + alphabet.repeat(Math.floor((bytes - 10) / size));
}

for (const store of ["shared", "own", "file"] as const) {
  Deno.test(`arguments and results of any size up to 512 KiB come back as they were (${store} store)`, async () => {
    await using q = await openQueue({ definitions: [echo], store });
    for (const bytes of SIZES) {
      for (const alphabet of Object.values(ALPHABETS)) {
        const text = textOf(alphabet, bytes);
        const { id } = await q.queue.submit(echo, [text]);
        const ended = await q.ended({ id });
        assert.equal(ended.state, "SUCCESS");
        // Not deepEqual: it prints both.
        assert(ended.result === text && ended.args[0] === text, `${bytes} bytes of ${alphabet}`);
      }
    }
  });
}

onBothStores("a large payload is stored in chunks that a value holds, once, with its task", async (open) => {
  const held = heldTask("held", { maxRetries: 1, retry: { delay: 0, factor: 1 } });
  await using q = await open({ definitions: [held.definition] });
  const text = textOf("a", 200 * KIB);
  const { id } = await q.queue.submit(held.definition, [text]);
  await q.clock.settle();
  const blobs = await rowsOf(q.store, "blob");
  assert.deepEqual(blobs.map(({ value }) => (value as Uint8Array).length), [61_440, 61_440, 61_440, 20_475]);
  const stamps = blobs.map(({ entry }) => entry.versionstamp);
  held.runs[0]!.fail(new Error("again"));
  await q.clock.settle();
  assert(held.runs[1]!.args[0] === text);
  held.runs[1]!.finish(text);
  await q.ended({ id });
  const after = await rowsOf(q.store, "blob");
  assert.equal(after.length, 8);
  assert.deepEqual(after.slice(0, 4).map(({ entry }) => entry.versionstamp), stamps);
});

onBothStores("small payloads have no chunks", async (open) => {
  await using q = await open({ definitions: [echo] });
  await q.ended(await q.queue.submit(echo, ["x".repeat(16_000)]));
  assert.deepEqual(await stored(q.store), { task: 1 });
});

onBothStores("a large delayed task keeps its arguments, and a revoked one as well", async (open) => {
  await using q = await open({ definitions: [echo] });
  const text = textOf("é", 100 * KIB);
  const first = await q.queue.submit(echo, [text], { delay: 10 });
  const second = await q.queue.submit(echo, [text], { delay: 20 });
  assert((await q.queue.revoke(second.id)).args[0] === text);
  await q.clock.advance(10_000);
  assert((await q.ended(first)).result === text);
  assert((await q.queue.list()).tasks.every(({ args }) => args[0] === text));
});

onBothStores("arguments of more than 512 KiB are refused and leave nothing behind", async (open) => {
  await using q = await open({ definitions: [echo] });
  for (const alphabet of Object.values(ALPHABETS)) {
    await assert.rejects(q.queue.submit(echo, [textOf(alphabet, 513 * KIB)]), TooLargeError);
  }
  assert.deepEqual(await stored(q.store), {});
});

onBothStores("a batch that is too large for one commit is refused whole", async (open) => {
  await using q = await open({ definitions: [echo] });
  const request = { name: "echo", args: [textOf("a", 300 * KIB)] };
  await assert.rejects(q.queue.submitAll([request, request, request]), (error) => {
    assert(error instanceof TooLargeError);
    assert.match(error.message, /Batch is too large for one commit, send fewer tasks at once/);
    return true;
  });
  assert.deepEqual(await stored(q.store), {});
  await q.queue.submitAll([request, request]);
  await q.clock.settle();
  assert.equal(q.events.of("finished").length, 2);
});

onBothStores("retention removes the chunks with their task", async (open) => {
  await using q = await open({ definitions: [echo], resultTtl: 60 });
  await q.ended(await q.queue.submit(echo, [textOf("a", 100 * KIB)]));
  assert.equal((await countRows(q.store))["blob"], 4);
  await q.clock.advance(120_000);
  assert.deepEqual(await stored(q.store), {});
});

/** A store that answers to the first few reads of chunks with an error. */
function silentAboutChunks(reads: number): Store {
  const inner = memoryStore();
  return {
    ...inner,
    getMany: (keys) =>
      keys[0]?.[1] === "blob" && reads-- > 0 ? Promise.reject(new Error("no answer")) : inner.getMany(keys),
  };
}

Deno.test("a store that does not answer when large arguments are read fails no task", async () => {
  const text = textOf("a", 100 * KIB);
  await using q = await openQueue({ definitions: [echo], store: silentAboutChunks(3), start: false });
  const { id } = await q.queue.submit(echo, [text]);
  await q.queue.start();
  await q.clock.settle();
  assert.equal(q.events.of("finished").length, 0);
  await q.clock.advance(5000);
  assert((await q.ended({ id })).result === text);
});

Deno.test("a run that ends before its large arguments were read does not begin", async () => {
  const held = heldTask("held", { timeLimit: 1 });
  await using q = await openQueue({
    definitions: [held.definition],
    store: silentAboutChunks(10),
    start: false,
  });
  const { id } = await q.queue.submit(held.definition, [textOf("a", 100 * KIB)]);
  await q.queue.start();
  await q.clock.advance(5000);
  assert.equal((await q.queue.get(id)).error?.type, "TimeLimitExceeded");
  assert.equal(held.runs.length, 0);
});
