/**
 * The platform: starts instances for requests and for the cron, routes, and takes instances away.
 *
 * @module
 */
import type { Dice } from "../support/dice.ts";
import { type End, Instance, InstanceGone, type World } from "./instance.ts";

const MINUTE = 60_000;

/** What the platform did. */
export interface Lives extends Record<End, number> {
  started: number;
  crons: number;
  /** Minutes whose cron run was left out, as the former one still ran. */
  overlapping: number;
  /** Minutes without a cron run for no reason. */
  missed: number;
}

/** An answer as the client gets it. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // deno-lint-ignore no-explicit-any -- whoever asked knows
  readonly body: any;
}

/** See the module's text. */
export class Platform {
  readonly lives: Lives = {
    started: 0,
    stopped: 0,
    killed: 0,
    crashed: 0,
    crons: 0,
    overlapping: 0,
    missed: 0,
  };
  #instances = new Set<Instance>();
  #cronRuns = false;
  #nextMinute: () => void = () => {};

  constructor(readonly world: World, readonly dice: Dice) {
    if (world.rules.cron) this.#awaitMinute();
  }

  /** Routes a request. @throws {InstanceGone} when the instance dies before it has answered */
  async fetch(request: Request): Promise<Answer> {
    return await this.#route().serve(async (program) => {
      const response = await program.fetch(request);
      return { status: response.status, headers: response.headers, body: await response.json() };
    });
  }

  /** No more crons, and every instance is told to stop. Resolves when they have. */
  async close(): Promise<void> {
    this.#nextMinute();
    await Promise.all([...this.#instances].map((instance) => instance.interrupt()));
  }

  /** One that is not crowded; else a new one, as long as there may be more. */
  #route(): Instance {
    const { instances, crowd } = this.world.rules;
    const running = [...this.#instances].filter(({ state }) => state === "running");
    const free = running.filter(({ open }) => open < crowd);
    if (free.length > 0) return this.dice.pick(free);
    return running.length < instances ? this.#start() : this.dice.pick(running);
  }

  #start(): Instance {
    const instance = new Instance(this.world, this.dice.fork(), (end) => {
      this.lives[end]++;
      this.#instances.delete(instance);
    });
    this.#instances.add(instance);
    this.lives.started++;
    return instance;
  }

  #awaitMinute(): void {
    const { clock, rules } = this.world;
    const wait = MINUTE - clock.now() % MINUTE + this.dice.between(0, rules.cronLate);
    this.#nextMinute = clock.after(wait, () => {
      this.#awaitMinute();
      if (this.dice.chance(rules.cronMissed)) this.lives.missed++;
      else void this.#runCron();
    });
  }

  async #runCron(): Promise<void> {
    if (this.#cronRuns) {
      this.lives.overlapping++;
      return;
    }
    this.#cronRuns = true;
    this.lives.crons++;
    try {
      await this.#route().serve((program) => program.cron());
    } catch (error) {
      // It is not repeated.
      if (!(error instanceof InstanceGone)) throw error;
    } finally {
      this.#cronRuns = false;
    }
  }
}
