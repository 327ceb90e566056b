/**
 * What a process and its threads tell each other. All of it is plain data; what is JSON already crosses as a text,
 * which is cheap to copy.
 *
 * @module
 */
import type { MessagePort } from "node:worker_threads";
import type { LogLevel } from "../ground/events.ts";
import type { ThreadTarget } from "../task/define.ts";
import type { Thrown } from "./thrown.ts";

/** What a thread is told of a task. */
export interface ThreadTask extends Omit<ThreadTarget, "memory"> {
  readonly id: string;
  readonly name: string;
  readonly retries: number;
  readonly maxRetries: number;
  readonly args: readonly unknown[];
  readonly ignoreResult: boolean;
}

/** What a thread is started with: a port for aborts, because a loop that never awaits can look at one. */
export interface ThreadData {
  readonly aborts: MessagePort;
}

/** To the thread. `run` tells one task that it runs from the next. */
export type ToThread =
  | { readonly type: "run"; readonly run: number; readonly task: ThreadTask }
  | { readonly type: "end" };

/** To the thread, by the port for aborts. */
export interface Abort {
  readonly run: number;
  readonly reason: Thrown;
}

/** From the thread, about the task that it runs. */
export type FromThread =
  /** The task's module is imported. */
  | { readonly type: "loaded" }
  | { readonly type: "progress"; readonly json: string }
  | { readonly type: "log"; readonly level: LogLevel; readonly message: string }
  | { readonly type: "done"; readonly json: string }
  /** What ran was ended at the memory limit; the thread must not run another task. */
  | { readonly type: "out-of-memory" }
  /** `spoiled`: the thread must not run another task. */
  | { readonly type: "failed"; readonly error: Thrown; readonly spoiled: boolean };
