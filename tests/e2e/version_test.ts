/** A program that finds data of a newer Sluice, as its user sees it. */
import assert from "node:assert/strict";
import { openStore } from "../../queue/mod.ts";
import { keysOf } from "../../queue/rows/keys.ts";
import { put } from "../../queue/rows/unit.ts";
import { folder } from "../queue/store/folder.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

Deno.test("deno task start refuses data of a newer version: exit code 1, and a line that says what to do", async () => {
  using files = folder();
  const path = `${files.path}/a.kv`;
  const store = await openStore(path);
  await store.commit([], [put(keysOf("sluice").meta(), { version: 1000 })]);
  store.close();
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", "start"],
    cwd: ROOT,
    env: { KV_PATH: path, PORT: "0", API_TOKEN: "", HOST: "", NO_COLOR: "1" },
  }).output();
  assert.equal(code, 1);
  assert.match(
    new TextDecoder().decode(stderr),
    /^Sluice: The stored data has version 1000, this program knows \d+\. Start a newer version of Sluice, or use another KV_PATH\n$/,
  );
});
