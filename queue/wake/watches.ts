/**
 * Watching tasks change. A change made in this process is told at once; a change made elsewhere is found by the
 * lookout. One loop looks at a task, however many watch it.
 *
 * @module
 */
import { Bell } from "../ground/bell.ts";
import { StoreUnavailableError } from "../ground/errors.ts";
import type { Lookout } from "./lookout.ts";
import type { QueueEvent } from "../ground/events.ts";
import { unpack } from "../rows/payload.ts";
import { findTask, type Reading } from "../task/read.ts";
import { viewOf } from "../task/state.ts";
import { isFinal, type TaskChange } from "../ground/task.ts";

/** Milliseconds from a look that the store did not answer to the next one. */
const AGAIN = 1000;

/** A task that somebody watches. */
class Watched {
  /** Rung when the task may have changed, and when the loop has to end. */
  readonly bell: Bell;
  /** The bells of its watchers. */
  readonly watchers = new Set<Bell>();
  /** The last change that was seen. */
  latest: TaskChange | null = null;
  failed: { readonly error: unknown } | null = null;

  constructor(readonly engine: Reading, readonly lookout: Lookout, readonly id: string) {
    this.bell = new Bell(engine.clock);
  }

  /** Looks at the task whenever it may have changed, until it has ended or nobody watches any more. Never rejects. */
  async look(): Promise<void> {
    const { engine, id } = this;
    let unwatch: (() => void) | null = null;
    try {
      while (this.watchers.size > 0) {
        const { record, run, version, rows } = await findTask(engine, id);
        unwatch ??= this.lookout.watch(rows, this.bell);
        if (version !== this.latest?.version) {
          const task = viewOf(await unpack(engine.store, engine.keys, record), run);
          this.latest = { version, task };
          this.#tell();
          if (isFinal(task.state)) return;
        }
        await this.bell.wait(Infinity);
      }
    } catch (error) {
      // Once a change was seen, the watch outlasts a store that does not answer. A first look that fails ends it.
      if (!(this.latest && error instanceof StoreUnavailableError)) return this.fail(error);
      await this.bell.wait(AGAIN);
      await this.look();
    } finally {
      unwatch?.();
    }
  }

  /** Ends every watch with an error. */
  fail(error: unknown): void {
    this.failed ??= { error };
    this.#tell();
  }

  #tell(): void {
    for (const watcher of this.watchers) watcher.ring();
  }
}

/** The watches of this process. */
export class Watches {
  /** By task id. */
  #watched = new Map<string, Watched>();
  /** Set when the queue has stopped. */
  #over: Error | null = null;

  constructor(readonly lookout: Lookout) {}

  /** Has the task looked at that an event of this process is about. */
  heard(event: QueueEvent): void {
    if (this.#watched.size === 0 || !("task" in event) || event.type === "log") return;
    this.#watched.get(event.task.id)?.bell.ring();
  }

  /** Ends all watches with an error, as the queue has stopped. */
  end(reason: Error): void {
    this.#over = reason;
    for (const watched of this.#watched.values()) {
      watched.fail(reason);
      watched.bell.ring();
    }
  }

  /** See `Queue.watch`. */
  async *watch(
    engine: Reading,
    id: string,
    { repeat = Infinity, signal }: { repeat?: number; signal?: AbortSignal },
  ): AsyncGenerator<TaskChange, void, void> {
    const own = new Bell(engine.clock);
    const abort = () => own.ring();
    signal?.addEventListener("abort", abort);
    const watched = this.#join(engine, id, own);
    try {
      for (let told: string | null = null;;) {
        signal?.throwIfAborted();
        const { latest } = watched;
        if (latest && latest.version !== told) {
          told = latest.version;
          yield latest;
          // Not `watched.latest`: a change that was seen since then is told in the next round.
          if (isFinal(latest.task.state)) return;
        } else if (watched.failed) {
          throw watched.failed.error;
        } else if (!await own.wait(told === null ? Infinity : repeat * 1000)) {
          yield watched.latest!;
        }
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#leave(watched, own);
    }
  }

  #join(engine: Reading, id: string, watcher: Bell): Watched {
    if (this.#over) throw this.#over;
    const present = this.#watched.get(id);
    if (present) {
      present.watchers.add(watcher);
      return present;
    }
    const watched = new Watched(engine, this.lookout, id);
    watched.watchers.add(watcher);
    this.#watched.set(id, watched);
    watched.look().finally(() => {
      if (this.#watched.get(id) === watched) this.#watched.delete(id);
    });
    return watched;
  }

  #leave(watched: Watched, watcher: Bell): void {
    watched.watchers.delete(watcher);
    if (watched.watchers.size > 0) return;
    if (this.#watched.get(watched.id) === watched) this.#watched.delete(watched.id);
    watched.bell.ring();
  }
}
