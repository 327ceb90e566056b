/**
 * Machines that come and go over one store, whose calls meet faults, and the watchers of what becomes of it.
 *
 * @module
 */
import { createQueue, memoryStore, type Queue, type QueueOptions } from "../../queue/mod.ts";
import type { StoreLimits } from "../../queue/store/port.ts";
import type { Dice } from "../support/dice.ts";
import { type FaultRates, RandomFaults } from "../support/random_faults.ts";
import { History } from "./history.ts";
import { Ledger } from "./ledger.ts";
import { Machine } from "./machine.ts";
import { Time } from "./time.ts";

/** What a world is made of. */
export interface WorldOptions {
  readonly dice: Dice;
  /** See `RandomFaults`. */
  readonly faultRates: FaultRates;
  /** Most milliseconds by which machines' wall clocks differ from the time. */
  readonly skew: number;
  readonly limits?: Partial<StoreLimits>;
  /** See `Store.incarnation`. @default {null} */
  readonly incarnation?: string | null;
  /** Names of the definitions that make keys of their arguments. */
  readonly keyed?: ReadonlySet<string>;
  /** A process has exited because its queue could not start. */
  readonly restart: (process: Process) => void;
  readonly queue: Omit<QueueOptions, "store" | "clock" | "random">;
}

/** A process on its machine. */
export interface Process {
  readonly machine: Machine;
  readonly queue: Queue;
}

/** See the module's text. */
export class World {
  readonly time = new Time();
  readonly history: History;
  readonly faults: RandomFaults;
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
    const { dice, faultRates, limits, incarnation = null, keyed } = options;
    const store = memoryStore({ incarnation, doorbell: true, ...(limits && { limits }) });
    this.history = new History(store);
    this.faults = new RandomFaults(dice, faultRates, this.time);
    this.ledger = new Ledger(keyed);
  }

  /** What is stored, past all machines. */
  get store(): History["store"] {
    return this.history.store;
  }

  /** A process starts on a machine of its own. */
  start(options: Partial<WorldOptions["queue"]> = {}): Process {
    const { dice, skew, queue: settings } = this.options;
    const offset = this.#corrected ?? dice.between(-skew, skew);
    const machine = new Machine(this.time, this.faults.wrap(this.store), offset);
    this.#machines.push(machine);
    this.history.began(machine.clock);
    const queue = createQueue({
      ...settings,
      ...options,
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

  /** What a program does whose queue could not start: it exits, and is started again. */
  #failed(process: Process): void {
    if (!this.processes.delete(process)) return;
    process.machine.kill();
    this.time.after(1000, () => this.options.restart(process));
  }

  /** All clocks are set to the latest time that any of them has shown. */
  correctClocks(): void {
    this.#corrected = Math.max(...this.#machines.map(({ furthest }) => furthest));
    for (const { machine } of this.processes) machine.jump(this.#corrected - machine.offset);
  }

  /** A process is gone without a word. */
  kill(process: Process): void {
    if (process.machine.isDead) return;
    process.machine.kill();
    this.processes.delete(process);
    this.kills++;
  }
}
