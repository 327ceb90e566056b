/**
 * The time that tasks waited for their start, by the world's clock.
 *
 * @module
 */
import type { Row } from "../support/rows.ts";
import type { Ledger } from "./ledger.ts";

/** Stored tasks by id. */
export type Tasks = ReadonlyMap<string, Row["value"]>;

/** Milliseconds from the moment a task can start to its first start. */
export interface Latency {
  readonly tasks: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * Tasks by when they can start:
 *
 * ```text
 * asked             at once, from the client's first request: cold starts are in it
 * submitted         the same, from when the database has them
 * in bursts         the same of those that came with dozens of others, and may have to wait for a slot
 * scheduled         at a full minute, from that minute
 * due in traffic    later, while requests come
 * due in silence    later, while none come: not 10 s before and not 10 s after
 * ```
 */
type Group = typeof GROUPS[number];

const GROUPS = ["asked", "submitted", "in bursts", "scheduled", "due in traffic", "due in silence"] as const;

const SILENCE = 10_000;

/** What is promised of a group: its slowest hundredth, or all of it. */
const PROMISES: readonly (readonly [Group, "p99" | "max", number])[] = [
  ["submitted", "p99", 1000],
  ["due in silence", "max", 62_000],
];

/** Figures by group. */
export function latencies(tasks: Tasks, ledger: Ledger): Record<Group, Latency> {
  const waits = [...tasks].flatMap(([id, task]) => {
    const start = ledger.starts.get(id)?.[0];
    return start === undefined
      ? []
      : duesOf(id, task, ledger).map(([group, due]) => [group, start - due] as const);
  });
  const of = (group: Group) => figures(waits.flatMap(([found, wait]) => found === group ? [wait] : []));
  return Object.fromEntries(GROUPS.map((group) => [group, of(group)])) as Record<Group, Latency>;
}

/** What the figures do not hold of what is promised. */
export function brokenPromises(found: Record<Group, Latency>): string[] {
  return PROMISES.flatMap(([group, figure, most]) =>
    found[group][figure] <= most
      ? []
      : [`Of tasks ${group} ${figure} is ${found[group][figure]} ms until their start, not ${most}`]
  );
}

/** When a task could start, by the groups it is in; a chord's body, which nobody waits for here, is in none. */
function duesOf(id: string, task: Row["value"], ledger: Ledger): [Group, number][] {
  const stored = ledger.stored.get(id)!;
  if (task.scheduleId !== undefined) return [["scheduled", ledger.planned.get(id) ?? stored]];
  if (task.name === "total") return [];
  const wish = ledger.wishes.get(task.args[0])!;
  if (wish.kind !== "delayed") {
    return wish.burst ? [["in bursts", stored]] : [["asked", wish.at], ["submitted", stored]];
  }
  const due = stored + wish.delay * 1000;
  const near = ledger.requests.some((request) => Math.abs(request - due) < SILENCE);
  return [[near ? "due in traffic" : "due in silence", due]];
}

function figures(values: number[]): Latency {
  values.sort((a, b) => a - b);
  const last = values.length - 1;
  const at = (share: number) => Math.round(values[Math.min(last, Math.floor(values.length * share))] ?? 0);
  return { tasks: values.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
