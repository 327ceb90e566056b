/**
 * The engine in this process, over a database file, with one task that adds two integers.
 *
 * @module
 */
import process from "node:process";
import { z } from "zod";
import {
  type AnyTaskDefinition,
  createQueue,
  defineTask,
  openStore,
  type Queue,
  type QueueEvent,
  type Store,
} from "../queue/mod.ts";
import { expectDone } from "./census.ts";

/** Milliseconds without a finished task after which a measurement is given up. */
const STALLED_AFTER = 30_000;

/** Microseconds of processor time that this process has used, its threads included. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Told when a handler of {@link add} starts. */
let started: () => void = () => {};

/** The task: what it costs is the queue's own cost. */
export const add = defineTask(
  { name: "bench.add", args: z.tuple([z.int(), z.int()]), channel: "celery" },
  (_context, x, y) => {
    started();
    return x + y;
  },
);

/** A queue that counts what it does. */
export class Engine {
  readonly queue: Queue;
  readonly #path: string;
  readonly #store: Store;
  #finished = 0;
  #goal = Infinity;
  #reached: () => void = () => {};
  #failed: (error: Error) => void = () => {};
  /** Called at each finished task with their number. */
  onFinished: (count: number) => void = () => {};

  private constructor(path: string, store: Store, slots: number, others: readonly AnyTaskDefinition[]) {
    this.#path = path;
    this.#store = store;
    this.queue = createQueue({
      store,
      definitions: [add, ...others],
      channels: { [add.channel!]: slots },
      onEvent: (event) => this.#note(event),
    });
  }

  /**
   * Opens a database and makes a queue that has not been started.
   *
   * @param others tasks beside {@link add}, of the same channel
   * @param around what stands between the queue and its store
   */
  static async open(
    path: string,
    slots: number,
    others: readonly AnyTaskDefinition[] = [],
    around: (store: Store) => Store = (store) => store,
  ): Promise<Engine> {
    return new Engine(path, around(await openStore(path)), slots, others);
  }

  /** Number of tasks whose result is stored. */
  get finished(): number {
    return this.#finished;
  }

  /** Resolves when so many tasks have ended. @throws when one failed, the engine told a fault, or nothing moves */
  async reach(count: number): Promise<void> {
    if (this.#finished >= count) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    [this.#goal, this.#reached, this.#failed] = [count, resolve, reject];
    let before = this.#finished;
    const timer = setInterval(async () => {
      if (this.#finished === before) {
        const channels = JSON.stringify(await this.queue.channels());
        reject(new Error(`Stalled at ${before} of ${count} finished tasks: ${channels}`));
      }
      before = this.#finished;
    }, STALLED_AFTER);
    try {
      await promise;
    } finally {
      clearInterval(timer);
    }
  }

  /** Submits `count` tasks in batches, four at once. */
  async submitBatches(count: number, size = 250): Promise<void> {
    let next = 0;
    await Promise.all(Array.from({ length: 4 }, async () => {
      while (next < count) {
        const from = next;
        next = Math.min(count, from + size);
        await this.submitBatch(next - from);
      }
    }));
  }

  /** Submits one batch. */
  async submitBatch(size: number): Promise<void> {
    const requests = Array.from({ length: size }, (_, i) => ({ name: add.name, args: [i, 1] }));
    await this.queue.submitAll(requests);
  }

  /**
   * Runs tasks while batches keep so many waiting, which wait already: some that are not counted, then those that are.
   * The queue has been started, or is by `start`.
   *
   * @returns what was done of the counted ones, and the number of tasks that were submitted to replace others
   */
  async standing(
    { batch, warmUp, counted }: { batch: number; warmUp: number; counted: number },
    start: () => Promise<void> = async () => {},
  ): Promise<{ "tasks/s": number; "µs/task": number; replaced: number }> {
    let replaced = 0;
    const topUps: Promise<void>[] = [];
    this.onFinished = (finished) => {
      if (finished % batch !== 0 || finished >= warmUp + counted) return;
      replaced += batch;
      topUps.push(this.submitBatch(batch));
    };
    await Promise.all([start(), this.reach(warmUp)]);
    const [begin, cpu, from] = [performance.now(), processorTime(), this.finished];
    await this.reach(warmUp + counted);
    const seconds = (performance.now() - begin) / 1000;
    const [used, tasks] = [processorTime() - cpu, this.finished - from];
    await Promise.all(topUps);
    return { "tasks/s": tasks / seconds, "µs/task": used / tasks, replaced };
  }

  /**
   * Leaves the database, and throws unless it holds `count` tasks {@link add} that have all succeeded.
   *
   * @param unfinished whether tasks may be left: those that are not done must wait
   */
  async close(count: number, { unfinished = false } = {}): Promise<void> {
    await this.leave(unfinished ? 1 : 30);
    await expectDone(this.#path, add.name, count, unfinished ? count - this.#finished : 0);
  }

  /** Leaves the database; running tasks are given so many seconds. */
  async leave(grace: number): Promise<void> {
    await this.queue.stop(grace);
    this.#store.close();
  }

  /** Milliseconds on the clock at which the next handler starts. */
  nextStart(): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    started = () => {
      resolve(performance.now());
      started = () => {};
    };
    return promise;
  }

  #note(event: QueueEvent): void {
    if (event.type === "finished") {
      if (event.state !== "SUCCESS") {
        this.#failed(new Error(`A task ended in ${event.state}: ${event.error}`));
      }
      this.onFinished(++this.#finished);
      if (this.#finished >= this.#goal) this.#reached();
    } else if (event.type === "fault") {
      this.#failed(new Error(event.message, { cause: event.error }));
    }
  }
}
