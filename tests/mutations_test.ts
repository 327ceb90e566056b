import assert from "node:assert/strict";
import { MUTATIONS } from "./mutations.ts";

Deno.test("every snippet that tests/mutations.ts takes out stands in the code once", async () => {
  for (const { name, file, find } of MUTATIONS) {
    const text = await Deno.readTextFile(new URL(`../${file}`, import.meta.url));
    assert.equal(text.split(find).length, 2, `'${name}' must stand in ${file} once: ${find}`);
  }
});
