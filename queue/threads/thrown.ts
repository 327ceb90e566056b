/**
 * What was thrown in a thread, as it crosses to the process: its type, message and own stack, and what the engine
 * does about it.
 *
 * @module
 */
import { NonRetryableError, ResultNotSerializable, ResultTooLarge, RetryError } from "../ground/errors.ts";
import { describe } from "../task/failure.ts";

/** An error as plain data. */
export interface Thrown {
  readonly kind: "error" | "retry" | keyof typeof MEANT;
  readonly name: string;
  readonly message: string;
  readonly stack: string | null;
  /** `code` of an error that has one: policies look at it. */
  readonly code?: string | number;
  /** Of a retry. */
  readonly delay?: number | null;
  readonly reason?: Thrown;
}

/** Errors that mean something to the engine, beside a retry. */
const MEANT = { NonRetryableError, ResultNotSerializable, ResultTooLarge } as const;
const KINDS = Object.keys(MEANT) as (keyof typeof MEANT)[];

/** Describes whatever was thrown; never throws itself. */
export function toThrown(thrown: unknown): Thrown {
  try {
    if (thrown instanceof Error) return ofError(thrown);
  } catch {
    // A getter of it threw.
  }
  const { type: name, message } = describe(thrown);
  return { kind: "error", name, message, stack: null };
}

function ofError(error: Error): Thrown {
  const name = String(error.name || "Error");
  const message = String(error.message);
  const stack = typeof error.stack === "string" ? error.stack : null;
  if (error instanceof RetryError) {
    const reason = error.reason === undefined ? {} : { reason: toThrown(error.reason) };
    return { kind: "retry", name, message, stack, delay: error.delay, ...reason };
  }
  const kind = KINDS.find((meant) => error instanceof MEANT[meant]) ?? "error";
  const code = "code" in error ? error.code : undefined;
  return {
    kind,
    name,
    message,
    stack,
    ...(typeof code === "string" || typeof code === "number") && { code },
  };
}

/** The error again: of its own class if that means something to the engine, else a plain one with its name. */
export function fromThrown({ kind, name, message, stack, code, delay, reason }: Thrown): Error {
  if (kind === "retry") return new RetryError(delay ?? null, reason && fromThrown(reason));
  const error = kind === "error" ? new Error(message) : new MEANT[kind](message);
  error.name = name;
  error.stack = stack ?? `${name}: ${message}`;
  return kind === "error" && code !== undefined ? Object.assign(error, { code }) : error;
}
