/**
 * The program of a thread, started by `Thread`. The program runs one task after the other: each is an export of a
 * module, which is imported for the first task that names it.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import process from "node:process";
import { getHeapStatistics } from "node:v8";
import { locks, threadId, workerData } from "node:worker_threads";
import { systemClock } from "../ground/clock.ts";
import { ThreadModuleError } from "../ground/errors.ts";
import { describe, oneLine } from "../task/failure.ts";
import { toResult } from "../rows/payload.ts";
import { InThreadContext } from "./context.ts";
import type { ThreadContext } from "./define.ts";
import type { FromThread, ThreadData, ThreadTask, ToThread } from "./protocol.ts";
import { toThrown } from "./thrown.ts";

/** Milliseconds between two looks at the heap while a task runs. */
const HEAP_LOOK = 100;

/**
 * The ports are this program's alone: modules of tasks may talk by the worker's own channel, as code for workers does,
 * and nothing of that is heard. `workerData` is the same object for every module, so the ports are taken out of it.
 */
const { port, aborts } = workerData as ThreadData;
for (const name of Object.keys(workerData)) delete workerData[name];

const post = (message: FromThread) => port.postMessage(message);

/**
 * Held as long as the thread lives: only a worker that holds a Web Lock is interrupted by `terminate()`, any other goes
 * on with its loop for ever (Deno 2.9: `Drop for WorkerThread` in runtime/ops/worker_host.rs; the tests would notice).
 */
const held = new Promise<void>((resolve) => {
  locks.request(`sluice-thread-${threadId}`, () => {
    resolve();
    return new Promise(() => {});
  });
});

port.on("message", (message: ToThread) => {
  if (message.type === "end") process.exit(0);
  latestRun = message.run;
  runOf.run(message.run, runTask, message.run, message.task);
});

/** The run to which the running code belongs: what a run has left behind still belongs to that run. */
const runOf = new AsyncLocalStorage<number>();
let latestRun = 0;

/**
 * An uncaught error would end the thread. For a rejection, the asynchronous context is that of the run that caused it. For
 * what a callback throws it is not (Deno 2.9, all of 200 timers that threw): the latest run fails with that.
 */
globalThis.addEventListener("error", (event) => {
  event.preventDefault();
  fail(latestRun, event.error, true);
});
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  fail(runOf.getStore() ?? latestRun, event.reason, true);
});

async function runTask(run: number, task: ThreadTask): Promise<void> {
  await held;
  const context = new InThreadContext(run, task, aborts, post);
  const stopWatching = watchHeap();
  try {
    const handler = await load(task);
    const value = await handler(context, ...task.args);
    // Objects with a `toJSON` are written here, in the thread that has their classes.
    const json = JSON.stringify(task.ignoreResult ? null : toResult(value).result) ?? "null";
    post(isOutOfMemory() ? { type: "out-of-memory" } : { type: "done", json });
  } catch (thrown) {
    // A module whose import has failed once cannot be imported in this thread any more.
    fail(run, thrown, thrown instanceof ThreadModuleError);
  } finally {
    context.close();
    stopWatching();
  }
}

function fail(run: number, thrown: unknown, spoiled: boolean): void {
  post({ type: "failed", run, error: toThrown(thrown), spoiled });
}

type Handler = (context: ThreadContext, ...args: unknown[]) => unknown;

const modules = new Map<string, Record<string, unknown>>();

async function load({ module, export: name }: ThreadTask): Promise<Handler> {
  let namespace = modules.get(module);
  if (!namespace) {
    try {
      namespace = await import(module) as Record<string, unknown>;
    } catch (cause) {
      const error = new ThreadModuleError(`Cannot import '${module}': ${oneLine(describe(cause))}`);
      if (cause instanceof Error && cause.stack) error.stack = cause.stack;
      throw error;
    }
    modules.set(module, namespace);
    post({ type: "loaded" });
  }
  const handler = namespace[name];
  if (typeof handler !== "function") {
    throw new ThreadModuleError(`Module '${module}' exports no function '${name}'`);
  }
  return handler as Handler;
}

const heapLimit = getHeapStatistics().heap_size_limit;

/** Whether the heap limit was reached: V8 then stops the running code, and raises the limit to let the thread report. */
function isOutOfMemory(): boolean {
  return getHeapStatistics().heap_size_limit > heapLimit;
}

/** Reports when the limit is reached, because Deno itself reports that only for code that a timer started. */
function watchHeap(): () => void {
  let cancel = systemClock.after(HEAP_LOOK, look);
  function look(): void {
    if (isOutOfMemory()) return post({ type: "out-of-memory" });
    cancel = systemClock.after(HEAP_LOOK, look);
  }
  return () => cancel();
}
