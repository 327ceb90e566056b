/**
 * A queue for a test: over a store of its own or another's, with a clock that the test moves unless it wants the real
 * one, and with every law checked when it is closed.
 *
 * ```ts ignore
 * await using q = await openQueue({ definitions: [add] });
 * const task = await q.queue.submit(add, [1, 2]);
 * await q.events.next("finished");
 * await q.clock.advance(1000);
 * ```
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  type AnyTaskDefinition,
  type Clock,
  createQueue,
  memoryStore,
  openStore,
  type Queue,
  type QueueOptions,
  type Store,
  type Task,
} from "../../queue/mod.ts";
import { folder } from "../queue/store/folder.ts";
import { Events } from "./events.ts";
import { FakeClock } from "../../queue/testing/fake_clock.ts";
import { type HeldTask, heldTask } from "./held_task.ts";
import { brokenLaws } from "./invariants.ts";

/** What the test decides; the rest is `createQueue`'s. */
export interface OpenOptions extends Partial<Omit<QueueOptions, "store" | "clock">> {
  /**
   * A store that others share and close; or one of its own: in memory as one that other processes may share
   * (`"shared"`), in memory as one that nobody else can have open (`"own"`: a submission that finds a free slot is
   * handed to it at once), or a database file, a new one unless a path names it.
   *
   * @default {"shared"}
   */
  readonly store?: Store | "shared" | "own" | "file" | { readonly path: string };
  /** @default {a FakeClock} */
  readonly clock?: Clock;
  /** Whether the queue executes. @default {true} */
  readonly start?: boolean;
  /** Faults that the test means to cause. @default {none may happen} */
  readonly faults?: boolean;
}

/** A queue and all that belongs to it. */
export interface OpenQueue extends AsyncDisposable {
  readonly queue: Queue;
  readonly store: Store;
  readonly clock: FakeClock;
  readonly events: Events;
  /** The task when it has ended, with the clock moved (at most so many seconds) until it has. */
  ended(task: { readonly id: string }, seconds?: number): Promise<Task>;
  /** Stops the queue, checks the laws, and closes what is its own. Idempotent. */
  close(): Promise<void>;
}

/** Milliseconds that `ended` moves the clock between two looks. */
const STEP = 50;

/** Opens a queue. */
export async function openQueue(options: OpenOptions = {}): Promise<OpenQueue> {
  const { store: given = "shared", clock: base = new FakeClock(), start = true, faults = false, ...rest } =
    options;
  const fake = base instanceof FakeClock ? base : null;
  await using cleanup = new AsyncDisposableStack();
  let store: Store;
  if (typeof given === "string" || "path" in given) {
    const inner = typeof given !== "string"
      ? await openStore(given.path)
      : given === "file"
      ? await openStore(`${cleanup.use(folder()).path}/test.kv`)
      : memoryStore({ incarnation: given === "own" ? "only" : null });
    cleanup.defer(() => inner.close());
    const watched = watch(inner);
    fake?.waitFor(watched.work);
    store = watched.store;
  } else store = given;

  const events = new Events(fake ? () => fake.settle() : null);
  const timers = countTimers(base);
  const queue = createQueue({
    definitions: [],
    random: () => 0.5,
    onEvent: events.record,
    ...rest,
    store,
    clock: timers.clock,
  });
  if (start) {
    const started = queue.start();
    if (fake) await fake.settle();
    await started;
  }
  const others = cleanup.move();
  let closing: Promise<void> | null = null;
  const closeOnce = () => closing ??= close();

  async function close(): Promise<void> {
    await using _ = others;
    await queue.stop(0);
    if (fake) await fake.settle();
    assert.equal(timers.pending(), 0, "A stopped queue left a timer behind");
    assert.deepEqual(await brokenLaws(store, rest.namespace, rest.definitions), []);
    if (!faults) assert.deepEqual(events.of("fault").map(({ message, error }) => `${message}: ${error}`), []);
  }

  return {
    queue,
    store,
    events,
    get clock() {
      assert(fake, "This queue runs by the real clock");
      return fake;
    },
    async ended(task, seconds = 60) {
      if (!fake) return await queue.wait(task.id, { timeout: seconds });
      await fake.settle();
      for (let left = seconds * 1000;; left -= STEP) {
        const now = await queue.get(task.id);
        if (now.doneAt !== null) return now;
        assert(left > 0, `Task is still ${now.state} after ${seconds} s`);
        await fake.advance(STEP);
      }
    },
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  };
}

/** A queue over another's store and by its clock, which executes nothing: only asks. */
export async function openAsking(
  other: OpenQueue,
  definitions: readonly AnyTaskDefinition[],
): Promise<OpenQueue> {
  return await openQueue({ definitions, store: other.store, clock: other.clock, start: false });
}

/** A queue that runs one held task. */
export async function openRunning(open = openQueue): Promise<{ q: OpenQueue; held: HeldTask; id: string }> {
  const held = heldTask("held");
  const q = await open({ definitions: [held.definition] });
  const { id } = await q.queue.submit(held.definition, []);
  await q.clock.settle();
  return { q, held, id };
}

/** Has runs return in turn, from the one to the one before the other, each when all that the former led to is done. */
export async function finishInTurn(
  { runs }: HeldTask,
  q: OpenQueue,
  from: number,
  to: number,
): Promise<void> {
  for (let n = from; n < to; n++) {
    runs[n]!.finish();
    await q.clock.settle();
  }
}

/**
 * Registers a test twice: over a store that others may share, where every task is claimed, and over one of its own,
 * where a task may be handed to a free slot as it is submitted.
 */
export function onBothStores(name: string, run: (open: typeof openQueue) => Promise<void>): void {
  for (const store of ["shared", "own"] as const) {
    Deno.test(`${name} (${store} store)`, () => run((options) => openQueue({ store, ...options })));
  }
}

/** Tells when a store has been asked and has not answered. */
function watch(inner: Store): { store: Store; work: () => Promise<unknown> | null } {
  const work = new Set<Promise<unknown>>();
  const watched = <Args extends unknown[], T>(ask: (...args: Args) => Promise<T>) => (...args: Args) => {
    const answer = ask(...args);
    work.add(answer);
    const done = () => void work.delete(answer);
    answer.then(done, done);
    return answer;
  };
  const store: Store = {
    ...inner,
    getMany: watched(inner.getMany),
    list: watched(inner.list),
    commit: watched(inner.commit),
  };
  return { store, work: () => work.size > 0 ? Promise.allSettled(work) : null };
}

/** Counts the timers that one queue has set. */
function countTimers(clock: Clock): { clock: Clock; pending: () => number } {
  const timers = new Set<object>();
  return {
    pending: () => timers.size,
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after(delay, run) {
        const timer = {};
        timers.add(timer);
        const cancel = clock.after(delay, () => {
          timers.delete(timer);
          run();
        });
        return () => {
          timers.delete(timer);
          cancel();
        };
      },
    },
  };
}
