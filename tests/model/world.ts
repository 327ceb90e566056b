/**
 * Machines that come and go over one store, and the watchers of what becomes of it.
 *
 * @module
 */
import { createQueue, memoryStore, type Queue, type QueueOptions, type Store } from "../../queue/mod.ts";
import type { StoreLimits } from "../../queue/store/port.ts";
import type { Dice } from "../support/dice.ts";
import { History } from "./history.ts";
import { Ledger } from "./ledger.ts";
import { Machine } from "./machine.ts";
import type { Time } from "./time.ts";

/** What a world is made of. */
interface WorldOptions {
  readonly time: Time;
  readonly dice: Dice;
  readonly limits?: Partial<StoreLimits>;
  /** No process can have the store open beside another; see `Store.incarnation`. @default {false} */
  readonly unshared?: boolean;
  /** A process's way to the store, on which faults may happen. */
  readonly connect: (store: Store) => Store;
  /** A process has exited because its queue could not start: it is to be started again. */
  readonly restart: (process: Process) => void;
  /** What a process is made of unless it says otherwise. */
  readonly queue: Omit<QueueOptions, "store" | "clock" | "random">;
}

/** A process on its machine. */
export interface Process {
  readonly machine: Machine;
  readonly queue: Queue;
}

/** See the module's text. */
export class World {
  readonly history: History;
  readonly ledger: Ledger;
  /** Those that are not dead. */
  readonly processes = new Set<Process>();
  /** Ends of tasks, as processes told of them. */
  readonly finished = new Map<string, number>();
  /** Machines that were killed. */
  kills = 0;
  #machines: Machine[] = [];
  /** Milliseconds that all wall clocks are ahead, once they are right. */
  #corrected: number | null = null;

  constructor(readonly options: WorldOptions) {
    const { limits, unshared = false, queue: { definitions } } = options;
    this.history = new History(memoryStore({ doorbell: true, ...(limits && { limits }) }), !unshared);
    this.ledger = new Ledger(definitions);
  }

  /** What is stored, past all machines. */
  get store(): Store {
    return this.history.store;
  }

  /**
   * A process starts on a machine of its own.
   *
   * @param offset milliseconds that its wall clock is ahead, unless all clocks are right by now
   */
  start(offset: number, settings: Partial<WorldOptions["queue"]> = {}): Process {
    const { time, dice, unshared = false, connect, queue: defaults } = this.options;
    const incarnation = unshared ? `${this.#machines.length}` : null;
    const store = unshared ? whileAlive({ ...this.store, incarnation }, () => machine) : this.store;
    const machine: Machine = new Machine(time, connect(store), this.#corrected ?? offset);
    this.#machines.push(machine);
    this.history.began(machine.clock);
    const queue = createQueue({
      ...defaults,
      ...settings,
      store: machine.store,
      clock: machine.clock,
      random: dice.next,
      onEvent: (event) => {
        if (event.type === "registered") this.history.registered(event.worker, machine.clock);
        else if (event.type === "finished" && !machine.isDead) {
          this.finished.set(event.task.id, (this.finished.get(event.task.id) ?? 0) + 1);
        }
      },
    });
    const process = { machine, queue };
    this.processes.add(process);
    queue.start().catch(() => this.#failed(process));
    return process;
  }

  /** All clocks are set to the latest time that any of them has shown. */
  correctClocks(): void {
    this.#corrected = Math.max(...this.#machines.map(({ furthest }) => furthest));
    for (const { machine } of this.processes) machine.jump(this.#corrected - machine.offset);
  }

  /** A process is gone without a word. */
  kill(process: Process): void {
    if (!this.processes.delete(process)) return;
    process.machine.kill();
    this.kills++;
  }

  /** A process has stopped. */
  left(process: Process): void {
    this.processes.delete(process);
    process.machine.kill();
  }

  /** What a program does whose queue could not start: it exits, and is started again. */
  #failed(process: Process): void {
    if (!this.processes.has(process)) return;
    this.left(process);
    this.options.time.after(1000, () => this.options.restart(process));
  }
}

/** What is on its way to a local database goes with its process. */
function whileAlive(store: Store, machine: () => Machine): Store {
  return {
    ...store,
    commit: (checks, mutations) =>
      machine().isDead ? Promise.reject(new Error("The process is gone")) : store.commit(checks, mutations),
  };
}
