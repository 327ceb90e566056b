import assert from "node:assert/strict";
import { StoreBrokenError } from "../../../queue/ground/errors.ts";
import { openStore } from "../../../queue/store/open.ts";
import { folder } from "./folder.ts";

Deno.test("openStore() makes the file and its folder, and finds what was stored", async () => {
  using files = folder();
  const path = `${files.path}/not/yet/here.kv`;
  const first = await openStore(path);
  await first.commit([], [{ type: "set", key: ["a"], value: 1 }]);
  first.close();
  const second = await openStore(path);
  assert.equal((await second.getMany([["a"]]))[0]?.value, 1);
  assert.notEqual(second.incarnation, first.incarnation);
  assert.match(second.incarnation!, /^[0-9a-f-]{36}$/);
  second.close();
});

Deno.test("openStore() opens a file once in a process, by whatever link it is named", async () => {
  using files = folder();
  const store = await openStore(`${files.path}/a.kv`);
  Deno.symlinkSync(`${files.path}/a.kv`, `${files.path}/link.kv`);
  Deno.symlinkSync(files.path, `${files.path}/folder`);
  for (const path of ["a.kv", "link.kv", "folder/a.kv"]) {
    await assert.rejects(openStore(`${files.path}/${path}`), {
      name: "StoreBrokenError",
      message:
        `Database '${files.path}/${path}' is in use: this process has opened it already (pid ${Deno.pid})`,
    });
  }
  store.close();
  (await openStore(`${files.path}/link.kv`)).close();
});

Deno.test("openStore() follows a link to a file that is not there yet", async () => {
  using files = folder();
  Deno.symlinkSync(`${files.path}/target.kv`, `${files.path}/link.kv`);
  const store = await openStore(`${files.path}/link.kv`);
  await assert.rejects(openStore(`${files.path}/target.kv`), /is in use/);
  store.close();
});

Deno.test("openStore() refuses a file that another process has open, and takes it once that is killed", async () => {
  using files = folder();
  const path = `${files.path}/a.kv`;
  const holder = hold(path);
  assert.equal(await holder.answer, "open");
  await assert.rejects(openStore(path), (error) => {
    assert(error instanceof StoreBrokenError);
    assert.equal(error.message, `Database '${path}' is in use by another process (pid ${holder.pid})`);
    assert.match(error.hint, /^Stop that process/);
    return true;
  });
  holder.process.kill("SIGKILL");
  await holder.process.status;
  const store = await openStore(path);
  assert.equal((await store.getMany([["holder"]]))[0]?.value, holder.pid);

  const late = hold(path);
  assert.match(await late.answer, new RegExp(`in use by another process \\(pid ${Deno.pid}\\)`));
  late.process.kill("SIGKILL");
  await late.process.status;
  store.close();
});

Deno.test("openStore() says what to do about a path that it cannot open", async () => {
  using files = folder();
  Deno.writeTextFileSync(`${files.path}/text.kv`, "This is no database. ".repeat(500));
  const cases: [path: string, message: RegExp, hint: RegExp][] = [
    [files.path, /cannot be opened: It is a folder/, /name a file in it/],
    [`${files.path}/text.kv`, /cannot be opened: file is not a database/, /put back a backup/],
    [`${files.path}/text.kv/a.kv`, /cannot be opened: /, /is a file: name a folder for 'a.kv'/],
    ["ftp://kv.example", /must be a file, ':memory:' or a KV server's address/, /Name a file/],
    ["", /must be a file, ':memory:' or a KV server's address/, /Name a file/],
    [":other:", /must be a file, ':memory:' or a KV server's address/, /Name a file/],
  ];
  for (const [path, message, hint] of cases) await assertBroken(openStore(path), path, message, hint);
  assert.throws(
    () => Deno.statSync(`${files.path}.lock`),
    Deno.errors.NotFound,
    "a folder gets no lock file",
  );
});

Deno.test("openStore() refuses a damaged file where Deno would panic", async () => {
  using files = folder();
  const whole = await databaseFile(`${files.path}/whole.kv`);
  const refused: number[] = [];
  for (let page = 0; page < whole.length / 4096; page++) {
    const path = `${files.path}/${page}.kv`;
    Deno.writeFileSync(path, whole.slice().fill(0x55, page * 4096, (page + 1) * 4096));
    // A page of rows alone may be damaged without notice; the first read of it says so.
    await openStore(path).then((store) => store.close(), (error) => {
      assert(error instanceof StoreBrokenError, `${error}`);
      assert.match(error.hint, /put back a backup/);
      refused.push(page);
    });
  }
  assert(refused.length >= 7, `The schema, the three tables' roots and the indices: ${refused}`);
});

Deno.test({
  name: "openStore() refuses a file or a folder that it cannot write to",
  ignore: Deno.build.os === "windows" || Deno.uid() === 0, // root may write anywhere
  async fn() {
    using files = folder();
    const path = `${files.path}/a.kv`;
    (await openStore(path)).close();
    Deno.chmodSync(path, 0o444);
    await assertBroken(openStore(path), path, /cannot be opened: /, /Give this user write permission/);
    Deno.chmodSync(path, 0o644);
    Deno.chmodSync(files.path, 0o555);
    for (const file of [path, `${files.path}/new.kv`, `${files.path}/sub/new.kv`]) {
      await assertBroken(openStore(file), file, /cannot be opened: /, /Give this user write permission/);
    }
    Deno.chmodSync(files.path, 0o755);
  },
});

Deno.test({
  name: "openStore() names the permission that Deno was not given",
  permissions: { read: true, write: false },
  async fn() {
    await assertBroken(openStore("data/a.kv"), "data/a.kv", /Requires write access/, /--allow-write=data$/);
  },
});

async function databaseFile(path: string): Promise<Uint8Array> {
  const store = await openStore(path);
  const rows = Array.from({ length: 200 }, (_, n) => n);
  await store.commit([], rows.map((n) => ({ type: "set", key: ["row", n], value: new Uint8Array(300) })));
  store.close();
  return Deno.readFileSync(path);
}

function hold(path: string) {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-kv", new URL("hold_store.ts", import.meta.url).pathname, path],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  return { process, pid: process.pid, answer: answerOf(process) };
}

async function answerOf(process: Deno.ChildProcess): Promise<string> {
  let answer = "";
  for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
    answer += text;
    if (answer.endsWith("\0")) break;
  }
  return answer.slice(0, -1);
}

async function assertBroken(
  open: Promise<unknown>,
  path: string,
  message: RegExp,
  hint: RegExp,
): Promise<void> {
  await assert.rejects(open, (error) => {
    assert(error instanceof StoreBrokenError, `${error}`);
    assert.match(error.message, message);
    assert(error.message.includes(`'${path}'`), error.message);
    assert.match(error.hint, hint);
    return true;
  });
}
