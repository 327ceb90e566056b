/**
 * Errors as plain data, to cross between a thread and its process: type, message, own stack, the errors that it comes
 * from, and the kind by which the engine decides about a retry.
 *
 * @module
 */
import { NonRetryableError, ResultNotSerializable, ResultTooLarge, RetryError } from "../ground/errors.ts";
import { describe, MOST_ERRORS, originsOf } from "../task/failure.ts";

/** An error as plain data. */
export interface Thrown {
  readonly kind: "error" | "retry" | keyof typeof MEANT;
  readonly name: string;
  readonly message: string;
  readonly stack: string | null;
  /** The `code` of an error that has one: retry policies look at it. */
  readonly code?: string | number;
  readonly cause?: Thrown;
  /** The parts of an AggregateError. */
  readonly parts?: readonly Thrown[];
  /** Seconds that a `RetryError` asks for, and its reason. */
  readonly delay?: number | null;
  readonly reason?: Thrown;
}

/** Error classes that the engine treats in a way of their own, beside `RetryError`. */
const MEANT = { NonRetryableError, ResultNotSerializable, ResultTooLarge } as const;
const KINDS = Object.keys(MEANT) as (keyof typeof MEANT)[];

/** Makes plain data of any thrown value. Never throws itself. `seen`: what the data have already. */
export function toThrown(thrown: unknown, seen = new Set<unknown>()): Thrown {
  seen.add(thrown);
  try {
    if (thrown instanceof Error) return ofError(thrown, seen);
  } catch {
    // A getter of the error threw.
  }
  const { type: name, message } = describe(thrown);
  return { kind: "error", name, message, stack: null };
}

function ofError(error: Error, seen: Set<unknown>): Thrown {
  const name = String(error.name || "Error");
  const message = String(error.message);
  const stack = typeof error.stack === "string" ? error.stack : null;
  if (error instanceof RetryError) {
    const reason = error.reason === undefined ? {} : { reason: toThrown(error.reason, seen) };
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
    ...origins(error, seen),
  };
}

function origins(error: Error, seen: Set<unknown>): Pick<Thrown, "cause" | "parts"> {
  const isNew = (thrown: unknown) => seen.size < MOST_ERRORS && !seen.has(thrown);
  const { cause, parts } = originsOf(error);
  return {
    ...(cause !== undefined && isNew(cause)) && { cause: toThrown(cause, seen) },
    ...error instanceof AggregateError &&
      { parts: parts.flatMap((part) => isNew(part) ? toThrown(part, seen) : []) },
  };
}

/** Makes the error again: of its own class if the engine treats that class apart, else a plain error with its name. */
export function fromThrown(thrown: Thrown): Error {
  const { kind, name, message, stack, code, cause, parts, delay, reason } = thrown;
  if (kind === "retry") return new RetryError(delay ?? null, reason && fromThrown(reason));
  const error = kind !== "error"
    ? new MEANT[kind](message)
    : parts
    ? new AggregateError(parts.map(fromThrown), message)
    : new Error(message);
  if (cause) error.cause = fromThrown(cause);
  error.name = name;
  error.stack = stack ?? `${name}: ${message}`;
  return kind === "error" && code !== undefined ? Object.assign(error, { code }) : error;
}
