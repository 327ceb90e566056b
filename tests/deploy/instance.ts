/**
 * One instance: a program with a connection, clocks and a life of its own.
 *
 * @module
 */
import { type Clock, sleep, type Store } from "../../queue/mod.ts";
import type { Dice } from "../support/dice.ts";
import { type Accidents, Connection } from "./connection.ts";
import type { Deployment, Machine, Program } from "./program.ts";
import type { Rules } from "./rules.ts";

/** What the instances of one platform have in common. */
export interface World {
  readonly clock: Clock;
  readonly database: Store;
  readonly rules: Rules;
  readonly accidents: Accidents;
  readonly deployment: Deployment;
  readonly machine: Omit<Machine, "store" | "clock" | "random">;
}

/** The instance died before it had answered. */
export class InstanceGone extends Error {
  constructor() {
    super("The connection was closed");
  }
}

/** How an instance ended: by itself after SIGINT, by SIGKILL, or without a signal. */
export type End = "stopped" | "killed" | "crashed";

/** See the module's text. */
export class Instance {
  /** `stopping`: it has its SIGINT, and gets no more requests. */
  state: "running" | "stopping" | "dead" = "running";
  /** Requests and cron runs that it works on. */
  open = 0;
  #clock: InstanceClock;
  #connection: Connection;
  #program: Promise<Program>;
  #death = Promise.withResolvers<never>();
  /** What will happen to it. */
  #fate: (() => void)[];
  #idle: () => void = () => {};
  #ending: Promise<void> | null = null;

  /** @param ended told how */
  constructor(readonly world: World, dice: Dice, readonly ended: (end: End) => void) {
    const { clock, database, rules, accidents, deployment, machine } = world;
    this.#clock = new InstanceClock(clock, dice.between(-rules.clockError, rules.clockError));
    this.#connection = new Connection(database, clock, dice.fork(), rules, accidents);
    const { store } = this.#connection;
    const { next: random } = dice.fork();
    this.#program = sleep(this.#clock, rules.coldStart).then(() =>
      deployment({ ...machine, store, clock: this.#clock, random })
    );
    this.#death.promise.catch(() => {});
    const comes = (mean: number, what: () => void) =>
      mean < Infinity ? clock.after(dice.wait(mean), what) : () => {};
    this.#fate = [
      comes(rules.eviction, () => void this.interrupt()),
      comes(rules.crash, () => this.#die("crashed")),
    ];
  }

  /** Has the program work on a request or a cron run. @throws {InstanceGone} */
  async serve<T>(work: (program: Program) => Promise<T>): Promise<T> {
    this.open++;
    this.#idle();
    try {
      return await Promise.race([this.#program.then(work), this.#death.promise]);
    } finally {
      this.open--;
      if (this.open === 0) this.#rest();
    }
  }

  /** SIGINT, and SIGKILL later. Resolves when it is dead. */
  interrupt(): Promise<void> {
    return this.#ending ??= this.#interrupt();
  }

  async #interrupt(): Promise<void> {
    this.state = "stopping";
    this.#idle();
    const { clock, rules } = this.world;
    const stopped = this.#program.then((program) => program.stop()).then(() => "stopped" as const);
    const killed = sleep(clock, rules.grace).then(() => "killed" as const);
    this.#die(await Promise.race([stopped, killed]));
  }

  /** Nothing of it runs any more. What it has sent to the database is applied. */
  #die(end: End): void {
    if (this.state === "dead") return;
    this.state = "dead";
    this.#idle();
    for (const cancel of this.#fate) cancel();
    this.#clock.stop();
    this.#connection.cut();
    this.#death.reject(new InstanceGone());
    this.ended(end);
  }

  /** Nothing is open: it is stopped unless something comes. */
  #rest(): void {
    const { clock, rules } = this.world;
    if (this.state !== "running" || rules.idle === Infinity) return;
    this.#idle = clock.after(rules.idle, () => void this.interrupt());
  }
}

/** The clocks of an instance: wrong by a constant, and silent after its death. */
class InstanceClock implements Clock {
  #origin: number;
  #timers = new Set<() => void>();
  #stopped = false;

  constructor(readonly world: Clock, readonly error: number) {
    this.#origin = world.monotonic() - 1;
  }

  now(): number {
    return Math.floor(this.world.now() + this.error);
  }

  monotonic(): number {
    return this.world.monotonic() - this.#origin;
  }

  after(delay: number, run: () => void): () => void {
    if (this.#stopped) return () => {};
    const cancel = this.world.after(delay, () => {
      this.#timers.delete(cancel);
      run();
    });
    this.#timers.add(cancel);
    return () => {
      this.#timers.delete(cancel);
      cancel();
    };
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }
}
