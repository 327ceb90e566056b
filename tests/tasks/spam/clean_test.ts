import assert from "node:assert/strict";
import { clean, features } from "../../../tasks/spam/clean.ts";

const CLEANED: readonly [what: string, message: string, cleaned: string][] = [
  ["tags are removed, their text is kept", "<p>Call <b class='x'>NOW</b></p><br/>please", "call now please"],
  ["a tag's address goes with it", '<a href="http://a.example">Click</a>', "click"],
  ["comments and doctypes are tags", "<!DOCTYPE html><!-- hi -->Win", "win"],
  ["a tag that is not closed stays", "5 <b and nothing", "5 <b and nothing"],
  ["comparisons and hearts are no tags", "4 < 5 and 7 > 6, I <3 you", "4 < 5 and 7 > 6, i <3 you"],
  [
    "entities are what they stand for",
    "Tom &amp; Ana: &pound;5 &#163;6 &#xA3;7 &euro;8",
    "tom & ana: £5 £6 £7 €8",
  ],
  ["an entity makes no tag", "&lt;b&gt;bold&lt;/b&gt;", "<b>bold</b>"],
  ["an entity is resolved once", "&amp;lt;", "&lt;"],
  ["unknown entities stay", "&bogus; & &#; R&D;", "&bogus; & &#; r&d;"],
  ["case is lowered, of every script", "ÄRGER ИГРА ΦΩΣ", "ärger игра φως"],
  ["emoticons are kept as they were written", "OK :D Fine :-P XD =O", "ok :D fine :-P XD =O"],
  ["an emoticon may follow a word", "Great:) Sorry:-(", "great:) sorry:-("],
  ["an address holds none", "HTTP://A.example/x:Desk", "http://a.example/x:desk"],
  ["white space is one blank", "  A\r\n\tB&nbsp;C ", "a b c"],
  ["nothing stays nothing", "", ""],
];

for (const [what, message, cleaned] of CLEANED) {
  Deno.test(`clean(): ${what}`, () => assert.equal(clean(message), cleaned));
}

Deno.test("features() gives words, emoticons, signs, lengths of numbers, and pairs, each once", () => {
  assert.deepEqual(
    [...features("FREE!! Call 07700900123, free!! £5 :D")],
    [
      ...["free", "!!", "call", "#11", "£", "#1", ":D"],
      ...["free !!", "!! call", "call #11", "#11 free", "!! £", "£ #1", "#1 :D"],
    ],
  );
  assert.deepEqual([...features(" , . ")], []);
  assert.deepEqual([...features("http://a.example")].slice(0, 3), ["http", "a", "example"], "no emoticon");
});

Deno.test("features() of a long and hostile message takes time in proportion to its length", () => {
  const time = (message: string) => {
    const before = performance.now();
    features(message);
    return performance.now() - before;
  };
  for (const piece of ["<!--", "<a", "&#1", ":", "'", "<3", "!x", " "]) {
    const [short, long] = [time(piece.repeat(20_000)), time(piece.repeat(200_000))];
    assert(long < 40 * short + 100, `${piece}: ${short} ms, ten times as long: ${long} ms`);
  }
});
