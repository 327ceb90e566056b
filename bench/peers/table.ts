/**
 * The results as Markdown.
 *
 * @module
 */
import { type Column, type Results, shown, times } from "./results.ts";

/** Every figure: each peer's median and range, and in bold how many times better ours is. */
export function wholeTable(results: Results): string {
  const head = ["", ...results.columns.map(({ name, storage }) => `${name}; ${storage}`)];
  const rows = results.figures.map((figure) => [
    figure,
    ...results.columns.map((column) => cell(results, figure, column)),
  ]);
  return markdown([head, ...rows]);
}

/** A few figures under names of their own: each peer's median, and in bold how many times better ours is. */
export function shortTable(
  results: Results,
  columns: readonly Column[],
  figures: Readonly<Record<string, string>>,
): string {
  const head = ["", ...columns.map(({ name, storage }) => `${name}; ${storage}`)];
  const rows = Object.entries(figures).map(([name, figure]) => [
    name,
    ...columns.map((column) => {
      const summary = results.summary(figure, column);
      return summary ? join(shown(summary.median), results.ahead(figure, column)) : "";
    }),
  ]);
  return markdown([head, ...rows]);
}

/** Every measured value, a line for each figure of a peer. */
export function rawRounds(results: Results): string {
  return results.columns.map((column) => {
    const lines = results.figures.flatMap((figure) => {
      const values = results.rounds(figure, column);
      const cells = Array.from(values, (value) => (value === undefined ? "-" : shown(value)).padStart(9));
      return cells.length > 0 ? [`  ${figure.padEnd(60)}${cells.join("")}`] : [];
    });
    return [`${column.name}, ${column.storage}`, ...lines].join("\n");
  }).join("\n\n");
}

function cell(results: Results, figure: string, column: Column): string {
  const summary = results.summary(figure, column);
  if (!summary) return "";
  const { median, least, most } = summary;
  const range = least === most ? shown(median) : `${shown(median)} (${shown(least)} to ${shown(most)})`;
  return join(range, results.ahead(figure, column));
}

function join(text: string, ahead: number | null): string {
  return ahead === null ? text : `${text}, **${times(ahead)}**`;
}

/** A table whose columns stand under each other: the first to the left, the others to the right. */
function markdown(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(3, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const padded = rows.map((row) =>
    line(row.map((text, i) => i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!)))
  );
  const rule = line(widths.map((width, i) => i === 0 ? "-".repeat(width) : "-".repeat(width - 1) + ":"));
  return [padded[0], rule, ...padded.slice(1)].join("\n");
}
