/**
 * A store whose server may be away for a while. Deno's client of a KV server repeats a request for ever and reports no
 * failure. So each operation has a deadline here, and the first operation that misses it begins an outage: from then on
 * nothing is sent any more, and new connections are tried until one answers. The old connection might hang for minutes,
 * on a network that drops packets.
 *
 * A request that was sent before the outage stays with the former client, which repeats it when the server is back. The
 * outcome of such a commit is unknown, and its lane decides (invariants 3 and 10).
 *
 * @module
 */
import { StoreBrokenError, StoreUnavailableError } from "../ground/errors.ts";
import { harmless } from "../ground/observer.ts";
import { isBusy, isRefusal } from "./kv_errors.ts";
import type { Store } from "./port.ts";

/** Milliseconds that an operation may take, by default. A disk has been measured to stall for 2.7 s. */
const DEADLINE = 3000;
/** Milliseconds that a read waits for the end of an outage. */
const HOLD = 2000;
/** Milliseconds, at most, between two attempts to reach the server again; a random time, and half of this at least. */
const ATTEMPT = 500;
/** Milliseconds that an attempt may take. */
const ATTEMPT_DEADLINE = 2000;
/** Milliseconds, at most, before a server that refused is asked again; a random part of this. */
const REFUSED_PAUSE = 300;

/** A connection to the server. */
export interface Connection {
  readonly store: Store;
  /** Makes the doorbell use this connection. */
  readonly takeOver: () => void;
}

/** Options of {@link withOutages}. */
export interface OutageOptions {
  /** Makes a further connection, and resolves when the server has answered over it. */
  readonly connect: () => Promise<Connection>;
  /** Returns a number from 0 to 1. */
  readonly random: () => number;
  /** Milliseconds that an operation may take. @default {3000} */
  readonly deadline?: number;
  /** Called with `null` when an outage begins, and with its length when it has ended. */
  readonly onOutage?: (ended: { readonly seconds: number } | null) => void;
}

/** Makes a store that replaces its connection when the server does not answer. */
export function withOutages({ store }: Connection, options: OutageOptions): Store {
  const way = new Way(store, options);
  return {
    limits: store.limits,
    incarnation: store.incarnation,
    doorbell: store.doorbell,
    getMany: (keys) => way.read((store) => store.getMany(keys)),
    list: (range, options) => way.read((store) => store.list(range, options)),
    commit: (checks, mutations) => way.write((store) => store.commit(checks, mutations)),
    close: () => way.close(),
  };
}

type Operation<T> = (store: Store) => Promise<T>;

/** The way to the server: the current connection, and the outage while there is one. */
class Way {
  readonly #connect: () => Promise<Connection>;
  readonly #random: () => number;
  readonly #deadline: number;
  readonly #onOutage: NonNullable<OutageOptions["onOutage"]>;
  #current: Store;
  #outage: Promise<void> | null = null;
  #broken: StoreBrokenError | null = null;
  #closed = false;

  constructor(store: Store, { connect, random, deadline = DEADLINE, onOutage = nothing }: OutageOptions) {
    this.#current = store;
    this.#connect = connect;
    this.#random = random;
    this.#deadline = deadline;
    this.#onOutage = harmless("onOutage", onOutage);
  }

  async read<T>(operation: Operation<T>): Promise<T> {
    if (this.#outage) await within(HOLD, this.#outage);
    if (this.#broken) throw this.#broken;
    return await this.#ask(operation);
  }

  async write<T>(operation: Operation<T>): Promise<T> {
    if (this.#broken) throw this.#broken;
    if (this.#outage) throw new StoreUnavailableError("Store does not answer", false);
    return await this.#ask(operation);
  }

  close(): void {
    this.#closed = true;
    this.#current.close();
  }

  /**
   * Asks the current connection, and asks again while the server refuses. If a refused commit has landed nevertheless,
   * the second attempt fails, because its lane has moved on (invariant 3).
   */
  async #ask<T>(operation: Operation<T>): Promise<T> {
    const end = performance.now() + this.#deadline;
    for (let sent = false;;) {
      const store = this.#current;
      try {
        return await within(this.#deadline, operation(store), () => this.#began(store));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        sent ||= !isBusy(error);
        if (performance.now() > end) throw new StoreUnavailableError("Store refuses to answer", sent);
      }
      await pause(REFUSED_PAUSE * this.#random());
    }
  }

  /** Begins an outage, as an operation has missed its deadline: nothing is sent until another connection answers. */
  #began(store: Store): void {
    if (this.#closed || this.#outage || store !== this.#current) return;
    const since = performance.now();
    this.#onOutage(null);
    this.#outage = this.#reconnect().finally(() => {
      this.#outage = null;
      if (!this.#broken && !this.#closed) this.#onOutage({ seconds: (performance.now() - since) / 1000 });
    });
  }

  async #reconnect(): Promise<void> {
    while (!this.#closed) {
      await pause(ATTEMPT * (1 + this.#random()) / 2);
      const connecting = this.#connect();
      try {
        const connection = await within(ATTEMPT_DEADLINE, connecting);
        if (this.#closed) return connection.store.close();
        const former = this.#current;
        this.#current = connection.store;
        connection.takeOver();
        return former.close();
      } catch (error) {
        connecting.then(({ store }) => store !== this.#current && store.close(), nothing);
        if (!(error instanceof StoreBrokenError)) continue;
        this.#broken = error;
        return;
      }
    }
  }
}

/** Rejects when `work` takes longer than `milliseconds`. */
function within<T>(milliseconds: number, work: Promise<T>, late: () => void = nothing): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new StoreUnavailableError(`Store did not answer within ${milliseconds / 1000} s`));
      late();
    }, milliseconds);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function nothing(): void {}
