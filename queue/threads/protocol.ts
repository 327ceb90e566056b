/**
 * The messages between a process and its threads. They go over ports that only the engine has: code in a thread may
 * post what it likes by the worker's own channel. All are plain data; a value that is JSON anyway crosses as text, which
 * is cheap to copy.
 *
 * @module
 */
import type { MessagePort } from "node:worker_threads";
import type { LogLevel } from "../ground/events.ts";
import type { ThreadTarget } from "../task/define.ts";
import type { Thrown } from "./thrown.ts";

/** A task as a thread gets it. */
export interface ThreadTask extends Omit<ThreadTarget, "memory"> {
  readonly id: string;
  readonly name: string;
  readonly retries: number;
  readonly maxRetries: number;
  readonly args: readonly unknown[];
  readonly ignoreResult: boolean;
}

/** The data that a thread is started with. */
export interface ThreadData {
  /** For {@link ToThread} and {@link FromThread}. */
  readonly port: MessagePort;
  /** For {@link Abort}: even a loop that never awaits can look at it. */
  readonly aborts: MessagePort;
}

/** To the thread. The number `run` tells the tasks that one thread runs apart. */
export type ToThread =
  | { readonly type: "run"; readonly run: number; readonly task: ThreadTask }
  | { readonly type: "end" };

/** To the thread, by the port for aborts. */
export interface Abort {
  readonly run: number;
  readonly reason: Thrown;
}

/** From the thread, about the task that it runs. Only a failure may be that of an earlier run. */
export type FromThread =
  /** The task's module is imported. */
  | { readonly type: "loaded" }
  | { readonly type: "progress"; readonly json: string }
  | { readonly type: "log"; readonly level: LogLevel; readonly message: string }
  | { readonly type: "done"; readonly json: string }
  /** The running code was ended at the memory limit; the thread must not run another task. */
  | { readonly type: "out-of-memory" }
  /** The run failed, or has left behind what fails now. `spoiled`: the thread must not run another task. */
  | { readonly type: "failed"; readonly run: number; readonly error: Thrown; readonly spoiled: boolean };
