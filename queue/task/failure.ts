/**
 * Errors in the form that a record holds: type, message and traceback, cut to size. Handlers may throw any value.
 *
 * @module
 */
import type { TaskError } from "../ground/task.ts";

/** Longest message and traceback that are kept, in characters. */
const LONGEST = 4000;

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

function traceback(error: Error): string | null {
  if (typeof error.stack !== "string") return null;
  const stack = error.stack.split("\n");
  const caller = stack.findIndex((line) => CALLER.test(line) && line.includes(ENGINE));
  const lines = stack.slice(0, caller < 0 ? undefined : caller).filter((line) => !line.includes(ENGINE));
  return lines.some((line) => line.trimStart().startsWith("at ")) ? cut(lines.join("\n")) : null;
}

/** Characters that JSON writes as six bytes each: a record with many of them might not fit into a value. */
// deno-lint-ignore no-control-regex -- they are what is to be found
const UNPRINTABLE = /[\0-\x08\x0b\x0c\x0e-\x1f]/g;

function cut(text: string): string {
  const kept = text.slice(0, LONGEST).replace(UNPRINTABLE, "\ufffd").toWellFormed();
  return text.length > LONGEST ? `${kept}… (${text.length} characters)` : kept;
}
