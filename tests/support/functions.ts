/**
 * Finds the functions of a program's text and how long they are, without a parser: all that could contain a brace or a
 * bracket is blanked first.
 *
 * @module
 */

/** A function with a body. Its lines count from its parameters to the end of the body, functions in it included. */
export interface FoundFunction {
  /** The word before the parameters; of an arrow function `=>`. */
  readonly name: string;
  /** The first, from 1. */
  readonly line: number;
  readonly lines: number;
}

/** A comment, a string, or a piece of a template up to what it interpolates. */
const OPAQUE = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/y;
const TEMPLATE = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(`|\$\{)/y;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
/** What stands before a regular expression; before a division stands a value. */
const BEFORE_REGEX = /(?:[(,=:[!&|?{};+*%<>~^-]|\b(?:return|typeof|case|in|of|throw|await|yield))\s*$/;

/** The text with comments, strings, templates and regular expressions blanked, line by line as long as it was. */
export function blanked(text: string): string {
  let code = "";
  /** Open braces in each interpolation that surrounds the place. */
  const depths: number[] = [];
  const skip = (pattern: RegExp): string | null => {
    pattern.lastIndex = code.length;
    const found = pattern.exec(text)?.[0] ?? null;
    if (found !== null) code += found.replace(/[^\n]/g, " ");
    return found;
  };
  const template = () => {
    if (skip(TEMPLATE)?.endsWith("${")) depths.push(0);
  };
  while (code.length < text.length) {
    const char = text[code.length]!;
    if (skip(OPAQUE) !== null) continue;
    if (char === "/" && BEFORE_REGEX.test(code.slice(-40)) && skip(REGEX) !== null) continue;
    if (char === "}" && depths.at(-1) === 0) {
      depths.pop();
      code += " ";
      template();
      continue;
    }
    if (depths.length > 0 && char === "{") depths[depths.length - 1]!++;
    if (depths.length > 0 && char === "}") depths[depths.length - 1]!--;
    code += char === "`" ? " " : char;
    if (char === "`") template();
  }
  return code;
}

/** Words before parentheses that are no functions. */
const CONTROL = /^(?:if|for|while|switch|catch|with|return|await|typeof)$/;

/** All functions that have a body, arrow functions included. */
export function functionsOf(text: string): FoundFunction[] {
  const code = blanked(text);
  const pairs = pairsOf(code);
  const lineOf = (at: number) => code.slice(0, at).split("\n").length;
  const found: FoundFunction[] = [];
  const add = (name: string, from: number, body: number) => {
    const line = lineOf(from);
    found.push({ name, line, lines: lineOf(pairs.get(body)!) - line + 1 });
  };
  for (const [open, close] of pairs) {
    if (code[open] !== "(") continue;
    const name = /([\w#$]+)\s*(?:<[^()]*>)?\s*$/.exec(code.slice(Math.max(0, open - 200), open))?.[1] ?? "";
    const body = CONTROL.test(name) ? null : bodyAfter(code, close + 1, pairs);
    if (body !== null) add(name, open, body);
  }
  for (const { index } of code.matchAll(/=>\s*[{([]/g)) {
    add("=>", index, code.slice(index).search(/[{([]/) + index);
  }
  return found.sort((a, b) => a.line - b.line);
}

/** Where each parenthesis, bracket and brace is closed. */
function pairsOf(code: string): Map<number, number> {
  const pairs = new Map<number, number>();
  const open: number[] = [];
  for (const { 0: char, index } of code.matchAll(/[(){}[\]]/g)) {
    if ("({[".includes(char)) open.push(index);
    else pairs.set(open.pop()!, index);
  }
  return pairs;
}

/** Where the body begins behind the parameters of a function, and behind the type of its result; `null`: there is none. */
function bodyAfter(code: string, from: number, pairs: ReadonlyMap<number, number>): number | null {
  /** A type, or a part of one, has to follow: a brace begins a type there. */
  let expects = false;
  let isFirst = true;
  for (let at = from; at < code.length; at++) {
    const char = code[at]!;
    if (/\s/.test(char)) continue;
    if (isFirst && char !== "{" && char !== ":") return null;
    if (char === "{" && !expects) return at;
    if (/[;,)}\]]/.test(char) || char === "=" && code[at + 1] !== ">") return null;
    const isWord = /[\w$]/.test(char);
    const word = isWord ? /^[\w$]+/.exec(code.slice(at, at + 100))![0] : char;
    expects = isWord ? /^(?:is|extends|keyof|asserts|readonly|infer)$/.test(word) : /[:|&<?]/.test(char);
    if (char === "=") expects = true;
    if (char === "<") at = endOfTypes(code, at) ?? code.length;
    else if (pairs.has(at)) at = pairs.get(at)!;
    else at += word.length - 1;
    if (char === "<") expects = false;
    isFirst = false;
  }
  return null;
}

/** Where the list of type arguments that begins here ends. */
function endOfTypes(code: string, from: number): number | null {
  let depth = 0;
  for (let at = from; at < code.length; at++) {
    if (code[at] === "<") depth++;
    if (code[at] === ">" && code[at - 1] !== "=" && --depth === 0) return at;
  }
  return null;
}
