/**
 * Clocks that change: from the local times of a schedule to its moments. The offsets of a zone are the runtime's own.
 *
 * @module
 */

/** Planned moments, milliseconds since 1970. */
export interface Grid {
  /** The first moment later than `time`; `null` when there is none. */
  after(time: number): number | null;
  /** The last moment earlier than `time`. */
  before(time: number): number | null;
}

/** How a local time is moved when the clocks change. */
export interface ClockRule {
  /** Whether a time that does not exist moves to the end of the gap. Several in one gap are one moment there. */
  readonly moves: boolean;
  /** Whether a time that exists twice is two moments. Otherwise it is the first of them. */
  readonly repeats: boolean;
}

/** An offset of a zone lasts longer than this: what is equal a week apart has not changed in between. */
const WEEK = 7 * 86_400_000;
/** Longer than any change. */
const DAY = 86_400_000;

/** The milliseconds that the clocks of a zone are ahead of UTC at a moment. */
type Offset = (moment: number) => number;

/** Local times, as if they were UTC, and the clocks that show them. */
interface Zoned {
  readonly times: Grid;
  readonly rule: ClockRule;
  readonly offset: Offset;
}

/** Makes the grid of local times, which are given as if they were UTC, in a time zone. */
export function inZone(times: Grid, rule: ClockRule, zone: string): Grid {
  const zoned = { times, rule, offset: offsetsOf(zone) };
  return { after: (moment) => firstAfter(moment, zoned), before: (moment) => lastBefore(moment, zoned) };
}

function firstAfter(moment: number, zoned: Zoned): number | null {
  const { times, rule, offset } = zoned;
  let at = moment;
  let local = at + offset(at);
  while (true) {
    const time = times.after(local);
    if (time === null) return null;
    const found = time - offset(at);
    if (isFar(at, found, offset)) {
      at = found - WEEK;
      continue;
    }
    const change = changeBetween(at, found, offset);
    if (change !== null) {
      if (rule.moves && isEndOfGap(change, zoned)) return change;
      at = change;
      local = at + offset(at) - 1;
      continue;
    }
    const again = rule.repeats ? null : repetition(found, offset);
    if (again === null) return found;
    at = again.end - 1;
    local = at + offset(at);
  }
}

function lastBefore(moment: number, zoned: Zoned): number | null {
  const { times, rule, offset } = zoned;
  let at = moment - 1;
  while (true) {
    const time = times.before(at + 1 + offset(at));
    if (time === null) return null;
    const found = time - offset(at);
    if (isFar(at, found, offset)) {
      at = found + WEEK;
      continue;
    }
    let change = changeBetween(at, found, offset);
    if (change === null) {
      const again = rule.repeats ? null : repetition(found, offset);
      if (again === null) return found;
      change = again.start;
    } else if (rule.moves && isEndOfGap(change, zoned)) return change;
    at = change - 1;
  }
}

/** Whether this change leaves out one of the local times. */
function isEndOfGap(change: number, { times, offset }: Zoned): boolean {
  const time = times.after(change + offset(change - 1) - 1);
  return time !== null && time < change + offset(change);
}

/** The period around `moment` in which local times exist for the second time; `null` when it is in none. */
function repetition(moment: number, offset: Offset): { start: number; end: number } | null {
  const start = changeBetween(moment, moment - DAY, offset);
  if (start === null) return null;
  const end = start + offset(start - 1) - offset(start);
  return moment < end ? { start, end } : null;
}

/**
 * Whether the clocks stay as they are for a week from `at` on the way to `found`, and `found` is farther. Changes in
 * between do not matter then: no time of the grid is near them.
 */
function isFar(at: number, found: number, offset: Offset): boolean {
  return Math.abs(found - at) > 2 * WEEK && offset(at + Math.sign(found - at) * WEEK) === offset(at);
}

/**
 * The change nearest to `from` on the way to `to`, in either direction: the first moment of a new offset. The later one
 * of `from` and `to` counts as on the way, the earlier does not.
 */
function changeBetween(from: number, to: number, offset: Offset): number | null {
  for (let at = from; at !== to;) {
    const next = from < to ? Math.min(at + WEEK, to) : Math.max(at - WEEK, to);
    if (offset(next) !== offset(at)) return firstOfOffset(Math.min(at, next), Math.max(at, next), offset);
    at = next;
  }
  return null;
}

/** The first moment after `before` that has the offset of `later`. */
function firstOfOffset(before: number, later: number, offset: Offset): number {
  const wanted = offset(later);
  while (later - before > 1) {
    const middle = Math.floor((before + later) / 2);
    if (offset(middle) === wanted) later = middle;
    else before = middle;
  }
  return later;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function offsetsOf(zone: string): Offset {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
    formats.set(zone, format);
  }
  return (moment) => {
    // "3/29/2026, GMT+02:00", or GMT alone; long ago with seconds.
    const found = /GMT(?:([+-])(\d+):(\d+)(?::(\d+))?)?$/.exec(format.format(moment))!;
    if (found[1] === undefined) return 0;
    const seconds = Number(found[2]) * 3600 + Number(found[3]) * 60 + Number(found[4] ?? 0);
    return (found[1] === "-" ? -seconds : seconds) * 1000;
  };
}
