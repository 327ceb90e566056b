import assert from "node:assert/strict";
import { kvStore } from "../../../queue/store/kv_store.ts";
import { openStore } from "../../../queue/store/open.ts";
import { conformance } from "./conformance.ts";
import { folder } from "./folder.ts";

conformance("KV in memory", () => openStore(":memory:"));

const files = folder();
Deno.test.afterAll(() => files[Symbol.dispose]());
let count = 0;
conformance("KV in a file", () => openStore(`${files.path}/${count++}.kv`));

Deno.test("kvStore() commits through a database that another connection writes to", async () => {
  using files = folder();
  const stores = [
    kvStore(await Deno.openKv(`${files.path}/shared.kv`)),
    kvStore(await Deno.openKv(`${files.path}/shared.kv`)),
  ];
  const writers = stores.map(async (store, writer) => {
    let lane: string | null = null;
    for (let n = 0; n < 200; n++) {
      const key = ["lane", writer];
      lane = await store.commit([{ key, versionstamp: lane }], [{ type: "set", key, value: n }]);
      assert(lane, "a check failed that nobody else could have broken");
    }
  });
  await Promise.all(writers);
  for (const store of stores) store.close();
});

Deno.test("kvStore() sends a commit again while the database is locked, and tells when it stays so", async () => {
  const kv = await Deno.openKv(":memory:");
  const real = kv.atomic.bind(kv);
  let locked = 3;
  kv.atomic = () => {
    const operation = real();
    const commit = operation.commit.bind(operation);
    operation.commit = () => locked-- > 0 ? Promise.reject(new TypeError("database is locked")) : commit();
    return operation;
  };
  const store = kvStore(kv, { random: () => 0 });
  assert(await store.commit([], [{ type: "set", key: ["a"], value: 1 }]));
  assert.equal(locked, -1);
  locked = Infinity;
  await assert.rejects(store.commit([], []), { name: "TypeError", message: "database is locked" });
  store.close();
});

Deno.test("kvStore() has neither doorbell nor incarnation unless they are given", async () => {
  const store = kvStore(await Deno.openKv(":memory:"));
  assert.equal(store.doorbell, null);
  assert.equal(store.incarnation, null);
  store.close();
});
