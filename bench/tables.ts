/**
 * Tables of docs/scaling.md that are counted or simulated, not timed: no rounds, and no second version to compare with.
 *
 * @module
 */
import type { Workplace } from "./workplace.ts";

/** Makes the lines of some tables, as soon as each is known. */
export type TableMaker = (workplace: Workplace, seed: number) => AsyncIterable<string>;

/** The tables by name. */
export const TABLES: Readonly<Record<string, () => Promise<TableMaker>>> = {
  cost: async () => (await import("./cost.ts")).cost,
  scaling: async () => (await import("./scaling.ts")).scaling,
};

/** Title and first lines of a table in Markdown. */
export function tableHead(title: string, columns: readonly string[]): string[] {
  return ["", `${title}\n`, tableRow(columns), `|${" --- |".repeat(columns.length)}`];
}

/** A line of a table in Markdown. */
export function tableRow(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |`;
}
