/**
 * The model: its weights, its corpus, its quality, and its file.
 *
 * @module
 */
import { dirname } from "node:path";
import { z } from "zod";
import { NonRetryableError } from "../../queue/mod.ts";
import type { Label } from "./corpus.ts";
import { spamProbability, type Weights } from "./fit.ts";
import { metrics } from "./report.ts";

/** Counts up when older files cannot be used any more: the form is another, or words are told apart in another way. */
const VERSION = 1;

const file = z.strictObject({
  version: z.int(),
  /** The corpus, by its SHA-256, and the seed that divided it. */
  corpus: z.strictObject({ sha256: z.string(), messages: z.int(), seed: z.int() }),
  /** On the part that was held out. */
  metrics,
  bias: z.number(),
  /** How much each word and pair speaks for spam. */
  vocabulary: z.record(z.string(), z.number()),
});

/** A model. */
export interface SpamModel extends Weights, Pick<z.output<typeof file>, "corpus" | "metrics"> {}

/** The label that a message is taken for. */
export interface Prediction {
  readonly label: Label;
  /** 0 to 1. */
  readonly spam_probability: number;
}

/** The model's file cannot be used; the message names it and says what to do. A retry would meet the same file. */
export class SpamModelError extends NonRetryableError {}

/** Tells whether a message is spam. */
export function predict(model: Weights, message: string): Prediction {
  const spam_probability = spamProbability(model, message);
  return { label: spam_probability >= 0.5 ? "spam" : "ham", spam_probability };
}

/** The file's text; the same model gives the same text. */
export function serialize({ weights, bias, corpus, metrics }: SpamModel): string {
  const content: z.input<typeof file> = {
    version: VERSION,
    corpus,
    metrics,
    bias,
    vocabulary: Object.fromEntries(weights),
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/**
 * Reads a model's file. Reading blocks, so it belongs into a thread or a command.
 *
 * @throws {SpamModelError} when there is none, or it is no model of this version
 */
export function loadModel(path: string): SpamModel {
  const unusable = (reason: string) =>
    new SpamModelError(`Spam model ${path} ${reason}. Make one with 'deno task train': see docs/spam.md`);
  let content: unknown;
  try {
    content = JSON.parse(Deno.readTextFileSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw unusable("does not exist");
    if (error instanceof SyntaxError) throw unusable("is not JSON");
    throw unusable(`cannot be read (${(error as Error).message})`);
  }
  const version = (content as { version?: unknown } | null)?.version;
  if (typeof version === "number" && version !== VERSION) {
    throw unusable(`has version ${version}, this program reads version ${VERSION}`);
  }
  const parsed = file.safeParse(content);
  if (!parsed.success) {
    const { path: place, message } = parsed.error.issues[0]!;
    throw unusable(`is damaged at /${place.join("/")} (${message})`);
  }
  const { vocabulary, bias, corpus, metrics } = parsed.data;
  return { bias, corpus, metrics, weights: new Map(Object.entries(vocabulary)) };
}

/** Writes a model's file; a reader meanwhile sees the former or the new one, whole. */
export function saveModel(path: string, model: SpamModel): void {
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(`${path}.new`, serialize(model));
  Deno.renameSync(`${path}.new`, path);
}
