/**
 * Messages with their labels, read from CSV and divided into a part to learn from and a part to measure with.
 *
 * @module
 */
import { CsvError, parse } from "csv-parse/sync";
import { shuffled } from "./shuffled.ts";

/** The labels that a message can have. */
export const LABELS = ["ham", "spam"] as const;

/** The label of a message. */
export type Label = typeof LABELS[number];

/** A message, and the label that a person gave it. */
export interface Example {
  readonly label: Label;
  readonly message: string;
}

/** A corpus that cannot be learnt from; the message, to be read after its name, says why and what was expected. */
export class CorpusError extends Error {
  override readonly name = "CorpusError";
}

/** The share of each label's messages that is held out of training. */
const HELD_OUT = 0.3;

/** The fewest messages of a label: with fewer, one of the parts would have none. */
const LEAST = 4;

/**
 * Reads a corpus: CSV (RFC 4180) in UTF-8 with a heading, whose columns Category (`ham` or `spam`) and Message are used.
 *
 * @throws {CorpusError} when it is no CSV, lacks a column, or has a label that is neither or too rare
 */
export function parseCorpus(csv: string): Example[] {
  const examples = readExamples(csv);
  for (const label of LABELS) {
    const count = examples.filter((example) => example.label === label).length;
    if (count < LEAST) {
      throw new CorpusError(
        `has ${count} messages that are ${label}: at least ${LEAST} of each label are needed`,
      );
    }
  }
  return examples;
}

/**
 * Divides a corpus 70 to 30, each label by itself (stratified), so that both parts have its share of spam.
 *
 * @param seed the same seed gives the same parts
 */
export function split(
  examples: readonly Example[],
  seed: number,
): { training: Example[]; heldOut: Example[] } {
  const parts = LABELS.map((label) => {
    const own = shuffled(examples.filter((example) => example.label === label), seed);
    const count = Math.round(own.length * HELD_OUT);
    return { training: own.slice(count), heldOut: own.slice(0, count) };
  });
  return {
    training: parts.flatMap(({ training }) => training),
    heldOut: parts.flatMap(({ heldOut }) => heldOut),
  };
}

function readExamples(csv: string): Example[] {
  if (/^\s*$/.test(csv)) throw new CorpusError("is empty: a heading with Category and Message is expected");
  try {
    return parse<Example, Record<string, string>>(csv, {
      bom: true,
      skip_empty_lines: true,
      columns: (heading: string[]) => {
        for (const column of ["Category", "Message"]) {
          if (heading.includes(column)) continue;
          throw new CorpusError(`has no column ${column}: its heading is ${heading.join(", ")}`);
        }
        return heading;
      },
      on_record: ({ Category, Message }, { lines }) => {
        const label = LABELS.find((label) => label === Category);
        if (label) return { label, message: Message! };
        throw new CorpusError(`has a Category that is neither ham nor spam in line ${lines}: '${Category}'`);
      },
    });
  } catch (error) {
    throw error instanceof CsvError ? new CorpusError(`is not CSV: ${error.message}`) : error;
  }
}
