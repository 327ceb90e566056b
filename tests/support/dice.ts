/**
 * Chance from a seed: the same seed throws the same numbers.
 *
 * @module
 */

/** A stream of random numbers (splitmix32). */
export class Dice {
  #state: number;

  /** @param stream tells apart the streams of one seed */
  constructor(seed: number, stream = 0) {
    this.#state = Math.imul(seed, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b);
  }

  /** In [0, 1). */
  readonly next = (): number => {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let x = this.#state ^ (this.#state >>> 16);
    x = Math.imul(x, 0x21f0aaad);
    x ^= x >>> 15;
    x = Math.imul(x, 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
  };

  /** Whether what has this probability happens. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** An integer from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** How long until something happens that happens every `mean` on average. */
  wait(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }

  /** Dice of its own, for a part that shall not disturb the others. */
  fork(): Dice {
    return new Dice(this.between(0, 2 ** 32 - 1));
  }

  /** One of them. */
  pick<T>(list: readonly T[]): T {
    return list[this.between(0, list.length - 1)]!;
  }
}

/** While it is in use, ids come from the dice too: the engine draws them from `crypto`. */
export function seedIds(dice: Dice): Disposable {
  crypto.getRandomValues = (array) => {
    const bytes = array as unknown as Uint8Array;
    for (let i = 0; i < bytes.length; i++) bytes[i] = dice.between(0, 255);
    return array;
  };
  return {
    [Symbol.dispose]() {
      delete (crypto as { getRandomValues?: unknown }).getRandomValues;
    },
  };
}
