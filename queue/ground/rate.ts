/**
 * Rates like "10/m", kept by the generic cell rate algorithm (GCRA, ITU-T I.371 annex A; Brandur Leach, "Rate Limiting,
 * Cells, and GCRA", 2015): all that is stored is the theoretical arrival time, at which everything let through so far
 * would have arrived had it come evenly. No counters, no windows at whose borders twice the rate could pass.
 *
 * At once there passes what the rate allows in a second, at least 1; beyond that they pass as evenly as the rate says.
 *
 * @module
 */
import { timeUntil } from "./wall_clock.ts";

/** Milliseconds of the units. */
const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What {@link parseRate} wants, for messages. */
export const RATE_FORM =
  "a rate like '10/m': an integer above 0, '/', and s, m, h or d, at most 10000 a second";

/** Milliseconds: as close as two may follow each other. */
const SHORTEST_INTERVAL = 0.1;

/** A parsed rate. */
export interface Rate {
  readonly text: string;
  /** Milliseconds between two, when they come evenly. */
  readonly interval: number;
  /** How many may pass at once. */
  readonly burst: number;
}

/** Reads a rate; `null` for nonsense. */
export function parseRate(text: unknown): Rate | null {
  const [, digits, unit] = typeof text === "string" ? /^([1-9]\d{0,8})\/([smhd])$/.exec(text) ?? [] : [];
  if (unit === undefined) return null;
  const interval = UNITS[unit]! / Number(digits);
  if (interval < SHORTEST_INTERVAL) return null;
  return { text: text as string, interval, burst: Math.max(1, Math.floor(1000 / interval)) };
}

/** `rate`: what has passed so far. */
export interface RateState {
  /** The rate it was passed at; under another rate the state is cut to what that one allows. */
  readonly rate: string;
  /** The theoretical arrival time, milliseconds since 1970. */
  readonly arrival: number;
}

/** Milliseconds that do not count: a time since 1970 with fractions like 1000 / 7 is off by some 0.0002. */
const TOLERANCE = 0.001;

/** Milliseconds by which what has passed is ahead of time. */
function ahead(rate: Rate, state: RateState | null, now: number): number {
  if (!state) return 0;
  const full = rate.burst * rate.interval;
  const left = timeUntil(state.arrival, full, now);
  return state.rate === rate.text ? left : Math.min(left, full);
}

/** How many may pass now. */
export function passable(rate: Rate, state: RateState | null, now: number): number {
  const room = rate.burst * rate.interval - ahead(rate, state, now);
  // More than in `passableAt`, so that at the time it tells one passes.
  return Math.max(0, Math.floor((room + 1.5 * TOLERANCE) / rate.interval));
}

/** When the next one may pass: `now`, or later. */
export function passableAt(rate: Rate, state: RateState | null, now: number): number {
  const wait = ahead(rate, state, now) - (rate.burst - 1) * rate.interval;
  return now + Math.max(0, Math.ceil(wait - TOLERANCE));
}

/** The state after `count` more have passed. */
export function passed(rate: Rate, state: RateState | null, count: number, now: number): RateState {
  return { rate: rate.text, arrival: now + ahead(rate, state, now) + count * rate.interval };
}

/** Whether the state says no more than its absence would, at whatever rate. */
export function isAtRest(state: RateState, now: number): boolean {
  return timeUntil(state.arrival, UNITS.d!, now) === 0;
}
