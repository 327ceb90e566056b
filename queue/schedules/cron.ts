/**
 * Cron text: what other crons write is put into croner's words, and what the text asks for when the clocks change.
 *
 * @module
 */
import { Cron, CronPattern } from "croner";
import type { ClockRule, Grid } from "./zone.ts";

/** The texts that stand for five fields. */
export const NICKNAMES: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/** Values of a field, and their names from the least on. */
interface Field {
  readonly least: number;
  readonly most: number;
  readonly names: readonly string[];
}

const SIXTY: Field = { least: 0, most: 59, names: [] };
const HOUR: Field = { least: 0, most: 23, names: [] };
const DAY: Field = { least: 1, most: 31, names: [] };
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH: Field = { least: 1, most: 12, names: MONTHS };
const WEEKDAY: Field = { least: 0, most: 6, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };
const FIELDS = [SIXTY, SIXTY, HOUR, DAY, MONTH, WEEKDAY];

/** Reads cron text. @returns its local times as if they were UTC @throws {Error} that says what is wrong */
export function readCron(text: string): { times: Grid; rule: ClockRule } {
  const given = (NICKNAMES[text.trim().toLowerCase()] ?? text).trim().split(/\s+/);
  const fields = given.map((field, n) => plainField(field, FIELDS[FIELDS.length - given.length + n]));
  const cron = new Cron(fields.join(" "), { paused: true, mode: "5-or-6-parts", utcOffset: 0 });
  return {
    times: {
      after: (time) => cron.nextRun(new Date(time))?.getTime() ?? null,
      before: (time) => cron.previousRuns(1, new Date(time))[0]?.getTime() ?? null,
    },
    rule: clockRule(fields.at(-5)!, fields.at(-4)!),
  };
}

/** The rule of cron: a star in the minutes or the hours means an interval, anything else times of the day. */
function clockRule(minutes: string, hours: string): ClockRule {
  const hourly = isEveryHour(hours);
  return { moves: !hourly, repeats: hourly || /[*?]/.test(minutes + hours) };
}

function isEveryHour(hours: string): boolean {
  if (/^\d*$/.test(hours)) return false;
  return hours === "*" || new CronPattern(`0 ${hours} * * *`).hour.every((matches) => matches);
}

function plainField(text: string, field: Field | undefined): string {
  return field === undefined ? text : text.split(",").map((part) => plainPart(part, field)).join(",");
}

/**
 * Writes `2/12` as `2-23/12` and a range that passes the end of the field as a list: `22-2` as `22,23,0,1,2`. Every other
 * part stays as it is: croner reads it, or says what is wrong with it.
 */
function plainPart(part: string, field: Field): string {
  const found = /^(\+?)(\d+|[a-z]{3})(?:-(\d+|[a-z]{3}))?(?:\/(\d+))?(#.*)?$/i.exec(part);
  if (!found || found[3] === undefined && found[4] === undefined) return part;
  const [, plus, from, to, every, nth = ""] = found;
  const { least, most } = field;
  const first = valueOf(from!, field);
  const last = to === undefined ? most : valueOf(to, field);
  // Seven is Sunday, too.
  const limit = field === WEEKDAY ? 7 : most;
  if (!(first >= least && first <= limit && last >= least && last <= limit)) {
    return to === undefined ? from! : part;
  }
  const step = Number(every ?? 1);
  const span = most - least + 1;
  if (first <= last) return `${plus}${first}-${last}/${step}${nth}`;
  if (step < 1 || step > span) return `${last}-${first}/${step}`;
  const values: string[] = [];
  for (let value = first; value <= last + span; value += step) {
    values.push(`${(value - least) % span + least}${nth}`);
  }
  return plus + values.join(",");
}

/** The number of a value; `NaN` for a name that the field does not have. */
function valueOf(text: string, { least, names }: Field): number {
  if (/^\d+$/.test(text)) return Number(text);
  const n = names.indexOf(text.toLowerCase());
  return n < 0 ? NaN : n + least;
}
