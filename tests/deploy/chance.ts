/**
 * Chance that a seed repeats.
 *
 * @module
 */
import type { Random } from "../../queue/mod.ts";
import { seeded } from "../e2e/conservation.ts";

/** Draws from one source; each part of a simulation forks its own, so that none disturbs the others. */
export class Chance {
  readonly random: Random;

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  /** A source of its own. */
  fork(): Chance {
    return new Chance(Math.floor(this.random() * 2 ** 32));
  }

  /** Whether something of this share happens. */
  happens(share: number): boolean {
    return this.random() < share;
  }

  /** A number from `from` to below `to`. */
  between(from: number, to: number): number {
    return from + this.random() * (to - from);
  }

  /** How long until something happens that happens every `mean` on average. */
  wait(mean: number): number {
    return -Math.log(1 - this.random()) * mean;
  }

  /** One of these. */
  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!;
  }
}
