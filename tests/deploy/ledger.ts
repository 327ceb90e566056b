/**
 * The ledger: all requests of clients, the answers, and the runs, by the world's clock. The verdict is made of it.
 *
 * @module
 */

import type { Clock, OnEvent, Store } from "../../queue/mod.ts";
import { rowsOf } from "../support/rows.ts";

/** What a client asks for. */
export type Kind = "quick" | "flaky" | "long" | "delayed" | "chord";

/** One wish of a client: a task, or a workflow of several, that it wants done once. */
export interface Wish {
  readonly number: number;
  readonly kind: Kind;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Seconds. */
  readonly delay: number;
  /** Seconds of `Prefer: wait`. */
  readonly wait: number;
  /** Whether the client sends an `Idempotency-Key`, and so may repeat its request. */
  readonly keyed: boolean;
  /** One of dozens at once: it may have to wait for a slot. */
  readonly burst: boolean;
}

/** What a client was told. */
export interface Told {
  /** The id of the task or workflow, once it was accepted. */
  id: string | null;
  attempts: number;
  /** State in the last answer. */
  state: string | null;
}

/** What became of an occurrence. */
interface Handled {
  readonly schedule: string;
  readonly plannedAt: number;
  /** The last of several that were missed. */
  readonly missedUntil: number | null;
  readonly outcome: string;
  readonly taskId: string | null;
}

/** See the module's text. */
export class Ledger {
  readonly wishes = new Map<number, Wish & Told>();
  /** Tasks by the moment at which the database first had them. */
  readonly stored = new Map<string, number>();
  /** Starts of handlers: moments by task id. */
  readonly starts = new Map<string, number[]>();
  /** Requests that reached an instance, of whatever kind: moments in order. */
  readonly requests: number[] = [];
  /** Faults that the program told about itself, how often. */
  readonly faults = new Map<string, number>();
  /** Moments for which schedules have made tasks, by task id. */
  readonly planned = new Map<string, number>();
  /** What became of the occurrences of schedules, by schedule and number: the program keeps the last thousand. */
  readonly history = new Map<string, Handled>();

  /** A client begins. */
  wish(wish: Wish): Wish & Told {
    const told = { ...wish, id: null, attempts: 0, state: null };
    this.wishes.set(wish.number, told);
    return told;
  }

  started(id: string, at: number): void {
    const before = this.starts.get(id);
    if (before) before.push(at);
    else this.starts.set(id, [at]);
  }

  /** The database, with the tasks that it gets written down here. */
  watch(database: Store, clock: Clock): Store {
    return {
      ...database,
      commit: async (checks, mutations) => {
        const versionstamp = await database.commit(checks, mutations);
        for (const { type, key } of versionstamp === null ? [] : mutations) {
          const id = String(key[2]);
          if (type === "set" && key[1] === "task" && !this.stored.has(id)) this.stored.set(id, clock.now());
        }
        return versionstamp;
      },
    };
  }

  /** Give it to `createQueue` as `onEvent`. */
  readonly hear: OnEvent = (event) => {
    if (event.type !== "fault") return;
    const said = `${event.message}: ${event.error}`;
    this.faults.set(said, (this.faults.get(said) ?? 0) + 1);
  };

  async readHistory(store: Store): Promise<void> {
    for (const { key, value } of await rowsOf(store, "occurrence")) {
      this.history.set(`${key[2]} ${key[3]}`, { schedule: String(key[2]), ...value });
      if (value.taskId !== null) this.planned.set(value.taskId, value.plannedAt);
    }
  }
}
