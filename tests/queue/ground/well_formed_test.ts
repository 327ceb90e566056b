import assert from "node:assert/strict";
import { jsonText, malformedTexts, printable, wellFormed } from "../../../queue/ground/well_formed.ts";
import { decode, encode } from "../../../queue/rows/codec.ts";
import { Dice } from "../../support/dice.ts";

const PIECES = ["a", "\\", "\\ud83d", '"', "\ud83d", "\ude00", "😀", "\\\\", "u", "\n"];

Deno.test("10,000 texts of backslashes, quotes, pairs and halves of pairs: only the halves change", () => {
  const dice = new Dice(7);
  for (let n = 0; n < 10_000; n++) {
    const text = Array.from({ length: dice.between(0, 8) }, () => PIECES[dice.between(0, PIECES.length - 1)])
      .join("");
    assert.equal(JSON.parse(jsonText(text)), text.toWellFormed());
    assert.deepEqual(JSON.parse(jsonText({ [text]: [text] })), {
      [text.toWellFormed()]: [text.toWellFormed()],
    });
    assert.equal(decode(encode(text)), text.toWellFormed());
    assert.equal(malformedTexts(JSON.stringify([text]), "/args").length, text.isWellFormed() ? 0 : 1);
    if (text.isWellFormed()) assert.equal(wellFormed(JSON.stringify(text)), JSON.stringify(text));
  }
});

Deno.test("rows that earlier versions wrote with half a surrogate pair are read as well-formed", () => {
  const row = new TextEncoder().encode('{"args":["\\ud800","\\\\ud800"],"\\udfff":1}');
  assert.deepEqual(decode(row), { args: ["\ufffd", "\\ud800"], "\ufffd": 1 });
});

Deno.test("a text for a terminal has nothing that a terminal obeys", () => {
  assert.equal(
    printable("a\x1b[31mb\x9bc\x7f\u202ed\ud83d\n\te\r\n"),
    "a\ufffd[31mb\ufffdc\ufffd\ufffdd\ufffd  e  ",
  );
  assert.equal(printable("one\n\ttwo\x07\r", true), "one\n\ttwo\ufffd ");
});
