import assert from "node:assert/strict";
import type { Label } from "../../../tasks/spam/corpus.ts";
import { measure, table, type Verdict } from "../../../tasks/spam/report.ts";

function verdicts(...counts: readonly [label: Label, predicted: Label, count: number][]): Verdict[] {
  return counts.flatMap(([label, predicted, count]) => Array(count).fill({ label, predicted }));
}

/** 6 ham, one of them taken for spam; 4 spam, two of them missed. */
const TEN = verdicts(["ham", "ham", 5], ["ham", "spam", 1], ["spam", "spam", 2], ["spam", "ham", 2]);

Deno.test("measure() counts as by hand", () => {
  const near = (value: number, by: number) => assert(Math.abs(value - by) < 1e-12, `${value} is not ${by}`);
  const { accuracy, ham, spam, macro_avg, weighted_avg } = measure(TEN);
  near(accuracy, 7 / 10);
  near(ham.precision, 5 / 7);
  near(ham.recall, 5 / 6);
  near(ham.f1_score, 10 / 13);
  near(spam.precision, 2 / 3);
  near(spam.recall, 1 / 2);
  near(spam.f1_score, 4 / 7);
  near(macro_avg.precision, (5 / 7 + 2 / 3) / 2);
  near(weighted_avg.recall, (6 * 5 / 6 + 4 / 2) / 10);
  assert.deepEqual([ham, spam, macro_avg, weighted_avg].map(({ support }) => support), [6, 4, 10, 10]);
});

Deno.test("table() is laid out as scikit-learn's classification report", () => {
  assert.equal(
    table(measure(TEN)),
    `
              precision    recall  f1-score   support

         ham     0.7143    0.8333    0.7692         6
        spam     0.6667    0.5000    0.5714         4

    accuracy                         0.7000        10
   macro avg     0.6905    0.6667    0.6703        10
weighted avg     0.6952    0.7000    0.6901        10`.slice(1),
  );
});

Deno.test("measure() takes a share of nothing for 0", () => {
  const { spam, ham } = measure(verdicts(["ham", "ham", 3]));
  assert.deepEqual(spam, { precision: 0, recall: 0, f1_score: 0, support: 0 });
  assert.deepEqual(ham, { precision: 1, recall: 1, f1_score: 1, support: 3 });
  assert.equal(measure([]).accuracy, 0);
});
