/**
 * Texts for a terminal: the answer of a command, and errors as a sentence with advice, never as a stack.
 *
 * @module
 */
import { printable, stackOf, StoreBrokenError } from "../queue/mod.ts";
import { SettingsError } from "../routes/mod.ts";
import { UsageError } from "./command.ts";

/** An error in one sentence, with what to do about it. */
export function explain(error: unknown): string {
  if (error instanceof StoreBrokenError) return `${error.message}. ${error.hint}`;
  if (error instanceof Deno.errors.AddrInUse) {
    return "The port is in use by another program. Set PORT to a free one, or stop the other program.";
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return "HOST must be an address of this machine: it has no such one.";
  }
  if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
    return `${error.message}. Use a PORT above 1023, or give Deno the permission that is named here.`;
  }
  if (error instanceof SettingsError || error instanceof UsageError) return error.message;
  if (error instanceof Error && "code" in error) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : stackOf(error);
}

/** Prints an error, or a warning, where there is no log, or none yet. Never throws. */
export function report(error: unknown): void {
  try {
    // deno-lint-ignore no-console -- the terminal is all there is
    console.error(`Sluice: ${printable(explain(error), true)}`);
  } catch {
    // Standard error is a file on a full disk.
  }
}

/** Prints the answer of a command. */
export function tell(text: string): void {
  // deno-lint-ignore no-console -- this is what the command is for
  console.log(printable(text, true));
}
