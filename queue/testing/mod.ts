/**
 * For the tests of programs that use Sluice: a queue in memory whose clock the test moves. Handlers, retries, delays,
 * schedules and workflows run as they do in production, and a day takes milliseconds.
 *
 * @module
 */
import type { z } from "zod";
import type { Queue, QueueOptions } from "../api.ts";
import type { ArgsSchema, TaskDefinition } from "../task/define.ts";
import { createQueue } from "../queue.ts";
import { type Keys, keysOf } from "../rows/keys.ts";
import type { Store } from "../store/port.ts";
import { memoryStore } from "../store/memory_store.ts";
import type { SubmitOptions, Task } from "../ground/task.ts";
import type { WorkflowNode } from "../task/node.ts";
import type { Workflow } from "../workflow/view.ts";
import { FakeClock, START } from "./fake_clock.ts";
import { nextMoment } from "./next_moment.ts";

/**
 * The options of `createQueue` that a test may set. The store is in memory, and the test moves the clock. Thread tasks
 * run on the event loop, because a thread's time cannot be moved.
 */
export interface TestQueueOptions
  extends Omit<QueueOptions, "store" | "clock" | "threads" | "tasksPerThread"> {
  /** The time at which the clock starts. @default {2026-01-05T09:00:00Z, a Monday} */
  readonly now?: Date;
}

/** A queue whose clock stands still until the test moves it. */
export interface TestQueue extends AsyncDisposable {
  readonly queue: Queue;
  /** The present time of the queue and its handlers, in milliseconds since 1970. */
  readonly now: number;
  /** Lets everything happen that needs no time to pass. */
  settle(): Promise<void>;
  /** Moves the clock by so many seconds; everything that becomes due meanwhile happens at its own moment. */
  advance(seconds: number): Promise<void>;
  /**
   * Submits a task and moves the clock until it has ended, retries included.
   *
   * @returns the handler's return value
   * @throws {TaskFailedError} when the task ends otherwise
   */
  run<Schema extends ArgsSchema, Result>(
    definition: TaskDefinition<Schema, Result>,
    args: z.input<Schema>,
    options?: SubmitOptions,
  ): Promise<Awaited<Result>>;
  /**
   * Moves the clock until a task has ended.
   *
   * @param seconds how far the clock moves at most. @default {one day}
   * @throws {Error} when it has not ended by then
   */
  ended(task: { readonly id: string }, seconds?: number): Promise<Task>;
  /**
   * Submits a workflow and moves the clock until it has ended.
   *
   * @returns the workflow with its state, and its result or its error
   */
  runWorkflow(node: WorkflowNode): Promise<Workflow>;
}

/** Most milliseconds that pass in one step while something runs. */
const STEP = 1000;
/** Most seconds that a test waits for an end. */
const DAY = 86_400;

/**
 * Opens a queue for a test. `random` is 0.5 unless the test says otherwise, so that jitter is always the same.
 *
 * @example
 * ```ts
 * import { defineTask } from "@sluice/sluice";
 * import { testQueue } from "@sluice/sluice/testing";
 * import assert from "node:assert/strict";
 * import { z } from "zod";
 *
 * const fetchPage = defineTask(
 *   { name: "fetch", args: z.tuple([]), maxRetries: 3, retry: { delay: 60, factor: 1 } },
 *   (context) => {
 *     if (context.retries < 2) throw new Error("no network");
 *     return "page";
 *   },
 * );
 *
 * await using t = await testQueue({ definitions: [fetchPage] });
 * const before = t.now;
 * const page = await t.run(fetchPage, []);
 * assert(page === "page" && t.now - before >= 120_000);
 * ```
 */
export async function testQueue(options: TestQueueOptions): Promise<TestQueue> {
  const { now = new Date(START), ...rest } = options;
  const clock = new FakeClock(now.getTime());
  const store = memoryStore({ incarnation: "test" });
  const queue = createQueue({ random: () => 0.5, ...rest, threads: 0, store, clock });
  const keys = keysOf(rest.namespace ?? "sluice");
  const started = queue.start();
  await clock.settle();
  await started;

  async function ended<T extends Task | Workflow>(
    what: string,
    read: () => Promise<T>,
    seconds: number,
  ): Promise<T> {
    const end = clock.monotonic() + seconds * 1000;
    for (;;) {
      await clock.settle();
      const found = await read();
      if (found.doneAt !== null) return found;
      if (clock.monotonic() >= end) throw new Error(`${what} is still ${found.state} after ${seconds} s`);
      await step(clock, store, keys, end);
    }
  }

  const t: TestQueue = {
    queue,
    get now() {
      return clock.now();
    },
    settle: () => clock.settle(),
    async advance(seconds) {
      const end = clock.monotonic() + seconds * 1000;
      while (clock.monotonic() < end) await step(clock, store, keys, end);
    },
    async run<Schema extends ArgsSchema, Result>(
      definition: TaskDefinition<Schema, Result>,
      args: z.input<Schema>,
      submitOptions?: SubmitOptions,
    ): Promise<Awaited<Result>> {
      const task = await queue.submit(definition, args, submitOptions);
      await t.ended(task);
      return queue.result<Awaited<Result>>(task);
    },
    ended: ({ id }, seconds = DAY) => ended(`Task ${id}`, () => queue.get(id), seconds),
    async runWorkflow(node) {
      const { workflow: { id } } = await queue.submitWorkflow(node);
      return await ended(`Workflow ${id}`, () => queue.workflow(id), DAY);
    },
    async [Symbol.asyncDispose]() {
      const stopped = queue.stop(0);
      await clock.settle();
      await stopped;
      store.close();
    },
  };
  return t;
}

/** Moves the clock to the next moment at which something can happen, or to `end`. */
async function step(clock: FakeClock, store: Store, keys: Keys, end: number): Promise<void> {
  await clock.settle();
  const left = end - clock.monotonic();
  const next = await nextMoment(store, keys);
  if (next === "now") await clock.advance(Math.min(left, STEP));
  else await clock.skip(Math.min(left, Math.max(1, next - clock.now())));
}
