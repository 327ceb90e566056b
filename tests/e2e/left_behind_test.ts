/** What the commands that end leave in the folder of the files that they are given: nothing beside the files. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { createQueue, openStore } from "../../queue/mod.ts";
import { folder } from "../queue/store/folder.ts";
import { Child } from "./child.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Runs `deno task <words>` on a database, and returns its exit code. */
async function run(path: string, ...words: string[]): Promise<number> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", ...words],
    cwd: ROOT,
    env: { KV_PATH: path, NO_COLOR: "1" },
    stdout: "null",
    stderr: "null",
  }).output();
  return code;
}

const namesIn = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();

async function makeDatabase(path: string): Promise<void> {
  const store = await openStore(path);
  const queue = createQueue({ store, definitions: [] });
  await queue.start();
  await queue.stop();
  store.close();
}

Deno.test("after a backup, the doctor and a restore only the database files themselves are there", async () => {
  using files = folder();
  const [path, copy, restored] = ["a.kv", "copy.kv", "b.kv"].map((name) => `${files.path}/${name}`);
  await makeDatabase(path!);
  assert.deepEqual(namesIn(files.path), ["a.kv"]);
  assert.equal(await run(path!, "backup", copy!), 0);
  assert.deepEqual(namesIn(files.path), ["a.kv", "copy.kv"]);
  assert.equal(await run(copy!, "doctor"), 0);
  assert.equal(await run(copy!, "doctor", "--repair"), 0);
  assert.equal(await run(restored!, "restore", copy!), 0);
  assert.deepEqual(namesIn(files.path), ["a.kv", "b.kv", "copy.kv"]);
});

Deno.test("a backup and the doctor leave a process all files of the database that it has open", async () => {
  using files = folder();
  const path = `${files.path}/a.kv`;
  const open = ["a.kv", "a.kv-shm", "a.kv-wal", "a.kv.lock"];
  await using child = new Child("engine_child.ts", [path]);
  await child.tell({ submit: [{ name: "count", args: [1] }] });
  await child.until((lines) => lines.some((line) => line.startsWith('{"finished"')));
  assert.deepEqual(namesIn(files.path), open);
  assert.equal(await run(path, "doctor"), 2);
  assert.equal(await run(path, "backup", `${files.path}/copy.kv`), 0);
  assert.deepEqual(namesIn(files.path), [...open, "copy.kv"].sort());
  await child.tell({ submit: [{ name: "count", args: [2] }] });
  await child.until((lines) => lines.filter((line) => line.startsWith('{"finished"')).length === 2);
});

Deno.test("the doctor of a file that a program without Sluice's lock has open leaves its -wal", async () => {
  using files = folder();
  const path = `${files.path}/a.kv`;
  await makeDatabase(path);
  const other = new DatabaseSync(path);
  other.exec("create table mine (n); insert into mine values (1)");
  assert.equal(await run(path, "doctor"), 0);
  assert.equal(await run(path, "backup", `${files.path}/copy.kv`), 0);
  assert.deepEqual(namesIn(files.path), ["a.kv", "a.kv-shm", "a.kv-wal", "copy.kv"]);
  assert.equal(other.prepare("select n from mine").get()?.n, 1);
  other.close();
});
