import assert from "node:assert/strict";
import { type PageSizes, pagesOf } from "../../../queue/rows/pages.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import type { Store } from "../../../queue/store/port.ts";

/** The sizes of the pages of a range with so many entries, and the limits of the reads. */
async function read(entries: number, sizes: PageSizes) {
  const store = memoryStore();
  const all = Array.from({ length: entries }, (_, n) => ["a", n]);
  await store.commit([], all.map((key) => ({ type: "set", key, value: 0 })));
  const limits: number[] = [];
  const counted: Store = {
    ...store,
    list: (range, options) => (limits.push(options.limit), store.list(range, options)),
  };
  const pages = await Array.fromAsync(pagesOf(counted, { prefix: ["a"] }, sizes));
  assert.deepEqual(pages.flat().map(({ key }) => key), all.slice(0, sizes.most));
  return { pages: pages.map((page) => page.length), limits };
}

Deno.test("a range is read page by page, up to the page that is not full", async () => {
  assert.deepEqual(await read(5, { page: 2 }), { pages: [2, 2, 1], limits: [2, 2, 2] });
  assert.deepEqual(await read(4, { page: 2 }), { pages: [2, 2, 0], limits: [2, 2, 2] });
  assert.deepEqual(await read(0, { page: 2 }), { pages: [0], limits: [2] });
});

Deno.test("no more is read than is asked for", async () => {
  assert.deepEqual(await read(5, { page: 2, most: 3 }), { pages: [2, 1], limits: [2, 1] });
  assert.deepEqual(await read(5, { page: 2, most: 2 }), { pages: [2], limits: [2] });
  assert.deepEqual(await read(5, { most: 0 }), { pages: [], limits: [] });
});

Deno.test("what is deleted while a range is read does not change where it goes on", async () => {
  const store = memoryStore();
  for (const n of [1, 2, 3, 4]) await store.commit([], [{ type: "set", key: ["a", n], value: n }]);
  const found: unknown[] = [];
  for await (const page of pagesOf(store, { prefix: ["a"] }, { page: 2 })) {
    found.push(...page.map(({ value }) => value));
    await store.commit([], page.map(({ key }) => ({ type: "delete", key })));
  }
  assert.deepEqual(found, [1, 2, 3, 4]);
});
