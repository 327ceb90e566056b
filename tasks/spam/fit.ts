/**
 * Learning: logistic regression over the words and pairs of a message, by stochastic gradient descent.
 *
 * @module
 */
import { features } from "./clean.ts";
import { type Example, LABELS } from "./corpus.ts";
import { shuffled } from "./shuffled.ts";

// Chosen by five-fold cross-validation on the training part; docs/spam.md has the figures.
/** Passes over the examples. */
const EPOCHS = 30;
/** First step; it falls to 0 in equal steps. */
const STEP = 1;
/** How strongly each example draws the weights of its words back to 0. */
const DECAY = 3e-4;
/** The fewest messages that have a word or pair, for it to be learnt. */
const LEAST_MESSAGES = 2;

/** The outcome of learning: how much each word and pair speaks for spam, and the score of a message without any. */
export interface Weights {
  readonly bias: number;
  readonly weights: ReadonlyMap<string, number>;
}

/**
 * Learns from examples. Rare labels count for as much as frequent ones.
 *
 * @param seed decides the order of the examples: the same examples and seed give the same weights
 * @param progress called with the share that is done, 0 to 1
 */
export function fit(
  examples: readonly Example[],
  seed: number,
  progress: (done: number) => void = () => {},
): Weights {
  const sets = examples.map(({ message }) => features(message));
  const vocabulary = indexed(sets);
  const counts = LABELS.map((label) => examples.filter((example) => example.label === label).length);
  const rows = examples.map(({ label }, row) => ({
    columns: [...sets[row]!].flatMap((feature) => vocabulary.get(feature) ?? []),
    spam: label === "spam" ? 1 : 0,
    share: examples.length / (LABELS.length * counts[LABELS.indexOf(label)]!),
  }));
  const weights = new Float64Array(vocabulary.size);
  let bias = 0;
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    const step = STEP * (1 - epoch / EPOCHS);
    for (const { columns, spam, share } of shuffled(rows, seed + epoch)) {
      const scale = unit(columns.length);
      let score = bias;
      for (const column of columns) score += weights[column]! * scale;
      const slope = step * share * (spam - probability(score));
      for (const column of columns) weights[column]! += slope * scale - step * DECAY * weights[column]!;
      bias += slope;
    }
    progress((epoch + 1) / EPOCHS);
  }
  return {
    bias: rounded(bias),
    weights: new Map([...vocabulary].map(([feature, column]) => [feature, rounded(weights[column]!)])),
  };
}

/** How likely a message is spam. */
export function spamProbability({ bias, weights }: Weights, message: string): number {
  const known = [...features(message)].flatMap((feature) => weights.get(feature) ?? []);
  const scale = unit(known.length);
  return probability(known.reduce((score, weight) => score + weight * scale, bias));
}

/** Gives a message's vector the length 1, so that a long one does not speak louder. */
function unit(size: number): number {
  return size === 0 ? 0 : 1 / Math.sqrt(size);
}

function probability(score: number): number {
  return 1 / (1 + Math.exp(-score));
}

/** Rounds to four decimals: no decision turns on more, and the model's file is half as long. */
function rounded(weight: number): number {
  return Math.round(weight * 1e4) / 1e4;
}

/** A column for each feature that enough messages have, in alphabetical order. */
function indexed(sets: readonly ReadonlySet<string>[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const set of sets) for (const feature of set) counts.set(feature, (counts.get(feature) ?? 0) + 1);
  const kept = [...counts.keys()].filter((feature) => counts.get(feature)! >= LEAST_MESSAGES).sort();
  return new Map(kept.map((feature, column) => [feature, column]));
}
