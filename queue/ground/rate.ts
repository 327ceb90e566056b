/**
 * Rates like "10/m", kept by the generic cell rate algorithm (GCRA, ITU-T I.371 annex A; Brandur Leach, "Rate Limiting,
 * Cells, and GCRA", 2015). One number is stored, the theoretical arrival time: the time at which all tasks that passed
 * so far would have arrived, had they come evenly. There are no counters.
 *
 * A rate of N in a period lets a burst of b tasks pass at once, and then one each interval T. From its first task on, a
 * half-open window that is as long as the period holds fewer than b + period / T tasks. With T = period / (N - b + 1)
 * that is at most N, wherever the window begins. A burst that is asked for is paid by the window instead: T = period / N,
 * and a window holds at most N + burst - 1.
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

/**
 * Milliseconds whose tasks may pass at once when no burst is asked for, so that a rate of many tasks a second does not
 * need a look at the clock for each of them. That is at most 5 % of a rate, and one task below 40 a second.
 */
const AT_ONCE = 50;

/**
 * Intervals are rounded up to this part of a millisecond. Times since 1970 carry it without rounding until the year 2248,
 * so the sums and differences of a rate are exact.
 */
const GRAIN = 2 ** -10;

/** A parsed rate. */
export interface Rate {
  /** The rate as people read it; two rates with one text are the same. */
  readonly text: string;
  /** Milliseconds between two tasks that come evenly. */
  readonly interval: number;
  /** How many tasks may pass at once. */
  readonly burst: number;
}

/**
 * Reads a rate; `null` for any other text, and for a burst that {@link burstFault} refuses.
 *
 * @param burst how many tasks may pass at once; without it no window holds more tasks than the rate says
 */
export function parseRate(text: unknown, burst?: number): Rate | null {
  const read = readRate(text);
  if (!read || burstFault(text, burst) !== null) return null;
  const { count, period } = read;
  const own = Math.max(1, Math.floor(AT_ONCE * count / period));
  const evenly = burst === undefined ? count - own + 1 : count;
  return {
    text: burst === undefined ? read.text : `${read.text} with a burst of ${burst}`,
    interval: Math.ceil(period / evenly / GRAIN) * GRAIN,
    burst: burst ?? own,
  };
}

/** The fault of a burst, for messages; `null` when it fits its rate, or when the rate itself is no rate. */
export function burstFault(rate: unknown, burst: unknown): string | null {
  if (burst === undefined) return null;
  if (rate === undefined) return "must not be given without a rate limit";
  const read = readRate(rate);
  if (!read || Number.isInteger(burst) && Number(burst) >= 1 && Number(burst) <= read.count) return null;
  return `must be an integer from 1 to ${read.count}, the number of the rate ${read.text}: got ${burst}`;
}

/** The number and the milliseconds of a rate's text. */
function readRate(text: unknown): { text: string; count: number; period: number } | null {
  const [whole, digits, unit] = typeof text === "string" ? /^([1-9]\d{0,8})\/([smhd])$/.exec(text) ?? [] : [];
  if (whole === undefined) return null;
  const [count, period] = [Number(digits), UNITS[unit!]!];
  return period / count < SHORTEST_INTERVAL ? null : { text: whole, count, period };
}

/** The state of a rate: what has passed so far. */
export interface RateState {
  /** The text of the rate that `arrival` was computed for; under another rate `arrival` counts for one full burst at most. */
  readonly rate: string;
  /** The theoretical arrival time, milliseconds since 1970. */
  readonly arrival: number;
}

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
  return Math.max(0, Math.floor(room / rate.interval));
}

/** When the next task may pass: `now`, or later. */
export function passableAt(rate: Rate, state: RateState | null, now: number): number {
  const wait = ahead(rate, state, now) - (rate.burst - 1) * rate.interval;
  return now + Math.max(0, Math.ceil(wait));
}

/** The state after `count` more tasks have passed. */
export function passed(rate: Rate, state: RateState | null, count: number, now: number): RateState {
  return { rate: rate.text, arrival: now + ahead(rate, state, now) + count * rate.interval };
}

/** Whether the state holds nothing back under any rate, as if there were none. */
export function isAtRest(state: RateState, now: number): boolean {
  return timeUntil(state.arrival, UNITS.d!, now) === 0;
}
