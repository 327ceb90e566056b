/**
 * Errors in the form that a record holds: type, message and traceback, cut to size. Handlers may throw any value.
 *
 * @module
 */
import type { TaskError } from "../ground/task.ts";

/** Longest message and traceback that are kept, in characters. */
const LONGEST = 4000;

/** Errors that a traceback tells of at most: the thrown one, its causes, and the parts of an AggregateError. */
export const MOST_ERRORS = 8;

/** The folder of the engine. A traceback leaves its frames out: they tell the handler's author nothing. */
const ENGINE = new URL("..", import.meta.url).href;

/** The frame that calls a handler. The frames below it are cut off: they belong to whatever woke the engine. */
const CALLER = /^\s+at (?:async )?Run\.execute /;

/** Describes any thrown value. Never throws itself. */
export function describe(thrown: unknown): TaskError {
  try {
    if (!(thrown instanceof Error)) {
      const type = thrown === null ? "null" : typeof thrown;
      return {
        type,
        message: cut(type === "object" ? shape(thrown as object) : String(thrown)),
        traceback: null,
      };
    }
    const type = String(thrown.name || "Error");
    return { type: cut(type), message: cut(String(thrown.message)), traceback: traceback(thrown) };
  } catch {
    return { type: "Error", message: "The handler threw a value that cannot be described", traceback: null };
  }
}

/** Describes an error that the engine made: it has no traceback worth showing. */
export function brief(error: Error): TaskError {
  return { type: error.name, message: cut(error.message), traceback: null };
}

/** `Type: message` on one line. */
export function oneLine(error: TaskError): string {
  return error.message === "" ? error.type : `${error.type}: ${error.message}`;
}

function shape(thrown: object): string {
  try {
    return JSON.stringify(thrown) ?? "object";
  } catch {
    return Object.prototype.toString.call(thrown);
  }
}

/** The cause of an error, and the parts of an AggregateError. Never throws itself. */
export function originsOf(error: Error): { cause?: unknown; parts: readonly unknown[] } {
  try {
    const parts = error instanceof AggregateError && Array.isArray(error.errors) ? error.errors : [];
    return { cause: error.cause, parts: parts.slice(0, MOST_ERRORS) };
  } catch {
    return { parts: [] };
  }
}

/** The frames of an error, of its causes and of its parts; `null` when there is nothing to tell. */
function traceback(error: Error): string | null {
  const family = gather(error, "", new Map());
  if (family.size === 1) {
    const own = frames(error);
    return own === null ? null : cut(own);
  }
  const share = Math.floor(LONGEST / family.size);
  return [...family].map(([thrown, label]) => label + cut(account(thrown), share)).join("\n");
}

/** Collects a thrown value and what it comes from, each with its label. A value that was collected before is left out. */
function gather(thrown: unknown, label: string, family: Map<unknown, string>): Map<unknown, string> {
  if (family.size === MOST_ERRORS || family.has(thrown)) return family;
  family.set(thrown, label);
  if (!(thrown instanceof Error)) return family;
  const { cause, parts } = originsOf(thrown);
  if (cause !== undefined) gather(cause, "Caused by: ", family);
  for (const [n, part] of parts.entries()) gather(part, `Part ${n + 1}: `, family);
  return family;
}

/** Type and message of one error of several, with its frames if it has any. Never throws itself. */
function account(thrown: unknown): string {
  try {
    const own = thrown instanceof Error ? frames(thrown) : null;
    if (own !== null) return own;
    if (!(thrown instanceof Error)) return oneLine(describe(thrown));
    const { name, message } = thrown;
    return oneLine({ type: String(name || "Error"), message: String(message), traceback: null });
  } catch {
    return "an error that cannot be described";
  }
}

function frames(error: Error): string | null {
  if (typeof error.stack !== "string") return null;
  const stack = error.stack.split("\n");
  const caller = stack.findIndex((line) => CALLER.test(line) && line.includes(ENGINE));
  const lines = stack.slice(0, caller < 0 ? undefined : caller).filter((line) => !line.includes(ENGINE));
  return lines.some((line) => line.trimStart().startsWith("at ")) ? lines.join("\n") : null;
}

/** Characters that JSON writes as six bytes each: a record with many of them might not fit into a value. */
// deno-lint-ignore no-control-regex -- they are what is to be found
const UNPRINTABLE = /[\0-\x08\x0b\x0c\x0e-\x1f]/g;

function cut(text: string, longest = LONGEST): string {
  const kept = text.slice(0, longest).replace(UNPRINTABLE, "\ufffd").toWellFormed();
  return text.length > longest ? `${kept}… (${text.length} characters)` : kept;
}
