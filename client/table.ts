/**
 * Tables for a terminal.
 *
 * @module
 */

// deno-lint-ignore no-control-regex -- they are what is to be found
const OBEYED = /[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

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
  return visible(typeof value === "string" ? value : JSON.stringify(value));
}

/** The text on one line, with U+FFFD in place of each character that a terminal obeys or that reorders a line. */
export function visible(text: string): string {
  return text.replace(/\s/g, " ").replace(OBEYED, "\ufffd").toWellFormed();
}

/** JSON that a terminal obeys in nothing. `JSON.stringify` escapes the other control characters. */
export function visibleJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
