/**
 * The log: turns the engine's events and answered requests into lines, JSON or readable. Arguments and results never
 * reach the log.
 *
 * The log is a hot path, with three lines a task and one a request: lines are put together from text, not by serializing
 * objects, and {@link LineWriter} writes many at once.
 *
 * @module
 */
import {
  harmless,
  type LogLevel,
  printable,
  type QueueEvent,
  stackOf,
  StoreUnavailableError,
  type TaskRef,
  wellFormed,
} from "../../queue/mod.ts";
import type { AccessRecord } from "../http/gate.ts";
import { LineWriter, type Sink } from "./line_writer.ts";

/** Fields of a line after time, level and message; a field that is `undefined` is left out. */
type Fields = Readonly<Record<string, string | number | undefined>>;

/** Makes a line; a line about a task has its id, name and channel first. */
type Format = (time: string, level: LogLevel, message: string, fields: Fields, task?: TaskRef) => string;

const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** The log as the app uses it; {@link createLog} makes one. */
export interface AppLog {
  /** One answered request. */
  access(record: AccessRecord): void;
  /** An error that a client must not see. */
  failure(error: unknown, requestId: string): void;
}

/** The calls of a log, which no answer depends on: they neither throw nor reject, whatever the log does. */
export function observed(log?: AppLog): Partial<AppLog> {
  return log
    ? {
      access: harmless("The log's access()", (record) => log.access(record)),
      failure: harmless("The log's failure()", (error, requestId) => log.failure(error, requestId)),
    }
    : {};
}

/** Options of {@link createLog}. */
export interface LogOptions {
  /** The stream that lines are written to: `Deno.stdout`. */
  readonly sink: Sink;
  /** JSON objects, or text for people. */
  readonly format: "json" | "text";
  /** The lowest level that is written. */
  readonly level: LogLevel;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
}

/** Makes a log. */
export function createLog(options: LogOptions): Log {
  return new Log(options);
}

/** A log; its methods need no `this`. */
export class Log {
  readonly #lines: LineWriter;
  readonly #least: number;
  readonly #now: () => number;
  readonly #format: Format;
  #time = 0;
  #timeText = "";

  constructor({ sink, format, level, now }: LogOptions) {
    this.#lines = new LineWriter(sink);
    this.#least = LEVELS[level];
    this.#now = now;
    this.#format = format === "json" ? jsonLine : textLine;
  }

  /** Writes a line of the program itself. */
  readonly write = (level: LogLevel, message: string, fields: Fields = {}): void => {
    if (LEVELS[level] < this.#least) return;
    this.#lines.add(this.#format(this.#stamp(), level, message, fields));
  };

  /** Writes an answered request. */
  readonly access = ({ requestId, method, path, status, duration }: AccessRecord): void => {
    this.write(status >= 500 ? "error" : "info", "request", {
      method,
      path,
      status,
      ms: Math.round(duration * 1000) / 1000,
      request_id: requestId,
    });
  };

  /** Writes an error that was kept from the client. */
  readonly failure = (error: unknown, requestId: string): void => {
    this.write("error", "request failed", { request_id: requestId, error: stackOf(error) });
  };

  /** Writes an event of the engine: give it to `createQueue` as `onEvent`. */
  readonly event = (event: QueueEvent): void => {
    switch (event.type) {
      case "submitted":
        return this.#task("info", event.type, event.task, { delay: event.delay || undefined });
      case "started":
        return this.#task("info", event.type, event.task, {
          waited: event.waited,
          retries: event.retries || undefined,
        });
      case "progress":
        return this.#task("debug", event.type, event.task, {});
      case "retried":
        return this.#task("warn", event.type, event.task, {
          retries: event.retries,
          delay: event.delay,
          duration: event.duration,
          error: event.error,
        });
      case "finished":
        return this.#task(event.state === "FAILURE" ? "error" : "info", event.type, event.task, {
          state: event.state,
          duration: event.duration ?? undefined,
          error: event.error ?? undefined,
        });
      case "lost":
        return this.#task("warn", event.type, event.task, { deliveries: event.deliveries });
      case "returned":
        return this.#task("info", event.type, event.task, {});
      case "log":
        return this.#task(event.level, event.message, event.task, {});
      case "rescued":
        return this.write("warn", event.type, { worker: event.worker, tasks: event.tasks });
      case "registered":
        return this.write("info", event.type, { worker: event.worker });
      case "lost-worker":
      case "fenced":
        return this.write("warn", event.type, { worker: event.worker });
      case "exhausted":
        return this.write("error", event.type, { channel: event.channel });
      case "claim":
        if (!event.landed) this.write("debug", "claim lost", { channel: event.channel, tasks: event.tasks });
        return;
      case "stopping":
        return this.write("info", event.type, { running: event.running });
      case "stopped":
        return this.write("info", event.type);
      case "fault":
        // The program writes a line when an outage begins, and one when it ends.
        if (event.error instanceof StoreUnavailableError) return;
        return this.write("error", event.message, { error: stackOf(event.error) });
      default:
        event satisfies never;
    }
  };

  /** Number of lines that could not be written. */
  get dropped(): number {
    return this.#lines.dropped;
  }

  /** Resolves when every line so far has been written or dropped; never, while nobody reads a stream that is full. */
  readonly flush = (): Promise<void> => this.#lines.flush();

  #task(level: LogLevel, message: string, task: TaskRef, fields: Fields): void {
    if (LEVELS[level] < this.#least) return;
    this.#lines.add(this.#format(this.#stamp(), level, message, fields, task));
  }

  /** The time as text, made once a millisecond. */
  #stamp(): string {
    const now = this.#now();
    if (now !== this.#time) [this.#time, this.#timeText] = [now, new Date(now).toISOString()];
    return this.#timeText;
  }
}

function jsonLine(time: string, level: LogLevel, message: string, fields: Fields, task?: TaskRef): string {
  let line = `{"time":"${time}","level":"${level}","message":${JSON.stringify(message)}`;
  if (task) {
    const { id, name, channel } = task;
    line += `,"task_id":"${id}","name":${JSON.stringify(name)},"channel":${JSON.stringify(channel)}`;
  }
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    line += `,"${name}":${typeof value === "number" ? value : JSON.stringify(value)}`;
  }
  return `${wellFormed(line)}}\n`;
}

function textLine(time: string, level: LogLevel, message: string, fields: Fields, task?: TaskRef): string {
  let line = `${time.slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${printable(message).padEnd(9)}`;
  if (task) {
    line += ` task_id=${task.id} name=${quoted("name", task.name)} channel=${
      quoted("channel", task.channel)
    }`;
  }
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) line += ` ${name}=${typeof value === "number" ? value : quoted(name, value)}`;
  }
  return `${line}\n`;
}

/** A value of a readable line. A stack keeps its lines; any other value stays on one line, because it may come from outside. */
function quoted(name: string, value: string): string {
  if (name === "error") return printable(value, true).replaceAll("\n", "\n  ");
  return /^[\w./:+-]+$/.test(value) ? value : printable(JSON.stringify(value));
}
