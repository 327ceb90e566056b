/**
 * Tables for a terminal.
 *
 * @module
 */

/** A table: its title, and one object for each row. */
export interface Table {
  readonly title: string;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** A table as text: its title, and columns as wide as their widest cell. */
export function format({ title, rows }: Table): string {
  const [first] = rows;
  if (!first) return `${title}\n(none)`;
  const columns = Object.keys(first);
  const cells = rows.map((row) => columns.map((column) => cell(row[column])));
  const widths = columns.map((column, i) => Math.max(column.length, ...cells.map((line) => line[i]!.length)));
  const line = (parts: readonly string[]) =>
    parts.map((part, i) => part.padEnd(widths[i]!)).join("  ").trimEnd();
  return [title, line(columns.map((column) => column.toUpperCase())), ...cells.map(line)].join("\n");
}

function cell(value: unknown): string {
  if (value === null || value === undefined || value === "") return "-";
  if (typeof value === "string") return value;
  return JSON.stringify(value);
}
