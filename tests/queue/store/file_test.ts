/** The file of a database gives room back when what was in it is removed. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openStore } from "../../../queue/store/open.ts";
import { openQueue } from "../../support/open_queue.ts";
import { rowsOf } from "../../support/rows.ts";
import { task } from "../../support/held_task.ts";
import { folder } from "./folder.ts";

const MB = 1e6;
const sizeOf = (path: string) => Deno.statSync(path).size;

Deno.test("a file is small again when it is opened after retention has removed what it held", async () => {
  using files = folder();
  const path = `${files.path}/a.kv`;
  const large = "x".repeat(400_000);
  {
    await using q = await openQueue({
      store: { path },
      definitions: [task("large", () => null)],
      channels: { default: 50 },
      resultTtl: 60,
    });
    const ids: string[] = [];
    for (let n = 0; n < 180; n++) {
      ids.push((await q.queue.submitAll([{ name: "large", args: [large] }])).tasks[0]!.id);
    }
    await q.ended({ id: ids.at(-1)! });
    await q.clock.advance(90_000);
    assert.deepEqual(await rowsOf(q.store, "task"), []);
    await q.queue.submitAll([{ name: "large", args: [] }]);
  }
  const before = sizeOf(path);
  assert(before > 70 * MB, `Retention alone leaves the file as it is: ${before / MB} MB`);
  const store = await openStore(path);
  assert(sizeOf(path) < 5 * MB, `${sizeOf(path) / MB} MB`);
  assert.equal((await rowsOf(store, "task")).length, 1);
  store.close();
});

Deno.test("a file of which little is free, or that was made otherwise, is opened as it is", async () => {
  using files = folder();
  const other = `${files.path}/other.kv`;
  const database = new DatabaseSync(other);
  database.exec("create table other (a); insert into other values (zeroblob(80000000)); delete from other");
  database.close();
  const path = `${files.path}/a.kv`;
  await fillAndEmpty(path, 20);
  for (const file of [path, other]) {
    const before = sizeOf(file);
    (await openStore(file)).close();
    assert(sizeOf(file) >= before, file);
  }
});

/** So many megabytes of rows, and none. */
async function fillAndEmpty(path: string, megabytes: number): Promise<void> {
  const store = await openStore(path);
  const keys = Array.from({ length: megabytes }, (_, n) => ["row", n]);
  const value = new Uint8Array(60_000);
  for (const key of keys) {
    const parts = Array.from({ length: 10 }, (_, n) => ({ type: "set" as const, key: [...key, n], value }));
    await store.commit([], parts);
  }
  for (const key of keys) {
    const parts = Array.from({ length: 10 }, (_, n) => ({ type: "delete" as const, key: [...key, n] }));
    await store.commit([], parts);
  }
  store.close();
}
