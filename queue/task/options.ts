/**
 * The rules for a task's options, in a request and in a definition.
 *
 * @module
 */
import type { AnyTaskDefinition } from "./define.ts";
import { TEN_YEARS } from "../ground/clock.ts";
import type { Fault } from "../ground/errors.ts";
import { MOST_OF_A_KEY } from "./concurrency.ts";
import { burstFault, parseRate, RATE_FORM } from "../ground/rate.ts";
import { nameFault } from "../ground/names.ts";
import { nearest } from "../ground/suggest.ts";
import { MALFORMED } from "../ground/well_formed.ts";
import type { SubmitOptions } from "../ground/task.ts";

/** Hard time limit, seconds, of tasks whose definition sets none. */
export const DEFAULT_TIME_LIMIT = 3600;
/** Priority of tasks whose definition sets none. */
export const DEFAULT_PRIORITY = 5;

/**
 * Finds the faults of a request's options, with JSON pointers under `at`.
 *
 * @param now the moment of the submission, milliseconds since 1970
 */
export function optionFaults(request: SubmitOptions, at: string, now: number): Fault[] {
  const faults: Fault[] = [];
  const number = (name: keyof SubmitOptions, least: number, most: number, whole: boolean) => {
    const value = request[name];
    if (value === undefined) return;
    if (typeof value === "number" && value >= least && value <= most && (!whole || Number.isInteger(value))) {
      return;
    }
    const kind = whole ? "an integer" : "a number of seconds";
    faults.push({
      pointer: `${at}/${wireName(name)}`,
      detail: `must be ${kind} from ${least} to ${most}: got ${value}`,
    });
  };
  number("priority", 0, 9, true);
  number("maxRetries", 0, 1000, true);
  number("delay", 0, TEN_YEARS, false);
  number("expires", 0.001, TEN_YEARS, false);
  number("softTimeLimit", 0.001, TEN_YEARS, false);
  number("timeLimit", 0.001, TEN_YEARS, false);
  if (request.delay !== undefined && request.runAt !== undefined) {
    faults.push({ pointer: `${at}/run_at`, detail: "must not be given together with delay" });
  }
  if (request.runAt !== undefined && !(Math.abs(request.runAt) < 8.64e15)) {
    faults.push({ pointer: `${at}/run_at`, detail: `must be a date: got ${request.runAt}` });
  }
  // A workflow's task expires so long after the submission too, and its delay begins no earlier.
  const wait = request.delay ?? ((request.runAt ?? 0) - now) / 1000;
  if (request.expires !== undefined && wait > 0 && request.expires <= wait) {
    faults.push({
      pointer: `${at}/expires`,
      detail: `must be later than the moment from which the task may run: got ${request.expires}`,
    });
  }
  if (request.tags !== undefined) {
    if (request.tags.length > 20) faults.push({ pointer: `${at}/tags`, detail: "must be at most 20 tags" });
    request.tags.forEach((tag, i) => {
      if (typeof tag !== "string" || tag.length === 0 || tag.length > 100) {
        faults.push({ pointer: `${at}/tags/${i}`, detail: "must be a text of 1 to 100 characters" });
      } else if (!tag.isWellFormed()) {
        faults.push({ pointer: `${at}/tags/${i}`, detail: MALFORMED });
      }
    });
  }
  return faults;
}

/** The name of an option on the wire, because a pointer points into the JSON that a caller sent. */
function wireName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The channels of a queue, from its definitions and from its settings. */
interface KnownChannels {
  /** Channel of each definition, by task name. */
  readonly channels: ReadonlyMap<string, string>;
  /** Slots by channel. */
  readonly slots: ReadonlyMap<string, number>;
}

/** Finds the fault of the channel that a request names: the channel must be known. */
export function channelFaults(engine: KnownChannels, channel: string, at: string): Fault[] {
  const known = knownChannels(engine);
  if (known.has(channel)) return [];
  const near = nearest(channel, known);
  const hint = near ? `; did you mean '${near}'?` : "";
  return [{
    pointer: `${at}/channel`,
    detail: `must be one of ${[...known].join(", ")}: got '${channel}'${hint}`,
  }];
}

/** The names of all channels of the definitions and settings. */
export function knownChannels(engine: KnownChannels): Set<string> {
  return new Set([...engine.slots.keys(), ...engine.channels.values()]);
}

/**
 * Refuses a definition whose name or options are not valid.
 *
 * @throws {TypeError} naming the definition and the option
 */
export function checkDefinition(definition: AnyTaskDefinition): void {
  const {
    name,
    acks,
    priority,
    maxRetries,
    softTimeLimit,
    timeLimit,
    retry = {},
    rateLimit,
    burst,
    concurrencyLimit,
  } = definition;
  const given = { priority, maxRetries, softTimeLimit, timeLimit };
  const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const faults = optionFaults(defined, "", 0).map(({ pointer, detail }) =>
    `${optionName(pointer)} ${detail}`
  );
  for (const option of ["delay", "factor", "maxDelay"] as const) {
    const value = retry[option];
    if (value === undefined || value >= 0 && value <= TEN_YEARS) continue;
    faults.push(`retry.${option} must be a number from 0 to ${TEN_YEARS}: got ${value}`);
  }
  faults.push(...idempotencyFaults(definition));
  if (rateLimit !== undefined && parseRate(rateLimit) === null) {
    faults.push(`rateLimit must be ${RATE_FORM}: got '${rateLimit}'`);
  }
  const wrong = burstFault(rateLimit, burst);
  if (wrong !== null) faults.push(`burst ${wrong}`);
  if (
    concurrencyLimit !== undefined &&
    !(Number.isInteger(concurrencyLimit) && concurrencyLimit >= 1 && concurrencyLimit <= MOST_OF_A_KEY)
  ) {
    faults.push(`concurrencyLimit must be an integer from 1 to ${MOST_OF_A_KEY}: got ${concurrencyLimit}`);
  }
  if (concurrencyLimit !== undefined && !definition.concurrencyKey) {
    faults.push("concurrencyLimit must not be given without concurrencyKey");
  }
  if (acks !== undefined && acks !== "late" && acks !== "early") {
    faults.push(`acks must be 'late' or 'early': got '${acks}'`);
  }
  const misnamed = nameFault(name);
  if (misnamed !== null) faults.push(`name ${misnamed}: got '${name}'`);
  if (faults.length > 0) throw new TypeError(`Cannot define task '${name}': ${faults.join("; ")}`);
}

function idempotencyFaults({ idempotency }: AnyTaskDefinition): string[] {
  if (!idempotency) return [];
  const { key, ttl = 1, onDuplicate = "return" } = idempotency;
  const faults: string[] = [];
  if (typeof key !== "function") faults.push(`idempotency.key must be a function: got ${key}`);
  if (!(ttl > 0 && ttl <= TEN_YEARS)) {
    faults.push(`idempotency.ttl must be a number of seconds above 0, up to ${TEN_YEARS}: got ${ttl}`);
  }
  if (!["skip", "return", "raise"].includes(onDuplicate)) {
    faults.push(`idempotency.onDuplicate must be 'skip', 'return' or 'raise': got '${onDuplicate}'`);
  }
  return faults;
}

/** The name of a pointer's option as programs spell it. */
function optionName(pointer: string): string {
  return pointer.slice(1).replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
}
