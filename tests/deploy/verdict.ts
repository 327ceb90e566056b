/**
 * The verdict on a simulation: broken laws and promises, one sentence each, and the figures.
 *
 * @module
 */
import { type AnyTaskDefinition, isFinal, type Store } from "../../queue/mod.ts";
import { brokenLaws } from "../support/invariants.ts";
import { rowsOf } from "../support/rows.ts";
import { brokenPromises, latencies, type Latency, type Tasks } from "./latency.ts";
import type { Ledger, Told, Wish } from "./ledger.ts";
import { CHORD, SCHEDULES, SETTLED } from "./work.ts";

/** See the module's text. */
export interface Verdict {
  /** Laws that were broken, whatever happened. */
  readonly broken: readonly string[];
  /** Promises of time that were not kept: they are made for days without accidents. */
  readonly late: readonly string[];
  /** Wishes whose clients know them to be accepted. */
  readonly accepted: number;
  readonly tasks: number;
  /** What became of how many occurrences, by schedule and outcome. */
  readonly occurrences: Readonly<Record<string, number>>;
  readonly latencies: Readonly<Record<string, Latency>>;
  /** What the program told about itself that should not happen, how often. */
  readonly faults: Readonly<Record<string, number>>;
}

/** From when on, and until when, schedules are looked at. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Names of the tasks that clients ask for, each of which knows its wish by its first argument. */
const WISHED = ["quick", "flaky", "long", "part"];

/** Reads the store when nothing writes any more. */
export async function judge(
  store: Store,
  definitions: readonly AnyTaskDefinition[],
  ledger: Ledger,
  span: Span,
): Promise<Verdict> {
  const rows = await rowsOf(store, "task");
  const tasks = new Map(rows.map(({ key, value }) => [String(key[2]), value]));
  const wishes = [...ledger.wishes.values()];
  const created = new Map(
    (await rowsOf(store, "schedule")).map(({ key, value }) => [String(key[2]), value.createdAt]),
  );
  const found = latencies(tasks, ledger);
  const broken = [
    ...await brokenLaws(store, undefined, definitions),
    ...await brokenEnds(store, tasks),
    ...brokenWishes(wishes, tasks),
    ...brokenSchedules(ledger, span, created),
  ];
  return {
    broken,
    late: [...unansweredWaits(wishes), ...brokenPromises(found)],
    accepted: wishes.filter(({ id }) => id !== null).length,
    tasks: tasks.size,
    occurrences: outcomesOf(ledger, span),
    latencies: found,
    faults: Object.fromEntries(ledger.faults),
  };
}

/** Every task has come to a good end, and that was stored once. */
async function brokenEnds(store: Store, tasks: Tasks): Promise<string[]> {
  const broken: string[] = [];
  const settled = Map.groupBy(await rowsOf(store, undefined, SETTLED), ({ key }) => String(key[1]));
  for (const [id, { name, state, error, result }] of tasks) {
    const times = settled.get(id)?.length ?? 0;
    if (!isFinal(state)) broken.push(`Task ${id} (${name}) is ${state}`);
    else if (state !== "SUCCESS") broken.push(`Task ${id} (${name}) is ${state}: ${error?.type}`);
    else if (name === "total" && result !== CHORD) broken.push(`Task ${id} (${name}) has counted ${result}`);
    if (times !== (state === "SUCCESS" ? 1 : 0)) {
      broken.push(`Task ${id} (${name}) is ${state} and has ended ${times} times`);
    }
  }
  return broken;
}

/** What was accepted is there, and what was wished once is there once. */
function brokenWishes(wishes: readonly (Wish & Told)[], tasks: Tasks): string[] {
  const broken: string[] = [];
  const made = Map.groupBy(tasks.values(), ({ name, args }) => WISHED.includes(name) ? args[0] : null);
  for (const { number, kind, keyed, id } of wishes) {
    if (id !== null && !tasks.has(id)) broken.push(`Wish ${number} (${kind}) was accepted and is gone`);
    if (id === null && keyed) broken.push(`Wish ${number} (${kind}) has had no answer`);
    const times = (made.get(number)?.length ?? 0) / (kind === "chord" ? CHORD : 1);
    if (times > 1) broken.push(`Wish ${number} (${kind}) was fulfilled ${times} times`);
  }
  return broken;
}

/** Who waits for longer than a task takes is told its end. */
function unansweredWaits(wishes: readonly (Wish & Told)[]): string[] {
  return wishes.flatMap(({ number, kind, delay, id, wait, state }) =>
    kind === "long" || kind === "flaky" || id === null || wait < delay + 3 || state === "SUCCESS" ? [] : [
      `Wish ${number} (${kind}, after ${delay} s) was waited for ${wait} s, and its client was told ${state}`,
    ]
  );
}

/** Each occurrence from a schedule's creation on was handled once, and as the schedule promises. */
function brokenSchedules(
  { history }: Ledger,
  span: Span,
  created: ReadonlyMap<string, number>,
): string[] {
  const broken: string[] = [];
  for (const { id, period, outcomes } of SCHEDULES) {
    const handled = [...history.values()].filter(({ schedule }) => schedule === id);
    const from = created.get(id) ?? span.from;
    for (let at = from + period - from % period; at <= span.to; at += period) {
      const found = handled.filter(({ plannedAt, missedUntil }) =>
        plannedAt <= at && at <= (missedUntil ?? plannedAt)
      );
      const [only, ...more] = found.map(({ outcome }) => outcome);
      if (more.length === 0 && outcomes.some((outcome) => outcome === only)) continue;
      broken.push(`${id} at ${new Date(at).toISOString()}: ${[only ?? "nothing", ...more].join(", ")}`);
    }
  }
  return broken;
}

/** How many occurrences of each schedule have had which outcome. */
function outcomesOf({ history }: Ledger, span: Span): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { schedule, outcome, plannedAt } of history.values()) {
    if (plannedAt > span.to) continue;
    counts[`${schedule} ${outcome}`] = (counts[`${schedule} ${outcome}`] ?? 0) + 1;
  }
  return counts;
}
