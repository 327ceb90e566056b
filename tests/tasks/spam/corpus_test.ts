import assert from "node:assert/strict";
import { CorpusError, type Example, LABELS, parseCorpus, split } from "../../../tasks/spam/corpus.ts";

/** As many lines of each label as are needed. */
const ENOUGH = "ham,a\nham,b\nham,c\nham,d\nspam,e\nspam,f\nspam,g\nspam,h\n";

function messages(csv: string): string[] {
  return parseCorpus(csv).map(({ message }) => message);
}

Deno.test("parseCorpus() reads quotes, doubled quotes, and line breaks within quotes", () => {
  const csv = `Category,Message\nham,"a, b"\nham,"he said ""no"""\nspam,"two\nlines"\n${ENOUGH}`;
  assert.deepEqual(messages(csv).slice(0, 3), ["a, b", 'he said "no"', "two\nlines"]);
  assert.deepEqual(parseCorpus(csv)[2], { label: "spam", message: "two\nlines" });
});

Deno.test("parseCorpus() reads a byte order mark, CRLF, empty lines and an end without a line break", () => {
  const csv = `\ufeffCategory,Message\n${ENOUGH}`.replaceAll("\n", "\r\n").replace("spam,e", "\r\nspam,e");
  assert.deepEqual(messages(csv), [..."abcdefgh"]);
  assert.deepEqual(messages(csv.trimEnd()), [..."abcdefgh"]);
  assert.deepEqual(messages(csv.replace("ham,d", 'ham,"d\r\nd"'))[3], "d\r\nd");
});

Deno.test("parseCorpus() finds its columns by their names, among others and in any order", () => {
  const csv = `id,Message,Category\n${
    ENOUGH.trim().split("\n").map((line) => `7,${line.split(",").reverse().join(",")}`).join("\n")
  }`;
  assert.deepEqual(messages(csv), [..."abcdefgh"]);
});

const REFUSED: readonly [what: string, csv: string, reason: RegExp][] = [
  ["an empty file", " \n", /^is empty: a heading with Category and Message is expected$/],
  ["no Category", `Label,Message\n${ENOUGH}`, /^has no column Category: its heading is Label, Message$/],
  ["no Message", `Category,Text\n${ENOUGH}`, /^has no column Message: its heading is Category, Text$/],
  ["no heading", ENOUGH, /^has no column Category: its heading is ham, a$/],
  ["an unknown label", `Category,Message\n${ENOUGH}Spam,x\n`, /neither ham nor spam in line 10: 'Spam'$/],
  [
    "one label only",
    "Category,Message\nham,a\nham,b\nham,c\nham,d\n",
    /^has 0 messages that are spam: at least 4/,
  ],
  [
    "too few of a label",
    `Category,Message\n${ENOUGH.replace("spam,h\n", "")}`,
    /^has 3 messages that are spam/,
  ],
  ["a heading only", "Category,Message\n", /^has 0 messages that are ham: at least 4/],
  ["too few fields", `Category,Message\n${ENOUGH}ham\n`, /^is not CSV: .*line 10/],
  ["a quote that is not closed", `Category,Message\n${ENOUGH}ham,"x\n`, /^is not CSV: Quote Not Closed/],
];

for (const [what, csv, message] of REFUSED) {
  Deno.test(`parseCorpus() refuses ${what}, and says so`, () => {
    assert.throws(() => parseCorpus(csv), (error) => {
      assert(error instanceof CorpusError);
      assert.match(error.message, message);
      return true;
    });
  });
}

function examples(ham: number, spam: number): Example[] {
  const of = (label: Example["label"], count: number) =>
    Array.from({ length: count }, (_, index) => ({ label, message: `${label} ${index}` }));
  return [...of("ham", ham), ...of("spam", spam)];
}

Deno.test("split() holds 30 % of each label out, and loses nothing", () => {
  for (const [ham, spam] of [[70, 30], [4, 4], [1001, 99], [5, 400]] as const) {
    const all = examples(ham, spam);
    const { training, heldOut } = split(all, 42);
    for (const [index, label] of LABELS.entries()) {
      const count = heldOut.filter((example) => example.label === label).length;
      assert.equal(count, Math.round([ham, spam][index]! * 0.3), `${label} of ${ham} and ${spam}`);
    }
    const sorted = (list: readonly Example[]) => list.map(({ message }) => message).sort();
    assert.deepEqual(sorted([...training, ...heldOut]), sorted(all));
  }
});

Deno.test("split() divides by the seed alone", () => {
  const all = examples(20, 10);
  assert.deepEqual(split(all, 42), split(all, 42));
  assert.notDeepEqual(split(all, 42), split(all, 43));
  assert.deepEqual(
    split(all, 42).heldOut.map(({ message }) => message),
    ["ham 13", "ham 0", "ham 19", "ham 4", "ham 6", "ham 1", "spam 0", "spam 7", "spam 3"],
    "the division of seed 42 has changed: models of before cannot be measured any more",
  );
});
