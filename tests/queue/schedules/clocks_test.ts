/**
 * Cron text beside a slow and obvious reference, when the clocks change and otherwise: 30 months from 2026 on, forwards
 * and backwards. The suite takes a sample of the runtime's zones; `SLUICE_ZONES=all` takes every zone, with
 * more texts, and prints its counts, `SLUICE_SEED=7` makes other samples and texts.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { gridOf } from "../../../queue/schedules/grid.ts";

const ALL = Deno.env.get("SLUICE_ZONES") === "all";
const SEED = Number(Deno.env.get("SLUICE_SEED") ?? 1);
/** Texts that are tried in each zone. */
const TEXTS = ALL ? 12 : 5;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 1);
const DAYS = 913;
const END = START + DAYS * DAY;

/** Zones in every sample: half an hour, two hours, a gap that reaches midnight, one that begins there, a month. */
const ALWAYS = [
  "Europe/Rome",
  "Australia/Lord_Howe",
  "Antarctica/Troll",
  "America/Nuuk",
  "America/Santiago",
  "Africa/Casablanca",
];

/** Cron text, and the values that it stands for. */
interface Pattern {
  readonly text: string;
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly isOn: (day: Date) => boolean;
  /** Whether there is a star in the minutes or the hours. */
  readonly star: boolean;
}

const values = (least: number, most: number, step = 1) =>
  Array.from({ length: Math.floor((most - least) / step) + 1 }, (_, n) => least + n * step);

/** A field from `least` to `most`: a number, a list, a range, a star or steps. */
function field(least: number, most: number): fc.Arbitrary<{ text: string; numbers: number[] }> {
  const number = fc.integer({ min: least, max: most });
  const step = fc.integer({ min: 2, max: Math.ceil(most / 2) });
  return fc.oneof(
    number.map((n) => ({ text: `${n}`, numbers: [n] })),
    fc.uniqueArray(number, { minLength: 2, maxLength: 4 }).map((numbers) => ({
      text: numbers.join(),
      numbers,
    })),
    fc.tuple(number, number).map(([a, b]) => ({
      text: `${a}-${b}`,
      numbers: a <= b ? values(a, b) : [...values(a, most), ...values(least, b)],
    })),
    fc.constant({ text: "*", numbers: values(least, most) }),
    step.map((n) => ({ text: `*/${n}`, numbers: values(least, most, n) })),
    fc.tuple(number, step).map(([a, n]) => ({ text: `${a}/${n}`, numbers: values(a, most, n) })),
  );
}

/** Hours, often those in which clocks change. */
const hour = fc.oneof(
  field(0, 23),
  fc.uniqueArray(fc.constantFrom(0, 1, 2, 3, 4, 14, 22, 23), { minLength: 1, maxLength: 4 })
    .map((numbers) => ({ text: numbers.join(), numbers })),
);

const day: fc.Arbitrary<{ text: string; isOn: (day: Date) => boolean }> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ text: "* * *", isOn: () => true }) },
  field(1, 31).map(({ text, numbers }) => ({
    text: `${text} * *`,
    isOn: (day: Date) => numbers.includes(day.getUTCDate()),
  })),
  field(0, 6).map(({ text, numbers }) => ({
    text: `* * ${text}`,
    isOn: (day: Date) => numbers.includes(day.getUTCDay()),
  })),
  field(1, 12).map(({ text, numbers }) => ({
    text: `* ${text} *`,
    isOn: (day: Date) => numbers.includes(day.getUTCMonth() + 1),
  })),
);

const second = fc.option(fc.uniqueArray(fc.integer({ min: 0, max: 59 }), { minLength: 1, maxLength: 3 }));

const pattern: fc.Arbitrary<Pattern> = fc.tuple(second, field(0, 59), hour, day).map(
  ([seconds, minute, hour, day]) => ({
    text: `${seconds === null ? "" : `${seconds.join()} `}${minute.text} ${hour.text} ${day.text}`,
    seconds: seconds ?? [0],
    minutes: minute.numbers,
    hours: hour.numbers,
    isOn: day.isOn,
    star: (minute.text + hour.text).includes("*"),
  }),
);

/** When the clocks of a zone show each minute of the 30 months; -1 is never. */
interface Clocks {
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** The moments at which they change. */
  readonly changes: readonly number[];
}

/** Reads the clocks of a zone every hour, and every quarter where they have changed. */
function readClocks(zone: string): Clocks {
  const format = new Intl.DateTimeFormat("sv", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
  const ahead = (moment: number) => Date.parse(`${format.format(moment).replace(" ", "T")}Z`) - moment;
  const first = new Int32Array(DAYS * 1440).fill(-1);
  const second = new Int32Array(DAYS * 1440).fill(-1);
  const changes: number[] = [];
  let former = ahead(START);
  let next = former;
  for (let hour = START; hour < END; hour += HOUR) {
    const now = next;
    next = ahead(hour + HOUR);
    const isPlain = now === former && next === former;
    for (let quarter = hour; quarter < hour + HOUR; quarter += HOUR / 4) {
      const shift = isPlain ? former : ahead(quarter);
      if (shift !== former) changes.push(quarter);
      former = shift;
      for (let moment = quarter; moment < quarter + HOUR / 4; moment += MINUTE) {
        const shown = (moment + shift - START) / MINUTE;
        if (shown < 0 || shown >= first.length) continue;
        const seen = first[shown]! < 0 ? first : second;
        seen[shown] = (moment - START) / MINUTE;
      }
    }
  }
  return { first, second, changes };
}

/** The occurrences from one moment until before another, minute by minute of the local calendar. */
function reference(clocks: Clocks, pattern: Pattern, from: number, to: number): number[] {
  const { first, second } = clocks;
  const { seconds, minutes, hours, isOn, star } = pattern;
  const found = new Set<number>();
  const everyHour = new Set(hours).size === 24;
  const lastDay = Math.min(DAYS - 1, Math.ceil((to - START) / DAY) + 1);
  for (let day = Math.max(0, Math.floor((from - START) / DAY) - 2); day <= lastDay; day++) {
    if (!isOn(new Date(START + day * DAY))) continue;
    for (const hour of hours) {
      for (const minute of minutes) {
        const shown = day * 1440 + hour * 60 + minute;
        if (first[shown]! < 0) {
          let end = shown;
          while (first[end]! < 0) end++;
          if (!everyHour && end < first.length) found.add(START + first[end]! * MINUTE);
          continue;
        }
        for (const second of seconds) found.add(START + first[shown]! * MINUTE + second * 1000);
        if (second[shown]! < 0 || !(everyHour || star)) continue;
        for (const s of seconds) found.add(START + second[shown]! * MINUTE + s * 1000);
      }
    }
  }
  return [...found].filter((moment) => moment >= from && moment < to).sort((a, b) => a - b);
}

/** Compares what lies around each change, or everything if that is not too much. @returns how many were compared */
function compare(zone: string, clocks: Clocks, pattern: Pattern): number {
  const grid = gridOf({
    trigger: { cron: pattern.text, timezone: zone },
    startAt: null,
    endAt: null,
    createdAt: START,
  });
  const perDay = pattern.seconds.length * pattern.minutes.length * pattern.hours.length;
  const around = perDay <= 2 ? DAYS * DAY : Math.max(4 * HOUR, 20 * DAY / perDay);
  let count = 0;
  const middle = START + DAYS / 2 * DAY;
  for (const change of perDay <= 2 ? [middle] : [middle, ...clocks.changes]) {
    // The first and the last days are left out: times of the days beyond may move there.
    const from = Math.max(change - around, START + 2 * DAY);
    const to = Math.min(change + around, END - 2 * DAY);
    const wanted = reference(clocks, pattern, from, to);
    const forwards: number[] = [];
    for (let at = grid.after(from - 1); at !== null && at < to; at = grid.after(at)) forwards.push(at);
    const backwards: number[] = [];
    for (let at = grid.before(to); at !== null && at >= from; at = grid.before(at)) backwards.unshift(at);
    const text = `'${pattern.text}' in ${zone} around ${new Date(change).toISOString()}`;
    const iso = (moments: number[]) => moments.map((moment) => new Date(moment).toISOString());
    assert.deepEqual(iso(forwards), iso(wanted), `${text}, forwards`);
    assert.deepEqual(iso(backwards), iso(wanted), `${text}, backwards`);
    count += wanted.length;
  }
  return count;
}

Deno.test("cron text and a slow reference agree in every zone", () => {
  const zones = Intl.supportedValuesOf("timeZone");
  const sample = fc.sample(fc.constantFrom(...zones), { numRuns: 5, seed: SEED });
  let changes = 0;
  let occurrences = 0;
  const taken = ALL ? zones : [...new Set([...ALWAYS, ...sample])];
  for (const [n, zone] of taken.entries()) {
    const clocks = readClocks(zone);
    changes += clocks.changes.length;
    for (const one of fc.sample(pattern, { numRuns: TEXTS, seed: SEED * 1000 + n })) {
      occurrences += compare(zone, clocks, one);
    }
  }
  if (ALL) {
    // deno-lint-ignore no-console
    console.log(
      `${taken.length} zones, ${changes} changes, ${taken.length * TEXTS} texts, ${occurrences} occurrences`,
    );
  }
});
