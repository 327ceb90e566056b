/** `deno task doctor` as a person or a program runs it. */
import assert from "node:assert/strict";
import { openStore } from "../../queue/mod.ts";
import { healthy, Patient } from "../queue/doctor/patient.ts";
import { folder } from "../queue/store/folder.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

async function doctor(path: string, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", "doctor", ...args],
    cwd: ROOT,
    env: { KV_PATH: path, NO_COLOR: "1" },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out: out!.replace(/[0-9.]+ s:/, "… s:"), err: err! };
}

Deno.test("deno task doctor tells what is broken, repairs it, and says by its exit code whether all is well", async () => {
  using files = folder();
  const path = `${files.path}/a.kv`;
  const { rows, ids } = await healthy();
  const store = await openStore(path);
  const p = new Patient(store, "sluice");
  await p.fill(rows);
  await p.delete(p.keys.ready("elsewhere", 5, ids.ready));
  const inUse = await doctor(path);
  assert.equal(inUse.code, 2);
  assert.match(inUse.err, /is in use by another process \(pid \d+\)\. Stop that process/);
  assert.match(inUse.out, /deno task backup/);
  store.close();

  const message = `Task ${ids.ready} is PENDING and in no place`;
  const read = `${rows.length - 1} rows, ${
    rows.filter(({ key }) => key[1] === "task").length
  } of them tasks, were`;
  assert.deepEqual(await doctor(path), {
    code: 1,
    out:
      `${message} (invariant 2): can be repaired\n    sluice task ${ids.ready}\n${read} read in … s: 1 broken\n`,
    err: "",
  });
  const json = await doctor(path, "--json");
  assert.equal(json.code, 1);
  const [first, second] = json.out.trim().split("\n").map((line) => JSON.parse(line));
  const keys = [["sluice", "task", ids.ready]];
  assert.deepEqual(first, { finding: { law: 2, message, keys, repair: "requeued", repaired: false } });
  assert.equal(second.summary.broken, 1);

  const repaired = await doctor(path, "--repair");
  assert.equal(repaired.code, 0);
  assert.match(repaired.out, /\(invariant 2\): repaired: requeued\n[^]*: 1 repaired, all is well\n$/);
  assert.match((await doctor(path)).out, /: all is well\n$/);
});

Deno.test("deno task doctor makes no file, and reads no data of another version: exit code 2", async () => {
  using files = folder();
  const path = `${files.path}/a.kv`;
  const missing = await doctor(path);
  assert.equal(missing.code, 2);
  assert.match(missing.err, /There is no database file /);
  assert.throws(() => Deno.statSync(path), Deno.errors.NotFound);

  const store = await openStore(path);
  const p = new Patient(store, "sluice");
  await p.put(p.keys.meta(), { version: 1000 });
  store.close();
  const newer = await doctor(path);
  assert.equal(newer.code, 2);
  assert.match(
    newer.err,
    /^Sluice: The stored data has version 1000, this program knows \d+\. Start a newer/,
  );
});
