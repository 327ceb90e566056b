/**
 * Validation of schedules, and the defaults of their options.
 *
 * @module
 */
import { acceptArgs } from "../task/args.ts";
import type { Base } from "../engine.ts";
import { TEN_YEARS } from "../ground/clock.ts";
import { type Fault, InvalidScheduleError, TooLargeError } from "../ground/errors.ts";
import { encode } from "../rows/codec.ts";
import { faultsOfRequest } from "../request/submit.ts";
import { isAddressable } from "../ground/names.ts";
import { nearest } from "../ground/suggest.ts";
import { NICKNAMES, readCron } from "./cron.ts";
import { gridOf } from "./grid.ts";
import { isScheduleId, MOST_INSTANCES } from "./row.ts";
import type {
  ScheduledTask,
  ScheduleOptions,
  ScheduleRequest,
  ScheduleSettings,
  Trigger,
} from "./schedule.ts";

/** Most bytes of a schedule's task, which is kept in the schedule's own row. */
const TASK_BYTES = 48 * 1024;

/** The end of the year 9999: the last moment that RFC 3339 can write. */
const LAST_MOMENT = 253_402_300_799_999;

/** Fills in the defaults of options. */
export function withDefaults(options: ScheduleOptions): ScheduleSettings {
  const { trigger } = options;
  return {
    trigger: "cron" in trigger ? { cron: trigger.cron, timezone: trigger.timezone ?? "UTC" } : trigger,
    startAt: options.startAt ?? null,
    endAt: options.endAt ?? null,
    jitter: options.jitter ?? 0,
    misfireGrace: options.misfireGrace ?? 60,
    catchUp: options.catchUp ?? "one",
    catchUpLimit: options.catchUpLimit ?? 100,
    maxInstances: options.maxInstances ?? 1,
  };
}

/** Finds every fault in the given parts of a request that does not depend on the time. @throws {TooLargeError} */
export function faultsOfSchedule(engine: Base, request: Partial<ScheduleRequest>): Fault[] {
  const faults: Fault[] = [];
  if (request.id !== undefined && !(isScheduleId(request.id) && isAddressable(request.id))) {
    const be = "must be 1 to 200 letters, digits, '.', '_', ':' or '-', but not '.' or '..'";
    faults.push({ pointer: "/id", detail: `${be}: got '${request.id}'` });
  }
  if (request.task !== undefined) faults.push(...taskFaults(engine, request.task));
  if (request.trigger !== undefined) faults.push(...triggerFaults(request.trigger));
  return [...faults, ...optionFaults(request)];
}

/** Makes a request's task as it is stored. @throws {TooLargeError} */
export function storedTask(engine: Base, task: ScheduledTask): ScheduledTask {
  const { args } = acceptArgs(engine.definitions.get(task.name)!, task.args, "/task/args", []);
  const stored = { ...task, args };
  const bytes = encode(stored).length;
  if (bytes > TASK_BYTES) {
    throw new TooLargeError(`A schedule's task must be at most ${TASK_BYTES} bytes of JSON: got ${bytes}`);
  }
  return stored;
}

/** Finds the first occurrence after `now`. @throws {InvalidScheduleError} when there is none */
export function firstAfter(options: ScheduleSettings & { createdAt: number }, now: number): number {
  const first = gridOf(options).after(now);
  if (first !== null) return first;
  const { trigger, endAt } = options;
  const unbounded = gridOf({ ...options, endAt: null }).after(now);
  if (unbounded !== null) {
    const detail = `must leave an occurrence: the first is at ${iso(unbounded)}, the end at ${iso(endAt!)}`;
    throw new InvalidScheduleError([{ pointer: "/end_at", detail }]);
  }
  throw new InvalidScheduleError([
    "date" in trigger
      ? { pointer: "/trigger/date", detail: `must be in the future: got ${iso(trigger.date)}` }
      : { pointer: "/trigger", detail: "must have an occurrence after now: it has none" },
  ]);
}

function taskFaults(engine: Base, task: ScheduledTask): Fault[] {
  const at = "/task";
  const own = (["delay", "runAt"] as const).flatMap((option) => {
    if ((task as { delay?: unknown; runAt?: unknown })[option] === undefined) return [];
    const name = option === "delay" ? "delay" : "run_at";
    return [{ pointer: `${at}/${name}`, detail: "must not be given: the trigger says when" }];
  });
  return [
    ...own,
    ...faultsOfRequest(engine, task).map((fault) => ({ ...fault, pointer: at + fault.pointer })),
  ];
}

function optionFaults(options: Partial<ScheduleOptions>): Fault[] {
  const faults: Fault[] = [];
  const check = (name: string, value: unknown, holds: (value: number) => boolean, be: string) => {
    if (value === undefined || typeof value === "number" && holds(value)) return;
    faults.push({ pointer: `/${name}`, detail: `must be ${be}: got ${value}` });
  };
  const within = (least: number, most: number) => (value: number) => value >= least && value <= most;
  const whole = (least: number, most: number) => (value: number) =>
    Number.isInteger(value) && within(least, most)(value);
  const { startAt, endAt } = options;
  check("start_at", startAt ?? undefined, within(0, LAST_MOMENT), "a date from 1970 to 9999");
  check("end_at", endAt ?? undefined, within(0, LAST_MOMENT), "a date from 1970 to 9999");
  if (typeof startAt === "number" && typeof endAt === "number" && endAt < startAt) {
    faults.push({ pointer: "/end_at", detail: "must not be before start_at" });
  }
  check("jitter", options.jitter, within(0, TEN_YEARS), `a number of seconds from 0 to ${TEN_YEARS}`);
  check(
    "misfire_grace",
    options.misfireGrace,
    within(1, TEN_YEARS),
    `a number of seconds from 1 to ${TEN_YEARS}`,
  );
  check("catch_up_limit", options.catchUpLimit, whole(1, 1000), "an integer from 1 to 1000");
  const instances = `an integer from 1 to ${MOST_INSTANCES}`;
  check("max_instances", options.maxInstances, whole(1, MOST_INSTANCES), instances);
  const { catchUp = "one" } = options;
  if (!["skip", "one", "all"].includes(catchUp)) {
    faults.push({ pointer: "/catch_up", detail: `must be skip, one or all: got '${catchUp}'` });
  }
  return faults;
}

function triggerFaults(trigger: Trigger): Fault[] {
  const at = "/trigger";
  const kinds = (["cron", "interval", "date"] as const).filter((kind) => kind in trigger);
  if (kinds.length !== 1) {
    const found = kinds.length === 0 ? "none" : kinds.join(" and ");
    return [{ pointer: at, detail: `must have one of cron, interval and date: got ${found}` }];
  }
  if (!("cron" in trigger) && "timezone" in trigger) {
    return [{ pointer: `${at}/timezone`, detail: "must be given with cron only" }];
  }
  if ("interval" in trigger) {
    const { interval } = trigger;
    if (interval >= 0.01 && interval <= TEN_YEARS) return [];
    const detail = `must be a number of seconds from 0.01 to ${TEN_YEARS}: got ${interval}`;
    return [{ pointer: `${at}/interval`, detail }];
  }
  if ("date" in trigger) {
    // firstAfter says of a moment before 1970, as of any past one, that it is past.
    if (Math.abs(trigger.date) <= LAST_MOMENT) return [];
    return [{ pointer: `${at}/date`, detail: `must be a date: got ${trigger.date}` }];
  }
  return [...zoneFaults(trigger.timezone, `${at}/timezone`), ...cronFaults(trigger.cron, `${at}/cron`)];
}

function zoneFaults(zone: string | undefined, pointer: string): Fault[] {
  try {
    if (zone !== undefined) new Intl.DateTimeFormat("en", { timeZone: zone });
    return [];
  } catch {
    const near = nearest(zone!, Intl.supportedValuesOf("timeZone"));
    const hint = near ? `; did you mean '${near}'?` : "";
    return [{ pointer, detail: `must be an IANA time zone such as Europe/Rome: got '${zone}'${hint}` }];
  }
}

function cronFaults(text: string, pointer: string): Fault[] {
  const must = "must be cron text of five fields, or six with seconds first";
  if (text.length > 200) return [{ pointer, detail: `${must}, of at most 200 characters` }];
  if (text.trim().startsWith("@")) {
    if (Object.hasOwn(NICKNAMES, text.trim().toLowerCase())) return [];
    return [{ pointer, detail: `must be one of ${Object.keys(NICKNAMES).join(", ")}: got '${text}'` }];
  }
  if (!/^(\S+\s+){4,5}\S+$/.test(text.trim())) return [{ pointer, detail: `${must}: got '${text}'` }];
  try {
    if (readCron(text).times.after(0) !== null) return [];
    return [{ pointer, detail: `must fire at some time: '${text}' never does` }];
  } catch (error) {
    const reason = (error as Error).message.replace(/^Cron\w*: /, "");
    return [{ pointer, detail: `${must}: got '${text}' (${reason})` }];
  }
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
