/**
 * The threads of a process: started when they are needed, kept warm for the next task, ended when they have been idle
 * for a while. Tasks wait for a thread in the order in which they come.
 *
 * @module
 */
import type { Clock } from "../ground/clock.ts";
import type { OnEvent } from "../ground/events.ts";
import type { Json } from "../ground/task.ts";
import type { FromThread, ThreadTask } from "./protocol.ts";
import { Thread, type ThreadListener } from "./thread.ts";

/** Milliseconds that a thread is kept without a task. */
const KEPT_IDLE = 30_000;

/** The number of threads, and the number of tasks that one thread runs. */
interface PoolOptions {
  /** Most threads at a time. */
  readonly threads: number;
  /** Tasks after which a thread is replaced, so that what its tasks leave behind does not add up. */
  readonly tasksPerThread: number;
}

/** The heap that a task needs, and the calls that tell of its progress. */
interface JobOptions {
  /** Megabytes of heap. */
  readonly memory: number;
  started(): void;
  said(message: Extract<FromThread, { type: "progress" | "log" }>): void;
}

/** A task on its way through the pool. */
export interface ThreadJob {
  /** Rejects with what the task threw, or with the reason for which it was cancelled. */
  readonly result: Promise<Json>;
  /** Whether the task still waits for a thread. */
  readonly waits: boolean;
  /** Aborts the task's signal if it runs. */
  abort(reason: Error): void;
  /** Ends the task, and its thread if it runs. */
  cancel(reason: Error): void;
}

/** The threads of this process, and the tasks that wait for one. */
export class ThreadPool {
  #waiting: Job[] = [];
  /** Idle threads, the most recently used last, each with the function that cancels its end after {@link KEPT_IDLE}. */
  #idle = new Map<Thread, () => void>();
  #busy = new Set<Thread>();
  #leaving = new Set<Promise<void>>();

  constructor(readonly clock: Clock, readonly emit: OnEvent, readonly options: PoolOptions) {}

  /** Number of threads that run a task or are idle. */
  get size(): number {
    return this.#busy.size + this.#idle.size;
  }

  /** Runs a task as soon as there is a thread for it. */
  run(task: ThreadTask, options: JobOptions): ThreadJob {
    const job = new Job(this, task, options);
    this.#waiting.push(job);
    this.#serve();
    return job;
  }

  /** Ends every thread. No task may run or wait when this is called. */
  async stop(): Promise<void> {
    for (const thread of [...this.#idle.keys()]) this.#end(thread);
    await Promise.all(this.#leaving);
  }

  /** Called when a job is over: its thread runs the next job, or is replaced. A job without a thread just leaves. */
  over(job: Job, thread: Thread | null): void {
    if (!thread) {
      this.#waiting.splice(this.#waiting.indexOf(job), 1);
      return;
    }
    this.#busy.delete(thread);
    if (thread.usable && thread.runs < this.options.tasksPerThread) this.#keep(thread);
    else this.#end(thread);
    // In a microtask, because jobs may be cancelled together: no thread is started for one that is cancelled next.
    queueMicrotask(() => this.#serve());
  }

  #serve(): void {
    for (let job = this.#waiting[0]; job; job = this.#waiting[0]) {
      const thread = this.#take(job.options.memory);
      if (!thread) return;
      this.#waiting.shift();
      this.#busy.add(thread);
      job.begin(thread);
    }
  }

  /** Takes a thread with so much memory: the idle one used last, else a new one, if need be in an idle one's place. */
  #take(memory: number): Thread | null {
    const idle = [...this.#idle.keys()];
    const warm = idle.findLast((thread) => thread.memory === memory);
    if (warm) {
      this.#idle.get(warm)!();
      this.#idle.delete(warm);
      return warm;
    }
    if (this.size === this.options.threads) {
      if (idle.length === 0) return null;
      this.#end(idle[0]!);
    }
    return new Thread(memory, this.#broke);
  }

  #keep(thread: Thread): void {
    this.#idle.set(thread, this.clock.after(KEPT_IDLE, () => this.#end(thread)));
  }

  #end(thread: Thread): void {
    this.#idle.get(thread)?.();
    this.#idle.delete(thread);
    const gone = thread.end().then(() => void this.#leaving.delete(gone));
    this.#leaving.add(gone);
  }

  #broke = (thread: Thread, error: Error): void => {
    const busy = this.#busy.has(thread);
    if (!busy) this.#end(thread);
    const message = busy
      ? "A task has left an error behind in its thread, in which another runs"
      : "An idle thread ended";
    this.emit({ type: "fault", message, error });
  };
}

class Job implements ThreadJob, ThreadListener {
  #settled = Promise.withResolvers<Json>();
  #thread: Thread | null = null;
  #over = false;

  constructor(readonly pool: ThreadPool, readonly task: ThreadTask, readonly options: JobOptions) {}

  get result(): Promise<Json> {
    return this.#settled.promise;
  }

  get waits(): boolean {
    return !this.#over && this.#thread === null;
  }

  /** Starts the task in its thread. */
  begin(thread: Thread): void {
    this.#thread = thread;
    try {
      thread.run(this.task, this);
      this.options.started();
    } catch (error) {
      this.failed(new TypeError(`Arguments cannot be passed to a thread: ${(error as Error).message}`));
    }
  }

  said(message: Parameters<JobOptions["said"]>[0]): void {
    this.options.said(message);
  }

  done(json: string): void {
    this.#settled.resolve(JSON.parse(json));
    this.#leave();
  }

  failed(error: Error): void {
    this.#settled.reject(error);
    this.#leave();
  }

  abort(reason: Error): void {
    this.#thread?.abort(reason);
  }

  cancel(reason: Error): void {
    if (this.#over) return;
    this.#thread?.end();
    this.failed(reason);
  }

  #leave(): void {
    this.#over = true;
    this.pool.over(this, this.#thread);
  }
}
