/**
 * Observers: functions of the program around the engine that are told what has happened and decide nothing, such as
 * `onEvent`, `onBroken`, `onOutage` and the calls of a log. Nothing that an observer does may touch the engine.
 *
 * @module
 */
import { printable } from "./well_formed.ts";

/**
 * Makes a function that calls an observer and never throws. An error of the observer, or a promise of it that rejects,
 * is said on standard error, once for each observer. The observer's promises are not waited for.
 *
 * @param name the observer's name, for the author of the program
 */
export function harmless<Args extends unknown[]>(
  name: string,
  observe: (...args: Args) => unknown,
): (...args: Args) => void {
  let said = false;
  const failed = (error: unknown) => {
    if (said) return;
    said = true;
    complain(`${name} failed; Sluice goes on, and says this once: ${stackOf(error)}`);
  };
  return (...args) => {
    try {
      const answer = observe(...args);
      if (answer instanceof Promise) answer.catch(failed);
    } catch (error) {
      failed(error);
    }
  };
}

/** Writes a line to standard error. Never throws and never waits: a line that cannot be written is dropped. */
export function complain(text: string): void {
  Deno.stderr.write(encoder.encode(`Sluice: ${printable(text, true)}\n`)).catch(() => {});
}

const encoder = new TextEncoder();

/** Any value as a well-formed text. Never throws, whatever the value's own methods do. */
export function textOf(value: unknown): string {
  try {
    return String(value).toWellFormed();
  } catch {
    return "a value that has no text";
  }
}

/** The stack of a thrown value that has one, else its text. Never throws. */
export function stackOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.stack ?? thrown : thrown);
  } catch {
    return textOf(thrown);
  }
}
