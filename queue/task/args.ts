/**
 * Arguments of a request, made ready for the record: brought into their JSON form, copied from the caller's objects,
 * and checked against the definition's schema.
 *
 * @module
 */
import { z } from "zod";
import type { AnyTaskDefinition, ArgsSchema } from "./define.ts";
import { type Fault, InvalidTaskError, TooLargeError } from "../ground/errors.ts";
import { chunkCount, PAYLOAD_BYTES, unserializable } from "../rows/payload.ts";
import { decode, encodeText } from "../rows/codec.ts";
import type { Json } from "../ground/task.ts";
import { malformedTexts } from "../ground/well_formed.ts";

/** Arguments ready to be stored. */
interface AcceptedArgs {
  readonly args: readonly Json[];
  /** Number of chunks that hold them; `undefined`: they are kept inline. */
  readonly chunks: number | undefined;
}

/**
 * Reads arguments as a run will read them: arguments that are `undefined` at the end are dropped, and each value takes
 * its JSON form (a `Date` becomes a text).
 *
 * @param at JSON pointer of the arguments
 * @param found faults found in the rest of the request
 * @param before how many arguments a workflow will put before these
 * @throws {InvalidTaskError} with `found` and every value that JSON cannot carry, or, when there is none, with `found`
 *   and every fault against the schema
 * @throws {TooLargeError} when they have more than `PAYLOAD_BYTES`
 */
export function acceptArgs(
  definition: AnyTaskDefinition,
  given: readonly unknown[],
  at: string,
  found: readonly Fault[],
  before = 0,
): AcceptedArgs {
  let count = given.length;
  while (count > 0 && given[count - 1] === undefined) count--;
  const own = given.slice(0, count);
  const accepted = own.length < 20 && own.every(isShortScalar)
    ? { args: own as Json[], chunks: undefined }
    : throughJson(own, at, found);
  const faults = [...found, ...schemaFaults(definition, accepted.args, at, before)];
  if (faults.length > 0) throw new InvalidTaskError(faults);
  return accepted;
}

function schemaFaults(
  definition: AnyTaskDefinition,
  args: readonly Json[],
  at: string,
  before: number,
): Fault[] {
  try {
    const schema = schemaAfter(definition.args, before);
    if (schema === null) {
      const detail = before === 1
        ? "takes no argument for the result that the workflow puts before its own; make it immutable"
        : "takes fewer than the two arguments that come before its own: the failed task's id and error";
      return [{ pointer: at, detail }];
    }
    const parsed = schema.safeParse(args);
    return parsed.success ? [] : faultsOf(parsed.error, at);
  } catch (error) {
    // A refinement threw, or is asynchronous, which a submission cannot wait for.
    return [{ pointer: at, detail: `cannot be checked by the definition: ${error}` }];
  }
}

/**
 * The schema of the arguments after the first `before`; `null` when the tuple takes fewer. A schema that is no plain
 * tuple can only be checked against all arguments together, so it is checked at the start of the run.
 */
function schemaAfter(schema: ArgsSchema, before: number): z.ZodType | null {
  if (before === 0) return schema;
  if (!(schema instanceof z.ZodTuple)) return z.any();
  const { items, rest } = schema.def;
  if (items.length < before && rest === null) return null;
  const left = items.slice(before) as [z.ZodType];
  return rest === null ? z.tuple(left) : z.tuple(left, rest as z.ZodType);
}

/** Whether an argument needs neither measuring nor copying: a number takes at most 25 bytes of JSON, a character 6. */
function isShortScalar(arg: unknown): boolean {
  return typeof arg === "string"
    ? arg.length < 100 && arg.isWellFormed()
    : typeof arg === "number"
    ? Number.isFinite(arg)
    : arg === null || typeof arg === "boolean";
}

function throughJson(given: readonly unknown[], at: string, found: readonly Fault[]): AcceptedArgs {
  let bytes: Uint8Array;
  try {
    const faults = given.flatMap((arg, i) => {
      const detail = arg === undefined
        ? `args[${i}] is undefined, which JSON cannot carry`
        : unserializable(arg, `args[${i}]`, new Set());
      return detail ? [{ pointer: `${at}/${i}`, detail }] : [];
    });
    if (faults.length > 0) throw new InvalidTaskError([...found, ...faults]);
    const json = JSON.stringify(given);
    const malformed = malformedTexts(json, at);
    if (malformed.length > 0) throw new InvalidTaskError([...found, ...malformed]);
    bytes = encodeText(json);
  } catch (error) {
    if (error instanceof InvalidTaskError) throw error;
    // A getter or a `toJSON` of an argument threw.
    throw new InvalidTaskError([...found, { pointer: at, detail: `cannot be written as JSON: ${error}` }]);
  }
  if (bytes.length > PAYLOAD_BYTES) {
    throw new TooLargeError(`Arguments must be at most ${PAYLOAD_BYTES} bytes of JSON: got ${bytes.length}`);
  }
  return { args: decode<Json[]>(bytes), chunks: chunkCount(bytes.length) };
}

/** The faults that a schema found, as JSON pointers under `at`. */
export function faultsOf(error: z.ZodError, at: string): Fault[] {
  return error.issues.map((issue) => ({
    pointer: at +
      issue.path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""),
    detail: issue.message,
  }));
}
