/**
 * The measured figures, and their summaries.
 *
 * @module
 */
import type { Figures } from "../scenario.ts";
import { median } from "../statistics.ts";

/** Whose figures the others are compared with. */
export const OURS = "Sluice";

/** One system with one storage, as the tables name it. */
export interface Column {
  readonly name: string;
  readonly storage: string;
}

/** The figures of all rounds. */
export class Results {
  readonly #rows = new Map<string, Map<string, (number | undefined)[]>>();

  constructor(readonly columns: readonly Column[]) {}

  /** Notes what one measurement has found. */
  add(round: number, column: Column, figures: Figures): void {
    for (const [figure, value] of Object.entries(figures)) {
      const row = this.#rows.get(figure) ?? new Map();
      this.#rows.set(figure, row);
      const values = row.get(keyOf(column)) ?? [];
      row.set(keyOf(column), values);
      values[round] = value;
    }
  }

  /** The figures' names, in the order in which they were first noted. */
  get figures(): string[] {
    return [...this.#rows.keys()];
  }

  /** A figure by round; a round in which it was not measured is a hole. */
  rounds(figure: string, column: Column): readonly (number | undefined)[] {
    return this.#rows.get(figure)?.get(keyOf(column)) ?? [];
  }

  /** Median, least and most of the rounds; `null` where there was none. */
  summary(figure: string, column: Column): { median: number; least: number; most: number } | null {
    const values = this.rounds(figure, column).filter((value) => value !== undefined);
    if (values.length === 0) return null;
    return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
  }

  /**
   * How many times better we are: the median of the quotients within a round, since a machine's speed changes from
   * minute to minute. `null` for ourselves, for what is no merit, and without a common round.
   */
  ahead(figure: string, column: Column): number | null {
    const ours = this.columns.find(({ name }) => name === OURS);
    const merit = meritOf(figure);
    if (!ours || merit === null || column.name === OURS) return null;
    const mine = this.rounds(figure, ours);
    const quotients = this.rounds(figure, column).flatMap((theirs, round) => {
      const own = mine[round];
      if (own === undefined || theirs === undefined) return [];
      return [merit === "more" ? own / theirs : theirs / own];
    });
    return quotients.length === 0 ? null : median(quotients);
  }
}

/** Whether more or less of a figure is better; `null` for what only says how it was measured. */
export function meritOf(figure: string): "more" | "less" | null {
  if (/ (beside|tasks|requests)$/.test(figure) && !/per 10,000 tasks$/.test(figure)) return null;
  return figure.endsWith("/s") ? "more" : "less";
}

/** A number with the digits that say something. */
export function shown(value: number): string {
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A quotient, as in `12x`. */
export function times(quotient: number): string {
  return `${quotient >= 10 ? Math.round(quotient).toLocaleString("en-US") : quotient.toFixed(1)}x`;
}

function keyOf({ name, storage }: Column): string {
  return `${name}, ${storage}`;
}
