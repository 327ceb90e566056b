/**
 * Events: the engine reports what happens in it, as it happens, to the log, the metrics and the tests.
 *
 * @module
 */
import type { FinalState } from "./task.ts";

/** The task an event is about. */
export interface TaskRef {
  readonly id: string;
  readonly name: string;
  readonly channel: string;
}

/** One event. Durations are in seconds. No event carries arguments or results. */
export type QueueEvent =
  | { readonly type: "submitted"; readonly task: TaskRef; readonly delay: number }
  | {
    readonly type: "started";
    readonly task: TaskRef;
    readonly retries: number;
    /** Seconds from the moment the task could run to the handler's start. */
    readonly waited: number;
  }
  /** An attempt to claim so many tasks of a channel; `landed` is false when somebody else took one of them. */
  | { readonly type: "claim"; readonly channel: string; readonly tasks: number; readonly landed: boolean }
  /** A progress report was stored. */
  | { readonly type: "progress"; readonly task: TaskRef }
  | {
    readonly type: "retried";
    readonly task: TaskRef;
    readonly retries: number;
    readonly delay: number;
    readonly duration: number;
    readonly error: string;
  }
  | {
    readonly type: "finished";
    readonly task: TaskRef;
    readonly state: FinalState;
    readonly duration: number | null;
    /** `Type: message` of a task that did not succeed. */
    readonly error: string | null;
  }
  /** The worker of a run was lost, and the task waits again. */
  | { readonly type: "lost"; readonly task: TaskRef; readonly deliveries: number }
  /** A worker was judged lost and can store nothing any more; its tasks are being given back. */
  | { readonly type: "lost-worker"; readonly worker: string }
  /** All tasks of a lost worker were given back. */
  | { readonly type: "rescued"; readonly worker: string; readonly tasks: number }
  /** A run was given back unfinished; it counts neither as a retry nor as a delivery. */
  | { readonly type: "returned"; readonly task: TaskRef }
  | { readonly type: "registered"; readonly worker: string }
  /** Another process judged this one lost; this process registers anew. */
  | { readonly type: "fenced"; readonly worker: string }
  /** So many handlers ignore that their runs have ended that a channel has no slot left in this process. */
  | { readonly type: "exhausted"; readonly channel: string }
  | { readonly type: "stopping"; readonly running: number }
  | { readonly type: "stopped" }
  | { readonly type: "log"; readonly task: TaskRef; readonly level: LogLevel; readonly message: string }
  /** Something happened that should not; the engine goes on. */
  | { readonly type: "fault"; readonly message: string; readonly error: unknown };

/** Levels of log lines. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/**
 * Receives events. The engine does not wait for it; what it throws, or a promise of it that rejects, is said once on
 * standard error and changes nothing else (`observer.ts`).
 */
export type OnEvent = (event: QueueEvent) => void;
