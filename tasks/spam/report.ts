/**
 * How good predictions are: precision, recall and f1-score, in the layout of scikit-learn's classification report.
 *
 * @module
 */
import { z } from "zod";
import { type Label, LABELS } from "./corpus.ts";

const score = z.strictObject({
  precision: z.number(),
  recall: z.number(),
  f1_score: z.number(),
  support: z.int(),
});

/** How good a set of predictions is. */
export const metrics = z.strictObject({
  accuracy: z.number(),
  ham: score,
  spam: score,
  macro_avg: score,
  weighted_avg: score,
});

export type Metrics = z.output<typeof metrics>;
type Score = z.output<typeof score>;

/** The label of a message, and the label that it was taken for. */
export interface Verdict {
  readonly label: Label;
  readonly predicted: Label;
}

/**
 * Measures predictions.
 *
 * - precision of a label: of the messages taken for it, the share that is it
 * - recall: of the messages that are it, the share that was found
 * - f1-score: the harmonic mean of both
 * - support: how many messages are it
 *
 * A share of nothing counts as 0.
 */
export function measure(verdicts: readonly Verdict[]): Metrics {
  const [ham, spam] = LABELS.map((label) => {
    const support = verdicts.filter((verdict) => verdict.label === label).length;
    const taken = verdicts.filter(({ predicted }) => predicted === label).length;
    const right = verdicts.filter((verdict) => verdict.label === label && verdict.predicted === label).length;
    return {
      precision: share(right, taken),
      recall: share(right, support),
      f1_score: share(2 * right, taken + support),
      support,
    };
  }) as [Score, Score];
  const total = verdicts.length;
  return {
    accuracy: share(verdicts.filter(({ label, predicted }) => label === predicted).length, total),
    ham,
    spam,
    macro_avg: average(ham, spam, 1 / 2, total),
    weighted_avg: average(ham, spam, share(ham.support, total), total),
  };
}

/** The report as a table of text. */
export function table({ accuracy, ham, spam, macro_avg, weighted_avg }: Metrics): string {
  const line = (name: string, ...cells: string[]) =>
    `${name.padStart(12)} ${cells.map((cell) => ` ${cell.padStart(9)}`).join("")}`;
  const row = (name: string, { precision, recall, f1_score, support }: Score) =>
    line(name, ...[precision, recall, f1_score].map((value) => value.toFixed(4)), String(support));
  return [
    line("", "precision", "recall", "f1-score", "support"),
    "",
    row("ham", ham),
    row("spam", spam),
    "",
    line("accuracy", "", "", accuracy.toFixed(4), String(macro_avg.support)),
    row("macro avg", macro_avg),
    row("weighted avg", weighted_avg),
  ].join("\n");
}

function average(a: Score, b: Score, weight: number, support: number): Score {
  const mean = (name: "precision" | "recall" | "f1_score") => a[name] * weight + b[name] * (1 - weight);
  return { precision: mean("precision"), recall: mean("recall"), f1_score: mean("f1_score"), support };
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
