/**
 * A day's traffic: which client asks for which task at which moment. Made from a seed before anything runs.
 *
 * @module
 */
import type { Dice } from "../support/dice.ts";
import type { Kind, Wish } from "./ledger.ts";

/** How an hour is. Nothing comes in a silent one; bursts are some dozens of requests within two seconds. */
export type Hour = "busy" | "calm" | "bursts" | "silent";

/** A day, from midnight. */
export const DAY: readonly Hour[] = [
  ...Array<Hour>(6).fill("silent"),
  "calm",
  "calm",
  "busy",
  "busy",
  "busy",
  "bursts",
  "calm",
  "silent",
  "busy",
  "busy",
  "busy",
  "bursts",
  "calm",
  "bursts",
  "calm",
  ...Array<Hour>(3).fill("silent"),
];

/** Milliseconds between two wishes, on average. */
const MEAN = { busy: 4000, calm: 60_000 } as const;
/** So many bursts in an hour, of so many wishes. */
const BURSTS = { count: 6, from: 20, to: 60, within: 2000 } as const;

/** What is asked for, how often of all. */
const KINDS: readonly (readonly [Kind, number])[] = [
  ["quick", 0.7],
  ["flaky", 0.1],
  ["delayed", 0.1],
  ["chord", 0.07],
  ["long", 0.03],
];

/** The wishes of these hours in order of time, the first beginning at `start`. */
export function traffic(hours: readonly Hour[], length: number, start: number, dice: Dice): Wish[] {
  const moments = hours.flatMap((hour, n) =>
    momentsOf(hour, length, dice).map((at) => ({ at: start + n * length + at, burst: hour === "bursts" }))
  );
  return moments.map(({ at, burst }, number) => ({ number, at, burst, ...wish(length, dice) }));
}

/** Moments of one hour, from its beginning. */
function momentsOf(hour: Hour, length: number, dice: Dice): number[] {
  const found: number[] = [];
  if (hour === "silent") return found;
  const mean = hour === "bursts" ? length / BURSTS.count : MEAN[hour];
  for (let at = dice.wait(mean); at < length; at += dice.wait(mean)) {
    const size = hour === "bursts" ? dice.between(BURSTS.from, BURSTS.to) : 1;
    for (let n = 0; n < size; n++) found.push(at + dice.between(0, size > 1 ? BURSTS.within : 0));
  }
  return found.sort((a, b) => a - b);
}

/** What is wished, and how it is asked for. */
function wish(length: number, dice: Dice): Pick<Wish, "kind" | "delay" | "wait" | "keyed"> {
  let left = dice.next();
  const kind = KINDS.find(([, share]) => (left -= share) < 0)?.[0] ?? "quick";
  return {
    kind,
    // Most are due in the same hour, some in a silent one.
    delay: kind === "delayed" ? Math.ceil(dice.wait(length * (dice.chance(0.7) ? 0.03 : 2)) / 1000) : 0,
    wait: kind !== "long" && dice.chance(0.3) ? 15 : 0,
    keyed: dice.chance(0.7),
  };
}
