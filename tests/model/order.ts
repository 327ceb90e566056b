/**
 * Laws about what happens during a step: nothing of a paused channel starts; and where one process executes, of what may
 * start at any time the more urgent comes first, and of these the older.
 *
 * @module
 */
import type { TaskRecord } from "../../queue/rows/record.ts";
import type { Row } from "../support/rows.ts";
import type { History } from "./history.ts";

/** What stood where before a step. */
interface Before {
  readonly claims: ReadonlyMap<string, number>;
  readonly ready: ReadonlySet<string>;
  /** What is set for channels: row by name. */
  readonly channels: ReadonlyMap<string, Row>;
}

/** Notes what stands where. */
export function before(history: History, channels: readonly Row[]): Before {
  const ids = [...history.records.keys()];
  return {
    claims: new Map(ids.map((id) => [id, history.claimsOf(id)])),
    ready: new Set(ids.filter((id) => history.placeOf(id) === "ready")),
    channels: new Map(channels.map((row) => [String(row.key[2]), row])),
  };
}

/**
 * What has started although it should not.
 *
 * @param limited names of tasks that may have to wait for a limit
 * @param calm nothing went wrong: who looked for tasks has seen them all
 * @param shared every claim checks what is set for its channel; else a pause is only answered when none is on its way
 */
export function outOfOrder(
  from: Before,
  history: History,
  channels: readonly Row[],
  limited: ReadonlySet<string>,
  calm: boolean,
  shared: boolean,
): string[] {
  const to = before(history, channels);
  const records = [...history.records.values()];
  const started = records.filter(({ id }) => to.claims.get(id)! > (from.claims.get(id) ?? 0));
  const passed = records.filter(({ id }) =>
    from.ready.has(id) && to.ready.has(id) && to.claims.get(id) === from.claims.get(id)
  );
  const broken: string[] = [];
  for (const task of started) {
    const row = from.channels.get(task.channel);
    const unchanged = row?.entry.versionstamp === to.channels.get(task.channel)?.entry.versionstamp;
    if (!unchanged) continue;
    if ((calm || shared) && (row?.value.paused || row?.value.purging)) {
      broken.push(`Task ${task.id} was started while ${task.channel} was paused`);
    }
    // Of a store that others claim from as well, each process takes its own share first (queue/claim/shares.ts).
    if (!calm || shared || row || limited.has(task.name)) continue;
    const first = passed.find((other) =>
      other.channel === task.channel && !limited.has(other.name) && standsBefore(other, task)
    );
    if (first) broken.push(`Task ${task.id} was started before ${first.id}, which stands before it`);
  }
  return broken;
}

function standsBefore(a: TaskRecord, b: TaskRecord): boolean {
  return a.priority === b.priority ? a.id < b.id : a.priority > b.priority;
}
