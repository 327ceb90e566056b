/** What a task costs, as docs/scaling.md says: one mutation or commit more and this fails. `deno task bench cost` prints the table. */
import assert from "node:assert/strict";
import { costTable } from "../../bench/cost/lives.ts";

Deno.test("the table of docs/scaling.md is what is counted", async () => {
  const document = Deno.readTextFileSync(new URL("../../docs/scaling.md", import.meta.url)).split("\n");
  for (const line of await costTable()) {
    assert(document.includes(line), `docs/scaling.md has no line\n${line}`);
  }
});
