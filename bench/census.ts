/**
 * Counts what a database holds after its process has left, so that no figure stands for work that was not done.
 *
 * @module
 */
import { decode, type TaskRecord } from "./inside.ts";

/** What a database holds. */
interface Census {
  /** Tasks of the counted name, by id. */
  readonly tasks: ReadonlyMap<string, TaskRecord>;
  /** Number of those tasks by state. */
  readonly states: Readonly<Record<string, number>>;
  /** Number of rows of any task by the second part of their keys: ready, run, … */
  readonly rows: Readonly<Record<string, number>>;
}

/** Counts the tasks of one name. */
export async function census(path: string, name: string): Promise<Census> {
  using kv = await Deno.openKv(path);
  const tasks = new Map<string, TaskRecord>();
  const states: Record<string, number> = {};
  const rows: Record<string, number> = {};
  for await (const { key, value } of kv.list({ prefix: ["sluice"] }, { batchSize: 500 })) {
    const family = String(key[1]);
    rows[family] = (rows[family] ?? 0) + 1;
    if (family !== "task") continue;
    const record = decode<TaskRecord>(value);
    if (record.name !== name) continue;
    tasks.set(String(key.at(-1)), record);
    states[record.state] = (states[record.state] ?? 0) + 1;
  }
  return { tasks, states, rows };
}

/**
 * Throws unless exactly `count` tasks of the name are stored, `waiting` of them ready and all others ended in SUCCESS.
 */
export async function expectDone(path: string, name: string, count: number, waiting = 0): Promise<void> {
  const { tasks, states, rows } = await census(path, name);
  const found = {
    tasks: tasks.size,
    SUCCESS: states.SUCCESS ?? 0,
    PENDING: states.PENDING ?? 0,
    ready: rows.ready ?? 0,
    run: rows.run ?? 0,
    delayed: rows.delayed ?? 0,
    blocked: rows.blocked ?? 0,
  };
  const expected = {
    tasks: count,
    SUCCESS: count - waiting,
    PENDING: waiting,
    ready: waiting,
    run: 0,
    delayed: 0,
    blocked: 0,
  };
  const [is, should] = [JSON.stringify(found), JSON.stringify(expected)];
  if (is !== should) throw new Error(`The database does not hold what was submitted: ${is}, not ${should}`);
}
