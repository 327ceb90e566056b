/**
 * Several processes over one store, each with clocks of its own: a process whose clock is not moved is suspended, to
 * the others it looks dead.
 *
 * @module
 */
import { memoryStore } from "../../queue/store/memory_store.ts";
import type { MemoryStoreOptions } from "../../queue/store/memory_store.ts";
import type { Store } from "../../queue/store/port.ts";
import { FakeClock } from "../../queue/testing/fake_clock.ts";
import { type FaultyStore, faultyStore } from "./faulty_store.ts";
import { heldTask } from "./held_task.ts";
import { type OpenOptions, type OpenQueue, openQueue } from "./open_queue.ts";

/** One process. */
export interface Process extends Omit<OpenQueue, "store"> {
  /** Its own way to the store they share. */
  readonly faulty: FaultyStore;
  readonly worker: () => string;
}

/** A store and who is connected to it. */
export class Processes implements AsyncDisposable {
  readonly store: Store;
  #open: OpenQueue[] = [];

  constructor(options: MemoryStoreOptions = {}) {
    this.store = memoryStore(options);
  }

  /** Starts a process. Faults may happen in it. */
  async start(options: Omit<OpenOptions, "store"> = {}): Promise<Process> {
    const faulty = faultyStore(this.store);
    const queue = await openQueue({ clock: new FakeClock(), faults: true, ...options, store: faulty });
    this.#open.push(queue);
    const worker = () => queue.events.of("registered").at(-1)!.worker;
    return { ...queue, clock: queue.clock, faulty, worker };
  }

  /** Starts a process that runs one held task. */
  async startRunning(options: Omit<OpenOptions, "store"> = {}) {
    const held = heldTask("held");
    const process = await this.start({ definitions: [held.definition], ...options });
    const { id } = await process.queue.submit(held.definition, []);
    await process.clock.settle();
    return { process, held, id };
  }

  /** Stops all of them, in the order of their starts; the laws are checked at each stop. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const queue of this.#open) await queue.close();
  }
}

/** Milliseconds without a heartbeat after which a worker is lost. */
export const LOST_AFTER = 15_000;
