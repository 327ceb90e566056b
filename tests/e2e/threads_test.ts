/** Threads under the permissions that the program has, and at its end. */
import assert from "node:assert/strict";
import { folder } from "../queue/store/folder.ts";
import { Child, programEnv } from "./child.ts";
import { assertGivenBack } from "./given_back.ts";

Deno.test("dev.ts: sums are added up in threads, and Ctrl-C gives back the one that is not done", async () => {
  using files = folder();
  const path = `${files.path}/a.kv`;
  const env = programEnv(path, { SHUTDOWN_GRACE: "0.1" });
  await using child = new Child("../../dev.ts", [], env);
  const base = await child.listening();
  const sum = async (number: number, wait: number) => {
    const response = await fetch(`${base}/v1/tasks`, {
      method: "POST",
      headers: { "content-type": "application/json", prefer: `wait=${wait}` },
      body: JSON.stringify({ name: "sum_to_n_job", args: [number] }),
    });
    return await response.json();
  };
  assert.equal((await sum(10, 60)).result, 55);
  await sum(Number.MAX_SAFE_INTEGER, 0);
  await child.until((lines) => lines.filter((line) => line.includes('"message":"started"')).length === 2);
  child.terminate();
  await assertGivenBack(child, path);
});
