/**
 * Laws of concurrency keys: the key's row names all that run under it, once each, and no more run than the definitions
 * let run. A task that the row names and that does not run is not counted (`task/concurrency.ts`).
 *
 * @module
 */
import { limitOf } from "../task/concurrency.ts";
import type { RunRow, SlotsRow, Standing, TaskRecord } from "../rows/record.ts";
import { idOf } from "../rows/keys.ts";
import { put } from "../rows/unit.ts";
import { type Finding, type Law, type Look, seen, type Stored } from "./law.ts";

/** See the module's text. */
export const limitLaws: readonly (readonly [families: string, law: Law<never>])[] = [
  ["run", namedByItsKey],
  ["slots", namesEachOnce],
  ["slots", letsNoMoreRun],
];

function namedByItsKey({ key }: Stored<RunRow>, look: Look): Finding | null {
  const id = idOf(key);
  const task = look.keys.task(id);
  const record = look.at<TaskRecord>(task)?.row;
  if (record?.concurrencyKey === undefined) return null;
  const slots = look.keys.slots(record.concurrencyKey);
  const row = look.at<SlotsRow>(slots)?.row ?? { tasks: [] };
  if (row.tasks.some(([named]) => named === id)) return null;
  const standing: Standing = [id, record.channel, record.priority];
  const next: SlotsRow = { tasks: [...row.tasks, standing] };
  return {
    law: null,
    message: `Task ${id} runs under key ${record.concurrencyKey}, whose row does not name it`,
    keys: [key, slots],
    repair: {
      does: "named",
      unit: { checks: [key, task, slots].map((each) => seen(look, each)), mutations: [put(slots, next)] },
    },
  };
}

function namesEachOnce({ key, row }: Stored<SlotsRow>, look: Look): Finding | null {
  const once = new Map(row.tasks.map((standing) => [standing[0], standing]));
  if (once.size === row.tasks.length) return null;
  const next: SlotsRow = { tasks: [...once.values()] };
  return {
    law: null,
    message: `Key ${idOf(key)} names a task twice`,
    keys: [key],
    repair: { does: "named once", unit: { checks: [seen(look, key)], mutations: [put(key, next)] } },
  };
}

/**
 * Every start under the key rewrites its row. So if the row is the same after all `run` rows were read, the runs found
 * had started before the first read, and ran at the same time.
 */
function letsNoMoreRun({ key, row }: Stored<SlotsRow>, look: Look): Finding | null {
  const { keys, definitions } = look;
  const ids = [...new Set(row.tasks.map(([id]) => id))];
  const running = ids.filter((id) => look.at(keys.run(id)) !== null);
  const limits = running.flatMap((id) => {
    const record = look.at<TaskRecord>(keys.task(id))?.row;
    const definition = record && definitions.get(record.name);
    return definition?.concurrencyKey ? [limitOf(definition)] : [];
  });
  const most = Math.max(...limits);
  if (limits.length === 0 || running.length <= most) return null;
  return {
    law: null,
    message: `${running.length} tasks run under key ${idOf(key)}, at most ${most} may`,
    keys: [key, ...running.map((id) => keys.run(id))],
    repair: null,
  };
}
