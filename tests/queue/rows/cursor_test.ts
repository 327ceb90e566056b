import assert from "node:assert/strict";
import { makeCursor, readCursor } from "../../../queue/rows/cursor.ts";

Deno.test("a cursor is read as it was made, and looks as it always has", () => {
  const parts = ["0192", [["name", "add \u00e9?"]], 7];
  assert.equal(makeCursor(parts), "WyIwMTkyIixbWyJuYW1lIiwiYWRkIMOpPyJdXSw3XQ");
  assert.deepEqual(readCursor(makeCursor(parts)), parts);
});

Deno.test("what is no cursor is none", () => {
  for (const text of ["", "?", "WyIw", "e30", "ImFiYyI", "bnVsbA"]) {
    assert.equal(readCursor(text), null, text);
  }
});
