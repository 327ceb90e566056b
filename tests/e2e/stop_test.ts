/** Ctrl-C, as a terminal and `deno task` deliver it: two signals at once. */
import { folder } from "../queue/store/folder.ts";
import { Child, programEnv } from "./child.ts";
import { assertGivenBack } from "./given_back.ts";

for (const program of ["main.ts", "dev.ts"]) {
  Deno.test(`${program}: Ctrl-C gives a running task back, uncounted`, async () => {
    using files = folder();
    const path = `${files.path}/a.kv`;
    const env = programEnv(path, { SHUTDOWN_GRACE: "0.1" });
    await using child = new Child(`../../${program}`, [], env);
    const base = await child.listening();
    await (await fetch(`${base}/long-running`)).body?.cancel();
    await child.until((lines) => lines.some((line) => line.includes('"message":"started"')));
    child.terminate();
    child.terminate();
    await assertGivenBack(child, path);
  });
}
