/**
 * The model: actors take steps over machines that come and go, and after each step every law is checked.
 *
 * @module
 */
import assert from "node:assert/strict";
import { SluiceError } from "../../queue/mod.ts";
import type { Store } from "../../queue/store/port.ts";
import { Dice } from "../support/dice.ts";
import { ConnectionLost, type FaultyStore, faultyStore, type Injected } from "../support/faulty_store.ts";
import type { HeldRun } from "../support/held_task.ts";
import { Reference } from "./reference.ts";
import { CHANNELS, heldTasks, MUTATIONS } from "./requests.ts";
import { WIDTH } from "./steps.ts";
import { Time } from "./time.ts";
import { type Process, World } from "./world.ts";

/** What kind of world it is. */
interface ModelOptions {
  /** One process at a time has the store open. */
  readonly unshared: boolean;
  /** Things may go wrong. */
  readonly trouble: boolean;
}

/** See the module's text. */
export class Model {
  readonly time = new Time();
  readonly world: World;
  readonly reference: Reference;
  readonly tasks = heldTasks();
  /** The process in each place. */
  readonly places: Process[] = [];
  /** Calls that were not answered, and by whom they are to be. */
  readonly calls = new Map<Promise<unknown>, Process>();
  /** Schedules so far, and those that were paused at some time. */
  schedules = 0;
  readonly paused = new Set<string>();
  /** Each process's way to the store, and what happens, or has happened, on it. */
  readonly ways = new Map<Process, FaultyStore>();
  readonly traps: Injected<unknown>[] = [];
  #way: FaultyStore | null = null;
  /** Names of the definitions that have limits. */
  readonly limited: ReadonlySet<string>;

  constructor(readonly options: ModelOptions) {
    const definitions = this.tasks.map(({ definition }) => definition);
    this.world = new World({
      time: this.time,
      dice: new Dice(1),
      limits: { checks: 12, mutations: MUTATIONS },
      unshared: options.unshared,
      connect: (store: Store) => this.#way = faultyStore(store),
      restart: (process) => this.replace(process),
      // No leap of a clock is as long as what a key is kept for.
      queue: { definitions, channels: CHANNELS, idempotencyTtl: 86_400 },
    });
    this.reference = new Reference(this.world.history);
    const isLimited = definitions.filter((one) => one.concurrencyKey || one.rateLimit);
    this.limited = new Set(isLimited.map(({ name }) => name));
  }

  /** The process that a step is taken at. */
  at(n: number): Process {
    return this.places[n % this.width]!;
  }

  /** All runs so far. */
  get runs(): HeldRun[] {
    return this.tasks.flatMap(({ runs }) => runs);
  }

  /** Processes at a time. */
  get width(): number {
    return this.options.unshared ? 1 : WIDTH;
  }

  /** Starts the processes. */
  async begin(): Promise<void> {
    for (let n = 0; n < this.width; n++) this.start(n);
    await this.time.settle();
  }

  /** A process starts in a place. */
  start(n: number): void {
    // The last one of several does not know the last task.
    const { definitions } = this.world.options.queue;
    const known = n === 0 || n < this.width - 1 ? definitions : definitions.slice(0, -1);
    const offset = [0, 700, -20_000][n]!;
    this.places[n] = this.world.start(this.options.trouble ? offset : 0, { definitions: known });
    this.ways.set(this.places[n]!, this.#way!);
  }

  /** A client's call: refused at most with an error of the engine's own. */
  ask(process: Process, call: Promise<unknown>): void {
    const settled = call.then(() => {}, (error) => assert(isRefusal(error), error))
      .finally(() => this.calls.delete(settled));
    this.calls.set(settled, process);
  }

  /** What is held lands. */
  async land(): Promise<void> {
    for (const trap of this.traps) if (trap.met) await trap.land().catch(() => {});
  }

  /** A process is gone, and another comes in its place. */
  kill(process: Process): void {
    this.world.kill(process);
    this.replace(process);
  }

  /** Another process starts in the place of one that has gone. */
  replace(process: Process): void {
    const n = this.places.indexOf(process);
    if (n >= 0) this.start(n);
  }

  /** A process stops in an orderly way. */
  async stop(process: Process): Promise<void> {
    let stopped = false;
    process.queue.stop(0).finally(() => stopped = true);
    await this.time.settle();
    for (let n = 0; n < 60 && !stopped && !process.machine.isDead; n++) {
      await this.time.advance(2000);
      process.machine.resume(false);
      // A store answers every read some day; what is given up after its deadline is commits.
      if (n > 10) await this.land();
    }
    assert(stopped || process.machine.isDead, "stop() did not end");
    this.world.left(process);
  }
}

/** What a client may be answered: an error of the engine's own, or that the store could not be read. */
function isRefusal(error: unknown): boolean {
  return error instanceof SluiceError || error instanceof ConnectionLost;
}
