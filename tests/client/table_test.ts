import assert from "node:assert/strict";
import { format, visibleJson } from "../../client/table.ts";

const NASTY = "a\x1b[2J\x9b\x7f\u202e\ud83d\nb";

Deno.test("a table has nothing that a terminal obeys, and a line for each row", () => {
  const text = format({ title: "tasks", rows: [{ name: NASTY, args: [NASTY] }] });
  assert.equal(text.split("\n").length, 3);
  // deno-lint-ignore no-control-regex -- they are what must not be there
  assert.doesNotMatch(text, /[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
});

Deno.test("inspect's JSON has nothing that a terminal obeys, and is the same JSON", () => {
  const text = visibleJson({ name: NASTY });
  assert.deepEqual(JSON.parse(text), { name: NASTY });
  // deno-lint-ignore no-control-regex -- they are what must not be there
  assert.doesNotMatch(text, /[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
});
