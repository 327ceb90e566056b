/** Ctrl-C, as a terminal and `deno task` deliver it: two signals at once. */
import assert from "node:assert/strict";
import { openStore } from "../../queue/mod.ts";
import { folder } from "../queue/store/folder.ts";
import { rowsOf } from "../support/rows.ts";
import { Child } from "./child.ts";

for (const program of ["main.ts", "dev.ts"]) {
  Deno.test(`${program}: Ctrl-C gives a running task back, uncounted`, async () => {
    using files = folder();
    const path = `${files.path}/a.kv`;
    const env = { KV_PATH: path, PORT: "0", LOG_FORMAT: "json", API_TOKEN: "", SHUTDOWN_GRACE: "0.1" };
    await using child = new Child(`../../${program}`, [], env);
    const base = await child.listening();
    await (await fetch(`${base}/long-running`)).body?.cancel();
    await child.until((lines) => lines.some((line) => line.includes('"message":"started"')));
    child.terminate();
    child.terminate();
    assert.equal((await child.ended()).code, 0);
    assert(child.said.some(({ message }) => message === "returned"));
    const store = await openStore(path);
    const [ready] = await rowsOf(store, "ready");
    assert.equal(ready!.value.deliveries, 0);
    assert.deepEqual(await rowsOf(store, "worker"), []);
    store.close();
  });
}
