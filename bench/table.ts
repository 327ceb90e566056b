/**
 * A table in Markdown, and what makes one.
 *
 * @module
 */
import type { Workplace } from "./workplace.ts";

/** Makes the lines of some tables, as soon as each is known. */
export type TableMaker = (workplace: Workplace, seed: number) => AsyncIterable<string>;

/** Title and first lines of a table in Markdown. */
export function tableHead(title: string, columns: readonly string[]): string[] {
  return ["", `${title}\n`, tableRow(columns), `|${" --- |".repeat(columns.length)}`];
}

/** A line of a table in Markdown. */
export function tableRow(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |`;
}
