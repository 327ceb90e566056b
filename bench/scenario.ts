/**
 * A scenario is a few variants that are measured side by side. The machine's speed changes from minute to minute, so
 * each round measures every variant, every other round in reverse order, and ratios are taken within a round.
 *
 * @module
 */
import type { Workplace } from "./workplace.ts";
import { median } from "./statistics.ts";

/** What one measurement found: a number by its name and unit. */
export type Figures = Readonly<Record<string, number>>;

/** One of the things that are compared. */
export interface Variant {
  readonly name: string;
  /** Whether the machine alone makes it fast or slow: then it says nothing about two versions. @default {false} */
  readonly yardstick?: boolean;
  /** Throws when what was measured was not done right: then there is no figure. */
  measure(): Promise<Figures>;
}

/** Two figures whose quotient is told, each as `variant: figure`. */
interface Ratio {
  readonly name: string;
  readonly of: string;
  readonly to: string;
}

/** Seconds after which a scenario begins no further round, unless a number of rounds was asked for. */
const LONG_ENOUGH = 40;

/** What is measured together. */
interface Scenario {
  /** How it is measured, in a sentence. */
  readonly method: string;
  readonly variants: readonly Variant[];
  readonly ratios?: readonly Ratio[];
  /** Rounds when no number was asked for. @default {5} */
  readonly rounds?: number;
}

/** Makes a scenario whose files are in the workplace. */
export type ScenarioMaker = (workplace: Workplace, seed: number) => Scenario;

/**
 * Runs a scenario and prints every round and the medians.
 *
 * @param rounds how many; `null`: as many as the scenario is worth, fewer on a slow machine
 * @param note told what is being measured
 * @throws what a variant throws; the workplace then keeps that measurement's files
 */
export async function runScenario(
  scenario: Scenario,
  { rounds, workplace, note }: { rounds: number | null; workplace: Workplace; note: (text: string) => void },
): Promise<string[]> {
  const { variants, ratios = [] } = scenario;
  const rows = new Map<string, number[]>();
  const count = rounds ?? scenario.rounds ?? 5;
  const begin = performance.now();
  let round = 0;
  for (; round < count; round++) {
    if (rounds === null && performance.now() - begin > LONG_ENOUGH * 1000) break;
    for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
      note(`round ${round + 1} of ${count}: ${variant.name}`);
      const figures = await variant.measure();
      workplace.clear();
      for (const [figure, value] of Object.entries(figures)) {
        const name = `${variant.name}: ${figure}`;
        rows.set(name, [...rows.get(name) ?? [], value]);
      }
    }
  }
  const inOrder = [...rows].sort(([a], [b]) => placeOf(variants, a) - placeOf(variants, b));
  const quotients = ratios.map(({ name, of, to }): [string, number[]] => {
    const [upper, lower] = [rows.get(of), rows.get(to)];
    if (!upper || !lower) throw new TypeError(`Cannot divide '${of}' by '${to}': no such figure`);
    return [name, upper.map((value, i) => value / lower[i]!)];
  });
  return table([...inOrder, ...quotients], round);
}

function placeOf(variants: readonly Variant[], row: string): number {
  return variants.findIndex(({ name }) => row.startsWith(`${name}: `));
}

function table(rows: readonly [string, number[]][], rounds: number): string[] {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  const line = (name: string, cells: readonly string[]) =>
    name.padEnd(width) + cells.map((cell) => cell.padStart(10)).join("");
  const head = [...Array(rounds).keys()].map((round) => `round ${round + 1}`);
  return [
    line("", ["median", ...head]),
    ...rows.map(([name, values]) => line(name, [median(values), ...values].map(number))),
  ];
}

/** Three digits at least, none that mean nothing. */
export function number(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(Math.abs(value) >= 100 ? 1 : Math.abs(value) >= 10 ? 2 : 3);
}
