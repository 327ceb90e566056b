/**
 * Tries every order in which several threads can take their steps, each from a fresh start.
 *
 * Of orders that differ only in steps that commute one is taken: two steps are dependent if they are of one process, or
 * if one writes a key that the other reads or writes. The reduction is dynamic partial order reduction with source sets
 * and sleep sets (Abdulla, Aronis, Jonsson and Sagonas 2014): after an order was taken, wherever two of its dependent
 * steps could have come the other way round, that way is taken as well. `explore_test.ts` holds it against all orders.
 *
 * @module
 */
import type { IdRange } from "../../queue/store/range.ts";

/** What a step touches. */
export interface Footprint {
  /** Steps of one process share its memory. */
  readonly process: string;
  readonly reads: readonly IdRange[];
  /** Ids of keys. */
  readonly writes: readonly string[];
}

/** One start of what is explored. It has to do the same whenever the same steps are taken. */
export interface Trial {
  /** The next step of each thread that can take one; none: it is over. */
  steps(): ReadonlyMap<string, Footprint>;
  take(thread: string): Promise<void>;
  /** @param complete whether the trial is over, and not given up because its order was tried in another guise */
  end(order: readonly string[], complete: boolean): Promise<void>;
}

/** How many orders there were. */
export interface Explored {
  /** Orders taken to their end. */
  readonly orders: number;
  /** Orders given up, as what would have followed was tried before. */
  readonly redundant: number;
  /** Steps of the longest. */
  readonly steps: number;
  /** Whether nothing was left to try. */
  readonly exhausted: boolean;
}

/** A point of the order at hand where another thread could have gone. */
interface Choice {
  steps: ReadonlyMap<string, Footprint>;
  taken: string;
  /** Threads to be tried here. */
  readonly wanted: Set<string>;
  readonly tried: Set<string>;
  /** Threads whose next step, taken here, leads to nothing new. */
  readonly asleep: ReadonlySet<string>;
}

/**
 * Explores.
 *
 * @param begin makes a trial
 * @param options.most orders after which it stops. @default {Infinity}
 * @param options.reduce `false`: every order, whatever commutes. @default {true}
 */
export async function explore(
  begin: () => Promise<Trial>,
  { most = Infinity, reduce = true }: { most?: number; reduce?: boolean } = {},
): Promise<Explored> {
  const path: Choice[] = [];
  let [orders, redundant, steps] = [0, 0, 0];
  for (;;) {
    const complete = await tryOnce(await begin(), path, reduce);
    steps = Math.max(steps, path.length);
    if (complete) orders++;
    else redundant++;
    if (reduce) wantReversals(path);
    if (!backtrack(path)) return { orders, redundant, steps, exhausted: true };
    if (orders >= most) return { orders, redundant, steps, exhausted: false };
  }
}

/** Takes the path's choices again, and goes on from there to the end. Tells whether it has come there. */
async function tryOnce(trial: Trial, path: Choice[], reduce: boolean): Promise<boolean> {
  let steps = trial.steps();
  for (let at = 0; steps.size > 0; at++) {
    if (at === path.length) {
      const asleep = reduce ? stillAsleep(path.at(-1)) : new Set<string>();
      const awake = [...steps.keys()].filter((thread) => !asleep.has(thread));
      if (awake.length === 0) break;
      const taken = awake[0]!;
      const wanted = new Set(reduce ? [taken] : awake);
      path.push({ steps, taken, wanted, tried: new Set(), asleep });
    }
    const choice = path[at]!;
    // Ids differ from start to start: footprints are those of this one.
    choice.steps = steps;
    if (!steps.has(choice.taken)) {
      throw new Error(`The same steps led elsewhere: no '${choice.taken}' at ${at}`);
    }
    await trial.take(choice.taken);
    steps = trial.steps();
  }
  const complete = steps.size === 0;
  await trial.end(path.map(({ taken }) => taken), complete);
  return complete;
}

/** Threads whose step was tried before the last choice, or need not be, and commutes with it. */
function stillAsleep(last: Choice | undefined): Set<string> {
  if (!last) return new Set();
  const step = stepOf(last);
  const before = [...last.asleep, ...last.tried];
  return new Set(before.filter((thread) => !dependent(last.steps.get(thread)!, step)));
}

/** Wherever two steps race, so that nothing but their own order decides which comes first, the later may come first. */
function wantReversals(path: readonly Choice[]): void {
  /** Indexes of the steps that came before each by necessity, itself included. */
  const causes: Set<number>[] = [];
  for (const [at, choice] of path.entries()) {
    const necessary = ledTo(path, causes, at);
    const met: number[] = [];
    for (let i = at - 1; i >= 0; i--) {
      if (necessary.has(i) || !dependent(stepOf(path[i]!), stepOf(choice))) continue;
      met.push(i);
      for (const j of causes[i]!) necessary.add(j);
    }
    causes.push(necessary.add(at));
    for (const i of met) wantReversal(path, causes, i, at);
  }
}

/** What led a thread to its step: its own step before, or the one after which it could take this one. */
function ledTo(path: readonly Choice[], causes: readonly Set<number>[], at: number): Set<number> {
  const { taken } = path[at]!;
  for (let i = at - 1; i >= 0; i--) {
    if (path[i]!.taken === taken || !path[i]!.steps.has(taken)) return new Set(causes[i]);
  }
  return new Set();
}

/** Has a step at `later` tried before the one at `earlier`, behind whatever does not need that one. */
function wantReversal(
  path: readonly Choice[],
  causes: readonly ReadonlySet<number>[],
  earlier: number,
  later: number,
): void {
  const { steps, wanted } = path[earlier]!;
  const ahead: number[] = [];
  for (let k = earlier + 1; k <= later; k++) if (k === later || !causes[k]!.has(earlier)) ahead.push(k);
  const first = ahead.filter((k) => !ahead.some((j) => j < k && causes[k]!.has(j))).map((k) =>
    path[k]!.taken
  );
  if (!first.some((thread) => wanted.has(thread))) wanted.add(first.find((thread) => steps.has(thread))!);
}

function stepOf({ steps, taken }: Choice): Footprint {
  return steps.get(taken)!;
}

/** Turns to the last choice that has something left to try. */
function backtrack(path: Choice[]): boolean {
  for (let choice = path.at(-1); choice; path.pop(), choice = path.at(-1)) {
    choice.tried.add(choice.taken);
    const { wanted, tried, asleep } = choice;
    const next = [...wanted].find((thread) => !tried.has(thread) && !asleep.has(thread));
    if (next === undefined) continue;
    choice.taken = next;
    return true;
  }
  return false;
}

function dependent(a: Footprint, b: Footprint): boolean {
  return a.process === b.process || touches(a, b) || touches(b, a);
}

/** Whether one writes what the other reads or writes. */
function touches({ writes }: Footprint, other: Footprint): boolean {
  return writes.some((id) =>
    other.writes.includes(id) || other.reads.some(({ from, to }) => from <= id && id < to)
  );
}
