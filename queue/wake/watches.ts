/**
 * Watching tasks change: told at once what happens in this process, found by looking what happens elsewhere. However
 * many watch one task, one loop looks.
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

/** Milliseconds until a store is asked again that did not answer. */
const AGAIN = 1000;

/** A task that somebody watches. */
class Watched {
  /** Rung when there may be something new. */
  readonly bell: Bell;
  /** Those who watch. */
  readonly watchers = new Set<Bell>();
  latest: TaskChange | null = null;
  failed: { readonly error: unknown } | null = null;

  constructor(readonly engine: Reading, readonly lookout: Lookout, readonly id: string) {
    this.bell = new Bell(engine.clock);
  }

  /** Looks whenever something may have changed until the task has ended or nobody watches any more. */
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
      // Who was told once goes on when the store answers again.
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

/** Those who watch, by task id. */
export class Watches {
  #watched = new Map<string, Watched>();
  #over: Error | null = null;

  constructor(readonly lookout: Lookout) {}

  /** Something has happened in this process. */
  heard(event: QueueEvent): void {
    if (this.#watched.size === 0 || !("task" in event) || event.type === "log") return;
    this.#watched.get(event.task.id)?.bell.ring();
  }

  /** The queue has stopped. */
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
          // What has come since is told in the next round.
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
