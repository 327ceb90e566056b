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

Deno.test("Deno's index of expiry times holds the rows that expire, and Deno still finds them", async () => {
  using files = folder();
  const fresh = `${files.path}/fresh.kv`;
  (await openStore(fresh)).close();
  const before = `${files.path}/before.kv`;
  const kv = await Deno.openKv(before);
  await kv.set(["stays"], 1);
  await kv.set(["expires"], 1, { expireIn: 1 });
  kv.close();
  (await openStore(before)).close();
  for (const path of [fresh, before]) {
    const database = new DatabaseSync(path);
    const plan = (sql: string) => database.prepare(`explain query plan ${sql}`).get()!.detail as string;
    // What Deno asks: which rows have expired, and when the next one will.
    const expired = "delete from kv where expiration_ms >= 0 and expiration_ms <= 5 returning k";
    const next = "select expiration_ms from kv where expiration_ms >= 0 order by expiration_ms limit 1";
    for (const sql of [expired, next]) assert.match(plan(sql), /INDEX kv_expiration_ms_idx/);
    const [{ sql }] = database.prepare(
      "select sql from sqlite_master where type = 'index' and tbl_name = 'kv'",
    )
      .all() as [{ sql: string }];
    assert.match(sql, /where expiration_ms >= 0$/);
    assert.equal(database.prepare("pragma integrity_check").get()!.integrity_check, "ok");
    database.close();
  }
  // Deno removes what has expired when it opens the file.
  const again = await Deno.openKv(before);
  assert.equal((await again.get(["expires"])).value, null);
  assert.equal((await again.get(["stays"])).value, 1);
  again.close();
});

Deno.test("an index that is not as Deno makes it is left alone", async () => {
  using files = folder();
  const path = `${files.path}/a.kv`;
  (await Deno.openKv(path)).close();
  const database = new DatabaseSync(path);
  database.exec(
    "drop index kv_expiration_ms_idx; create index kv_expiration_ms_idx on kv (expiration_ms, version)",
  );
  const sql = () =>
    database.prepare("select sql from sqlite_master where name = 'kv_expiration_ms_idx'").get()!.sql;
  const before = sql();
  (await openStore(path)).close();
  assert.equal(sql(), before);
  database.close();
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
