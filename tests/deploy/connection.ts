/**
 * An instance's connection to the database that all share: requests take their time, both ways; some fail, some
 * answers are lost, and the database's client repeats requests by itself. What is under way when the instance dies is
 * still applied, and nobody hears the answer.
 *
 * @module
 */
import { type Clock, sleep, type Store } from "../../queue/mod.ts";
import type { Dice } from "../support/dice.ts";
import type { Rules } from "./rules.ts";

/** Milliseconds until the client repeats a request that failed. */
const REPEAT = 250;
/** Milliseconds of a stray request's way: longer than anybody waits for an answer. */
const STRAY = { from: 11_000, to: 20_000 } as const;

/** What happened to requests, how often. */
export type Accidents = Record<"failed" | "repeated" | "lost" | "stray", number>;

/** See the module's text. */
export class Connection {
  /** What the program sees of the database. */
  readonly store: Store;
  #cut = false;

  /**
   * @param database what all instances share
   * @param clock the world's, not the instance's: what is under way does not die with it
   * @param accidents counted here
   */
  constructor(
    readonly database: Store,
    readonly clock: Clock,
    readonly dice: Dice,
    readonly rules: Rules,
    readonly accidents: Accidents,
  ) {
    this.store = {
      limits: database.limits,
      incarnation: null,
      doorbell: rules.queues ? database.doorbell : null,
      getMany: (keys) => this.#ask(() => database.getMany(keys)),
      list: (range, options) => this.#ask(() => database.list(range, options)),
      commit: (checks, mutations) => this.#commit(() => database.commit(checks, mutations)),
      close: () => this.cut(),
    };
  }

  /** Nothing is sent and nothing is heard any more. */
  cut(): void {
    this.#cut = true;
  }

  async #commit(apply: () => Promise<string | null>): Promise<string | null> {
    if (this.#befalls("lost")) {
      await this.#travel(apply);
      return await never();
    }
    if (this.#befalls("stray")) return await this.#travel(apply, this.dice.between(STRAY.from, STRAY.to));
    if (this.#befalls("repeated")) {
      await this.#travel(apply);
      await this.#pause(REPEAT);
    }
    return await this.#ask(apply);
  }

  /** One request, repeated while the database answers 5xx. */
  async #ask<T>(apply: () => Promise<T>): Promise<T> {
    while (this.#befalls("failed")) {
      await this.#travel(() => Promise.resolve());
      await this.#pause(REPEAT);
    }
    return await this.#travel(apply);
  }

  /** There and back. */
  async #travel<T>(
    apply: () => Promise<T>,
    there = this.dice.between(0.2 * this.rules.latency, 0.8 * this.rules.latency),
  ): Promise<T> {
    if (this.#cut) return await never();
    await sleep(this.clock, there);
    const [answer] = await Promise.allSettled([apply()]);
    await this.#pause(Math.max(0, this.rules.latency - there));
    if (answer.status === "rejected") throw answer.reason;
    return answer.value;
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(this.clock, milliseconds);
    if (this.#cut) await never();
  }

  #befalls(accident: keyof Accidents): boolean {
    if (!this.dice.chance(this.rules[accident])) return false;
    this.accidents[accident]++;
    return true;
  }
}

/** The instance is gone. */
function never(): Promise<never> {
  return new Promise(() => {});
}
