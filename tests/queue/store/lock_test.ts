import assert from "node:assert/strict";
import { lockFile } from "../../../queue/store/lock.ts";
import { folder } from "./folder.ts";

Deno.test("a lock file is gone when its lock is given back, and not before", () => {
  using files = folder();
  const path = `${files.path}/a.lock`;
  const lock = lockFile(path, "a");
  assert.equal(Deno.readTextFileSync(path), `${Deno.pid}\n`);
  assert.throws(() => lockFile(path, "a"), /is in use/);
  assert.equal(Deno.readTextFileSync(path), `${Deno.pid}\n`, "whoever is refused leaves it");
  lock.release();
  assert.deepEqual([...Deno.readDirSync(files.path)], []);
});

Deno.test("a process that opened the lock file before its holder removed it gets the lock, and gets it alone", () => {
  using files = folder();
  const path = `${files.path}/a.lock`;
  const first = lockFile(path, "a");
  const { openSync } = Deno;
  try {
    Deno.openSync = (...args) => {
      Deno.openSync = openSync;
      const file = openSync(...args);
      first.release();
      return file;
    };
    const second = lockFile(path, "a");
    assert.throws(() => lockFile(path, "a"), /is in use/);
    second.release();
  } finally {
    Deno.openSync = openSync;
  }
});
