/**
 * Rates like "10/m", kept by the generic cell rate algorithm (GCRA, ITU-T I.371 annex A; Brandur Leach, "Rate Limiting,
 * Cells, and GCRA", 2015). One number is stored, the theoretical arrival time: the time at which all tasks that passed
 * so far would have arrived, had they come evenly. There are no counters, and no windows at whose borders twice the
 * rate could pass.
 *
 * As many tasks may pass at once as the rate allows in a second, at least one. Further tasks pass as evenly as the rate
 * says.
 *
 * @module
 */
import { timeUntil } from "./wall_clock.ts";

/** Milliseconds of each unit. */
const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The form of a text that {@link parseRate} reads, for messages. */
export const RATE_FORM =
  "a rate like '10/m': an integer above 0, '/', and s, m, h or d, at most 10000 a second";

/** Milliseconds between two tasks at the highest rate that is accepted. */
const SHORTEST_INTERVAL = 0.1;

/** A parsed rate. */
export interface Rate {
  readonly text: string;
  /** Milliseconds between two tasks that come evenly. */
  readonly interval: number;
  /** How many tasks may pass at once. */
  readonly burst: number;
}

/** Reads a rate; `null` for any other text. */
export function parseRate(text: unknown): Rate | null {
  const [, digits, unit] = typeof text === "string" ? /^([1-9]\d{0,8})\/([smhd])$/.exec(text) ?? [] : [];
  if (unit === undefined) return null;
  const interval = UNITS[unit]! / Number(digits);
  if (interval < SHORTEST_INTERVAL) return null;
  return { text: text as string, interval, burst: Math.max(1, Math.floor(1000 / interval)) };
}

/** The state of a rate: what has passed so far. */
export interface RateState {
  /** The rate that `arrival` was computed for; under another rate `arrival` counts for one full burst at most. */
  readonly rate: string;
  /** The theoretical arrival time, milliseconds since 1970. */
  readonly arrival: number;
}

/** Milliseconds of rounding that are ignored: a time since 1970 with fractions like 1000 / 7 is off by some 0.0002. */
const TOLERANCE = 0.001;

/** Milliseconds by which what has passed is ahead of an even flow. */
function ahead(rate: Rate, state: RateState | null, now: number): number {
  if (!state) return 0;
  const full = rate.burst * rate.interval;
  const left = timeUntil(state.arrival, full, now);
  return state.rate === rate.text ? left : Math.min(left, full);
}

/** How many tasks may pass now. */
export function passable(rate: Rate, state: RateState | null, now: number): number {
  const room = rate.burst * rate.interval - ahead(rate, state, now);
  // A wider tolerance than in `passableAt`, so that one task passes at the time that `passableAt` returns.
  return Math.max(0, Math.floor((room + 1.5 * TOLERANCE) / rate.interval));
}

/** When the next task may pass: `now`, or later. */
export function passableAt(rate: Rate, state: RateState | null, now: number): number {
  const wait = ahead(rate, state, now) - (rate.burst - 1) * rate.interval;
  return now + Math.max(0, Math.ceil(wait - TOLERANCE));
}

/** The state after `count` more tasks have passed. */
export function passed(rate: Rate, state: RateState | null, count: number, now: number): RateState {
  return { rate: rate.text, arrival: now + ahead(rate, state, now) + count * rate.interval };
}

/** Whether the state holds nothing back under any rate, as if there were none. */
export function isAtRest(state: RateState, now: number): boolean {
  return timeUntil(state.arrival, UNITS.d!, now) === 0;
}
