/**
 * A thread as its process sees it. A thread runs one task at a time, and can be ended whatever it does.
 *
 * @module
 */
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  SHARE_ENV,
  Worker,
} from "node:worker_threads";
import { systemClock } from "../ground/clock.ts";
import { OutOfMemoryError, ThreadExitError } from "../ground/errors.ts";
import type { Abort, FromThread, ThreadData, ThreadTask, ToThread } from "./protocol.ts";
import { fromThrown, toThrown } from "./thrown.ts";

/**
 * Milliseconds that a thread has to end by itself before it is interrupted. Deno panics when a thread is interrupted
 * while it loads one of Deno's own modules (seen in 1 of 60 threads that did nothing else). A thread that has not read
 * its messages for so long is taken to compute.
 */
const PATIENCE = { computing: 250, importing: 5000 };

/** The receiver of a thread's messages about the task that it runs. */
export interface ThreadListener {
  said(message: Extract<FromThread, { type: "progress" | "log" }>): void;
  /** The task has ended; the thread may run another one if it is still `usable`. */
  done(json: string): void;
  failed(error: Error): void;
}

/** One thread. */
export class Thread {
  /** Resolves when the thread has ended. */
  readonly gone: Promise<void>;
  #worker: Worker;
  #port: MessagePort;
  #aborts: MessagePort;
  /** Number of tasks started so far, and with it the `run` number of the current one. */
  #runs = 0;
  #listener: ThreadListener | null = null;
  #imported = new Set<string>();
  #importing: string | null = null;
  #usable = true;
  /** Whether a task has left an error behind: the thread is replaced when the task that it runs has ended. */
  #worn = false;
  #leaving = false;

  /**
   * @param memory megabytes of heap
   * @param broke called when the thread must run no other task, and the cause is not the task that it runs
   */
  constructor(readonly memory: number, readonly broke: (thread: Thread, error: Error) => void) {
    const [messages, aborts] = [new MessageChannel(), new MessageChannel()];
    this.#port = messages.port1;
    this.#aborts = aborts.port1;
    const data: ThreadData = { port: messages.port2, aborts: aborts.port2 };
    this.#worker = new Worker(new URL("./entry.ts", import.meta.url), {
      workerData: data,
      transferList: [data.port, data.aborts],
      env: SHARE_ENV,
      resourceLimits: { maxOldGenerationSizeMb: memory },
    });
    this.#port.on("message", this.#heard);
    this.#worker.on("error", this.#crashed);
    this.gone = new Promise((resolve) => {
      this.#worker.once("exit", (code) => {
        // The thread's last messages may still be on their way.
        for (let last; (last = receiveMessageOnPort(this.#port));) this.#heard(last.message);
        this.#spoil(new ThreadExitError(`The task's thread ended by itself, with exit code ${code}`));
        this.#port.close();
        this.#aborts.close();
        resolve();
      });
    });
  }

  /** Number of tasks that the thread has run, the current one included. */
  get runs(): number {
    return this.#runs;
  }

  /** Whether the thread can run another task. */
  get usable(): boolean {
    return this.#usable && !this.#worn;
  }

  /** Runs a task. @throws {DataCloneError} when its arguments cannot be copied */
  run(task: ThreadTask, listener: ThreadListener): void {
    this.#send({ type: "run", run: this.#runs + 1, task });
    this.#runs++;
    this.#listener = listener;
    this.#importing = this.#imported.has(task.module) ? null : task.module;
  }

  /** Aborts the signal of the task that the thread runs. */
  abort(reason: Error): void {
    const abort: Abort = { run: this.#runs, reason: toThrown(reason) };
    this.#aborts.postMessage(abort);
  }

  /** Ends the thread: at once if it reads its messages, else by force after {@link PATIENCE}. */
  async end(): Promise<void> {
    if (!this.#leaving) {
      this.#leaving = true;
      this.#usable = false;
      this.#listener = null;
      this.#send({ type: "end" });
      const patience = this.#importing === null ? PATIENCE.computing : PATIENCE.importing;
      const calledOff = systemClock.after(patience, () => this.#worker.terminate());
      this.gone.then(calledOff);
    }
    await this.gone;
  }

  #send(message: ToThread): void {
    this.#port.postMessage(message);
  }

  #heard = (message: FromThread): void => {
    const listener = this.#listener;
    switch (message.type) {
      case "loaded":
        this.#imported.add(this.#importing!);
        this.#importing = null;
        break;
      case "progress":
      case "log":
        listener?.said(message);
        break;
      case "done":
        this.#listener = null;
        listener?.done(message.json);
        break;
      case "out-of-memory":
        this.#spoil(this.#outOfMemory());
        break;
      case "failed":
        if (message.run !== this.#runs && listener) return this.#wear(fromThrown(message.error));
        if (message.spoiled) return this.#spoil(fromThrown(message.error));
        this.#listener = null;
        listener?.failed(fromThrown(message.error));
    }
  };

  #crashed = (error: Error & { code?: unknown }): void => {
    this.#spoil(error.code === "ERR_WORKER_OUT_OF_MEMORY" ? this.#outOfMemory() : error);
  };

  #outOfMemory(): Error {
    return new OutOfMemoryError(`Task reached the memory limit of ${this.memory} MB`);
  }

  /** Has the thread replaced after the task that it runs, which is not to blame. The pool is told once. */
  #wear(error: Error): void {
    if (!this.#worn) this.broke(this, error);
    this.#worn = true;
  }

  /** Makes the thread unusable. The task that it runs fails; without one, the pool is told. */
  #spoil(error: Error): void {
    if (!this.#usable) return;
    this.#usable = false;
    const listener = this.#listener;
    this.#listener = null;
    if (listener) listener.failed(error);
    else this.broke(this, error);
  }
}
