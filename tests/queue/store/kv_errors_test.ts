import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { RefusedCommitError, StoreBrokenError } from "../../../queue/ground/errors.ts";
import { commitError, isLocked } from "../../../queue/store/kv_errors.ts";
import { kvStore } from "../../../queue/store/kv_store.ts";
import type { Store } from "../../../queue/store/port.ts";
import { folder } from "./folder.ts";

// What a test cannot provoke everywhere: seen on Deno 2.9.6, the full disk on a tmpfs of 6 MB.
Deno.test("commitError() knows the texts of a store that can serve no more", () => {
  const texts = [
    "database or disk is full",
    "disk I/O error",
    "database disk image is malformed",
    "cannot commit - no transaction is active",
    "attempt to write a readonly database",
    "Can not write to a read-only database.",
    "Database is closed.",
    "Bad resource ID",
  ];
  for (const text of texts) {
    const error = commitError(new TypeError(text));
    assert(error instanceof StoreBrokenError, text);
    assert.equal(error.message, `Database can serve no more: ${text}`);
    assert(error.hint.length > 20);
  }
});

Deno.test("commitError() leaves alone errors that tell nothing certain", () => {
  for (const error of [new TypeError("database is locked"), new Error("connection reset"), "text", null]) {
    assert.equal(commitError(error), error);
  }
  assert(isLocked(new TypeError("database is locked")));
  assert(!isLocked(new TypeError("disk I/O error")));
});

Deno.test("commit() tells that the file was cut short", async () => {
  await withStore(async (store, path) => {
    Deno.truncateSync(`${path}-wal`, 0);
    Deno.truncateSync(path, 8192);
    await assertBroken(write(store), /I\/O error|malformed/);
    await assertBroken(store.list({ prefix: ["row"] }, { limit: 500 }), /I\/O error|malformed/);
    await assertBroken(write(store), /I\/O error|malformed|no transaction is active/);
  });
});

Deno.test("commit() tells that a table is gone", async () => {
  await withStore(async (store, path) => {
    const other = new DatabaseSync(path);
    other.exec("drop table kv");
    other.close();
    await assertBroken(write(store), /no such table/);
  });
});

Deno.test("commit() tells that the database was closed under it, and so do reads", async () => {
  const kv = await Deno.openKv(":memory:");
  const store = kvStore(kv);
  kv.close();
  await assertBroken(write(store), /Bad resource ID/);
  await assertBroken(store.getMany([["a"]]), /Bad resource ID/);
  await assertBroken(store.list({ prefix: [] }, { limit: 1 }), /Bad resource ID/);
});

Deno.test({
  name: "commit() applies all or nothing until the file may not grow, and tells it then",
  ignore: Deno.build.os === "windows",
  async fn() {
    using files = folder();
    const path = `${files.path}/a.kv`;
    const fill = new URL("fill_store.ts", import.meta.url).pathname;
    const { stdout } = await new Deno.Command("sh", {
      // Blocks of 512 bytes (or 1024, in bash); a process that ignores the signal gets an error instead.
      args: [
        "-c",
        `trap '' XFSZ; ulimit -f 3000; exec "$0" run -A --unstable-kv "$1" "$2"`,
        Deno.execPath(),
        fill,
        path,
      ],
    }).output();
    const [committed, name, message, hint] = new TextDecoder().decode(stdout).trim().split("\n");
    assert.equal(name, "StoreBrokenError");
    assert.match(message!, /disk I\/O error/);
    assert.match(hint!, /disk/);
    using kv = await Deno.openKv(path);
    const rows = await Array.fromAsync(kv.list({ prefix: ["row"] }));
    assert(Number(committed) > 0);
    assert.equal(rows.length, Number(committed) * 100);
  },
});

Deno.test("commit() refuses what cannot be cloned, and keeps the reason", async () => {
  const store = kvStore(await Deno.openKv(":memory:"));
  await assert.rejects(store.commit([], [{ type: "set", key: ["a"], value: Symbol("x") }]), (error) => {
    assert(error instanceof RefusedCommitError);
    assert.equal(error.message, "Commit was refused: Symbol(x) could not be cloned.");
    assert(error.cause instanceof Error);
    return true;
  });
  store.close();
});

async function withStore(test: (store: Store, path: string) => Promise<void>): Promise<void> {
  using files = folder();
  const path = `${files.path}/a.kv`;
  const store = kvStore(await Deno.openKv(path));
  for (let n = 0; n < 500; n++) {
    await store.commit([], [{ type: "set", key: ["row", n], value: new Uint8Array(3000) }]);
  }
  await test(store, path);
  store.close();
}

function write(store: Store): Promise<string | null> {
  return store.commit([], [{ type: "set", key: ["row", 1], value: 1 }]);
}

async function assertBroken(action: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(action, (error) => {
    assert(error instanceof StoreBrokenError, `${error}`);
    assert.match(error.message, message);
    return true;
  });
}
