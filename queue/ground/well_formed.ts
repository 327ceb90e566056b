/**
 * Texts that are valid wherever they go. A text of JavaScript may hold half of a surrogate pair, which UTF-8 cannot
 * write; `JSON.stringify` escapes it (`"\ud800"`), and strict parsers refuse the whole document (RFC 8259 §8.2, RFC 7493
 * §2.1). Requests with such a text are refused. In what handlers return, report, throw and log each half becomes U+FFFD.
 *
 * @module
 */
import type { Fault } from "./errors.ts";

/** An escaped lone surrogate in JSON that `JSON.stringify` wrote: pairs are never escaped. `$1`: escaped backslashes before it. */
const LONE = /(?<!\\)((?:\\\\)*)\\ud[89a-f][\da-f]{2}/g;

/** The fault of a text that is not well-formed. */
export const MALFORMED =
  "must be well-formed Unicode: it holds half of a surrogate pair, such as \\ud83d alone";

/** The characters that a terminal obeys, lines that are no lines, and marks that reorder a text. */
// deno-lint-ignore no-control-regex -- they are what is to be found
const OBEYED = /[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** The JSON with U+FFFD in place of each lone surrogate. `json` was written by `JSON.stringify`. */
export function wellFormed(json: string): string {
  return json.includes("\\ud") ? json.replace(LONE, "$1\ufffd") : json;
}

/** `JSON.stringify`, but every parser reads it. `value` must not be `undefined` or a function. */
export function jsonText(value: unknown): string {
  return wellFormed(JSON.stringify(value));
}

/**
 * The text for a terminal: U+FFFD in place of each character that a terminal obeys or that reorders a line, a space in
 * place of a line's end or a tab, unless these may stay.
 */
export function printable(text: string, lines = false): string {
  return text.replace(
    OBEYED,
    (found) => /[\t\n\r]/.test(found) ? lines && found !== "\r" ? found : " " : "\ufffd",
  )
    .toWellFormed();
}

/**
 * The places of JSON whose text, or whose field's name, is not well-formed.
 *
 * @param json written by `JSON.stringify`
 * @param at its JSON pointer
 */
export function malformedTexts(json: string, at: string): Fault[] {
  if (!json.includes("\\ud")) return [];
  const faults: Fault[] = [];
  const left: [value: unknown, pointer: string][] = [[JSON.parse(json), at]];
  while (left.length > 0) {
    const [value, pointer] = left.pop()!;
    if (typeof value === "string") {
      if (!value.isWellFormed()) {
        faults.push({ pointer, detail: MALFORMED });
      }
    } else if (typeof value === "object" && value !== null) {
      const fields = Object.entries(value);
      if (fields.some(([field]) => !field.isWellFormed())) {
        faults.push({
          pointer,
          detail: "must have no field whose name holds half of a surrogate pair",
        });
      }
      left.push(
        ...fields.toReversed().map((
          [field, item],
        ): [unknown, string] => [item, `${pointer}/${escaped(field)}`]),
      );
    }
  }
  return faults;
}

function escaped(field: string): string {
  return field.toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1");
}
