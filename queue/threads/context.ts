/**
 * The context that a function gets in a thread.
 *
 * @module
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { systemClock } from "../ground/clock.ts";
import type { TaskLog } from "../task/define.ts";
import type { RetryError } from "../ground/errors.ts";
import type { LogLevel } from "../ground/events.ts";
import { textOf } from "../ground/observer.ts";
import { PROGRESS_INTERVAL, toReport } from "../rows/payload.ts";
import { retryRequest } from "../task/retry.ts";
import type { Json } from "../ground/task.ts";
import type { ThreadContext } from "./define.ts";
import type { Abort, FromThread, ThreadTask } from "./protocol.ts";
import { fromThrown } from "./thrown.ts";

const decoder = new TextDecoder();

/** The context of one run. After {@link close} it posts nothing more. */
export class InThreadContext implements ThreadContext {
  readonly log: TaskLog;
  #controller = new AbortController();
  #progress = "";
  #reportedAt = -Infinity;
  #cancelReport: (() => void) | null = null;
  #closed = false;
  #run: number;
  #task: ThreadTask;
  #aborts: MessagePort;
  #post: (message: FromThread) => void;

  /** Keeps all of it private: a handler must not speak for the engine. */
  constructor(run: number, task: ThreadTask, aborts: MessagePort, post: (message: FromThread) => void) {
    this.#run = run;
    this.#task = task;
    this.#aborts = aborts;
    this.#post = post;
    const write = (level: LogLevel) => (message: string) =>
      this.#tell({ type: "log", level, message: textOf(message) });
    this.log = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
    aborts.on("message", this.#abort);
  }

  get id(): string {
    return this.#task.id;
  }
  get name(): string {
    return this.#task.name;
  }
  get retries(): number {
    return this.#task.retries;
  }
  get maxRetries(): number {
    return this.#task.maxRetries;
  }
  get idempotencyKey(): string {
    return this.#task.id;
  }

  /** The signal, after a look for an abort message: a loop that never awaits would receive none otherwise. */
  get signal(): AbortSignal {
    const received = receiveMessageOnPort(this.#aborts);
    if (received) this.#abort(received.message);
    return this.#controller.signal;
  }

  /** Posts the latest report every `PROGRESS_INTERVAL` ms at most: a loop may report in each of its rounds. */
  progress(report: Json): void {
    this.#progress = decoder.decode(toReport(report));
    const wait = this.#reportedAt + PROGRESS_INTERVAL - systemClock.monotonic();
    if (wait <= 0) this.#report();
    else this.#cancelReport ??= systemClock.after(wait, () => this.#report());
  }

  retry(options: { in?: number | string | null; error?: unknown } = {}): RetryError {
    return retryRequest(options, systemClock.now());
  }

  close(): void {
    this.#closed = true;
    this.#cancelReport?.();
    this.#aborts.off("message", this.#abort);
  }

  #report(): void {
    this.#cancelReport?.();
    this.#cancelReport = null;
    this.#reportedAt = systemClock.monotonic();
    this.#tell({ type: "progress", json: this.#progress });
  }

  #tell(message: FromThread): void {
    if (!this.#closed) this.#post(message);
  }

  /** Aborts the signal. An abort that was meant for an earlier run comes too late and is ignored. */
  #abort = ({ run, reason }: Abort): void => {
    if (run === this.#run) this.#controller.abort(fromThrown(reason));
  };
}
