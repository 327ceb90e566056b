/** Errors that a handler leaves behind: they are logged, and the program goes on. */
import assert from "node:assert/strict";
import { folder } from "../queue/store/folder.ts";
import { Child, programEnv } from "./child.ts";

Deno.test("no timer, rejection or abort listener that a handler leaves behind ends the program", async () => {
  using files = folder();
  await using child = new Child("stray_child.ts", [], programEnv(`${files.path}/a.kv`));
  const base = await child.listening();
  const run = async (kind: string) => {
    const response = await fetch(`${base}/v1/tasks`, {
      method: "POST",
      headers: { "content-type": "application/json", prefer: "wait=60" },
      body: JSON.stringify({ name: "stray", args: [kind] }),
    });
    const { state, result } = await response.json();
    assert.deepEqual([state, result], ["SUCCESS", kind]);
  };
  for (const kind of ["timer", "rejection", "listener", "none"]) await run(kind);
  const told = () => child.said.filter(({ level }) => level === "error");
  await child.until(() => told().length === 3);
  assert.deepEqual(told().map(({ message }) => message), [
    "uncaught error",
    "unhandled rejection",
    "uncaught error",
  ]);
  const errors = told().map(({ error }) => /stray \w+/.exec(String(error))![0]);
  assert.deepEqual(errors, ["stray timer", "stray rejection", "stray listener"]);
});
