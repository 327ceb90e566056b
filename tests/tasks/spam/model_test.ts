import assert from "node:assert/strict";
import { parseCorpus, split } from "../../../tasks/spam/corpus.ts";
import { fit } from "../../../tasks/spam/fit.ts";
import {
  loadModel,
  predict,
  saveModel,
  serialize,
  type SpamModel,
  SpamModelError,
} from "../../../tasks/spam/model.ts";
import { measure } from "../../../tasks/spam/report.ts";
import { folder } from "../../queue/store/folder.ts";

const SHIPPED = new URL("../../../tasks/spam/model.json", import.meta.url).pathname;
const CORPUS = new URL("../../../tasks/spam/corpus.csv", import.meta.url);
const { training, heldOut } = split(parseCorpus(Deno.readTextFileSync(CORPUS)), 42);

function small(): SpamModel {
  return {
    ...fit(training.slice(0, 20).concat(training.slice(-20)), 1),
    corpus: { sha256: "0".repeat(64), messages: 57, seed: 42 },
    metrics: measure([]),
  };
}

Deno.test("a learnt model is better than taking every message for the frequent label", () => {
  const weights = fit(training, 42);
  const { accuracy, ham, spam } = measure(
    heldOut.map(({ label, message }) => ({ label, predicted: predict(weights, message).label })),
  );
  assert(accuracy > ham.support / heldOut.length, `accuracy ${accuracy}`);
  assert(spam.recall > 0.5 && spam.precision > 0.5);
});

Deno.test("predict() gives a probability, and takes half for spam", () => {
  const weights = new Map([["free", 4], ["lunch", -4]]);
  assert.deepEqual(predict({ bias: 0, weights }, "FREE lunch"), { label: "spam", spam_probability: 0.5 });
  const [free, lunch] = ["free", "lunch"].map((word) => predict({ bias: 0, weights }, word));
  assert.deepEqual([free!.label, lunch!.label], ["spam", "ham"]);
  assert(Math.abs(free!.spam_probability - 1 / (1 + Math.exp(-4))) < 1e-12);
  assert.equal(predict({ bias: -1, weights }, "").spam_probability, 1 / (1 + Math.E));
  assert.equal(predict({ bias: -1, weights }, "unheard-of words").spam_probability, 1 / (1 + Math.E));
});

Deno.test("a word that is a property of every object is a word like others", () => {
  const text = serialize({ ...small(), weights: new Map([["constructor", 1], ["free", 2]]) });
  using place = folder();
  Deno.writeTextFileSync(`${place.path}/m.json`, text);
  const model = loadModel(`${place.path}/m.json`);
  assert.deepEqual([...model.weights], [["constructor", 1], ["free", 2]]);
  assert.equal(predict(model, "toString valueOf").spam_probability, predict(model, "").spam_probability);
});

Deno.test("a model is the same after it was saved and loaded, and its file has nothing beside it", () => {
  using place = folder();
  const [path, model] = [`${place.path}/model.json`, small()];
  saveModel(path, model);
  assert.deepEqual(loadModel(path), model);
  assert.deepEqual([...Deno.readDirSync(place.path)].map(({ name }) => name), ["model.json"]);
});

Deno.test("the same examples and seed give the same bytes, another seed others", () => {
  const text = (seed: number) => serialize({ ...small(), ...fit(training, seed) });
  assert.equal(text(42), text(42));
  assert.notEqual(text(42), text(43));
});

Deno.test("the model that ships is what training makes of the corpus that ships", () => {
  const { weights, bias, corpus, metrics } = loadModel(SHIPPED);
  assert.deepEqual({ weights, bias }, fit(training, 42));
  assert.equal(corpus.messages, training.length + heldOut.length);
  const predicted = heldOut.map(({ label, message }) => ({
    label,
    predicted: predict({ weights, bias }, message).label,
  }));
  assert.deepEqual(metrics, measure(predicted));
  assert(corpus.messages >= 200);
});

const BROKEN: readonly [what: string, content: string | null, reason: RegExp][] = [
  ["that does not exist", null, /does not exist/],
  ["that is not JSON", "{", /is not JSON/],
  ["that is empty", "", /is not JSON/],
  ["that holds something else", "null", /is damaged at \//],
  ["without a version", serialize(small()).replace('"version": 1,', ""), /is damaged at \/version/],
  [
    "of another version",
    serialize(small()).replace('"version": 1,', '"version": 2,'),
    /has version 2, .* version 1/,
  ],
  [
    "with a weight that is none",
    serialize(small()).replace(/"bias": .*,/, '"bias": "x",'),
    /is damaged at \/bias/,
  ],
];

for (const [what, content, reason] of BROKEN) {
  Deno.test(`loadModel() refuses a file ${what}, names it, and says what to do`, () => {
    using place = folder();
    const path = `${place.path}/model.json`;
    if (content !== null) Deno.writeTextFileSync(path, content);
    assert.throws(() => loadModel(path), (error) => {
      assert(error instanceof SpamModelError);
      assert(error.message.startsWith(`Spam model ${path} `), error.message);
      assert(error.message.endsWith(". Make one with 'deno task train': see docs/spam.md"), error.message);
      assert.match(error.message, reason);
      return true;
    });
  });
}
