// deno-lint-ignore-file no-console -- its output is its result
/**
 * `deno task train`: learns to tell spam from ham, says how well, and saves the model.
 *
 * ```text
 * deno task train [corpus.csv] [--model model.json] [--splits 10]
 * deno task train --test [corpus.csv] [--model model.json]
 * ```
 *
 * @module
 */
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { CorpusError, type Example, parseCorpus, split } from "./corpus.ts";
import { fit, type Weights } from "./fit.ts";
import { loadModel, predict, saveModel } from "./model.ts";
import { progressBar } from "./progress.ts";
import { measure, type Metrics, table } from "./report.ts";

const SEED = 42;

/** The corpus and the model that ship. */
const SHIPPED = { corpus: `${import.meta.dirname}/corpus.csv`, model: `${import.meta.dirname}/model.json` };

/** The file of the model of another corpus: its words may be private, so it is never among the sources. */
const OWN_MODEL = "data/spam-model.json";

const USAGE = `Usage: deno task train [corpus.csv] [--model model.json] [--splits 10]
       deno task train --test [corpus.csv] [--model model.json]

  --model   file of the model: written by training, read by --test
  --splits  how many times to divide the corpus, train on one part and measure on the other; 0 for none
  --test    measure an existing model instead of training one`;

class UsageError extends Error {}

try {
  run(Deno.args);
} catch (error) {
  // The reader wants the reason and no stack.
  console.error(`train: ${(error as Error).message}`);
  Deno.exit(1);
}

function run(args: string[]): void {
  const { positionals: [path = SHIPPED.corpus, ...more], values } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      model: { type: "string" },
      test: { type: "boolean", default: false },
      splits: { type: "string", default: "0" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const modelPath = values.model ?? (path === SHIPPED.corpus ? SHIPPED.model : OWN_MODEL);
  if (more.length > 0) throw new UsageError(`One corpus is expected: got '${more.join(" ")}' too`);
  if (!/^\d{1,3}$/.test(values.splits)) {
    throw new UsageError(`--splits must be an integer from 0 to 999: got '${values.splits}'`);
  }
  const { examples, sha256 } = readCorpus(path);
  const { training, heldOut } = split(examples, SEED);
  console.log(
    `Corpus ${path}: ${examples.length} messages, ${training.length} for training, ${heldOut.length} held out ` +
      `(stratified, seed ${SEED})`,
  );
  if (values.test) {
    const model = loadModel(modelPath);
    if (model.corpus.sha256 !== sha256) {
      throw new CorpusError(
        `${path} is not what ${modelPath} was trained with, so nothing tells which messages it has not seen. ` +
          "Give the same file, or train again without --test",
      );
    }
    printReport(model, training, heldOut);
    return;
  }
  const weights = fit(training, SEED, progressBar(Deno.stderr, "Training"));
  const metrics = printReport(weights, training, heldOut);
  if (Number(values.splits) > 0) compareSplits(examples, Number(values.splits));
  saveModel(modelPath, { ...weights, metrics, corpus: { sha256, messages: examples.length, seed: SEED } });
  console.log(`Saved ${modelPath}: ${weights.weights.size} words and pairs`);
  if (modelPath !== SHIPPED.model) console.log(`SPAM_MODEL=${modelPath} has the server use it`);
}

function readCorpus(path: string): { examples: Example[]; sha256: string } {
  try {
    const bytes = Deno.readFileSync(path);
    const examples = parseCorpus(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return { examples, sha256: createHash("sha256").update(bytes).digest("hex") };
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound
      ? "does not exist"
      : error instanceof TypeError
      ? "is not UTF-8"
      : (error as Error).message;
    throw new CorpusError(`${path} ${reason}`);
  }
}

/** Measures the model with messages that it has not seen, and prints the report. */
function printReport(model: Weights, training: readonly Example[], heldOut: readonly Example[]): Metrics {
  const metrics = evaluate(model, heldOut);
  console.log(`\n${table(metrics)}\n`);
  const seen = new Set(training.map(({ message }) => message));
  const fresh = heldOut.filter(({ message }) => !seen.has(message));
  const repeats = heldOut.length - fresh.length;
  if (repeats > 0) {
    console.log(
      `${repeats} of the held-out messages are in the training part too, word for word. ` +
        `Without them: ${brief(evaluate(model, fresh))}`,
    );
  }
  const [mean, slowest] = time(model, heldOut);
  console.log(`A prediction takes ${mean.toFixed(3)} ms (mean; the slowest ${slowest.toFixed(3)} ms)`);
  return metrics;
}

/** Milliseconds of a prediction, the mean and the most. */
function time(model: Weights, examples: readonly Example[]): [mean: number, slowest: number] {
  let [sum, slowest] = [0, 0];
  for (const { message } of examples) {
    const before = performance.now();
    predict(model, message);
    const took = performance.now() - before;
    sum += took;
    slowest = Math.max(slowest, took);
  }
  return [sum / examples.length, slowest];
}

/** Divides the corpus in other ways, to show how much of the figures is chance. */
function compareSplits(examples: readonly Example[], count: number): void {
  const bar = progressBar(Deno.stderr, "Other splits");
  const all = Array.from({ length: count }, (_, index) => {
    const { training, heldOut } = split(examples, index + 1);
    const metrics = evaluate(fit(training, index + 1), heldOut);
    bar((index + 1) / count);
    return metrics;
  });
  const range = (name: string, values: number[]) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / count;
    const [least, most] = [Math.min(...values), Math.max(...values)];
    return `${name} ${mean.toFixed(4)} (${least.toFixed(4)} to ${most.toFixed(4)})`;
  };
  console.log(
    `Seeds 1 to ${count}, mean and range: ` + [
      range("accuracy", all.map(({ accuracy }) => accuracy)),
      range("spam recall", all.map(({ spam }) => spam.recall)),
      range("spam precision", all.map(({ spam }) => spam.precision)),
    ].join(", "),
  );
}

function evaluate(model: Weights, examples: readonly Example[]): Metrics {
  return measure(
    examples.map(({ label, message }) => ({ label, predicted: predict(model, message).label })),
  );
}

function brief({ accuracy, spam }: Metrics): string {
  const [a, r, p] = [accuracy, spam.recall, spam.precision].map((value) => value.toFixed(4));
  return `accuracy ${a}, spam recall ${r}, spam precision ${p}`;
}
