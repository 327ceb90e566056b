/**
 * Reads a whole store and says where it breaks the engine's laws (numbers: queue/state.ts).
 *
 * @module
 */
import type { AnyTaskDefinition } from "../../queue/mod.ts";
import { limitedBy, unknownName } from "../../queue/store/keys.ts";
import type { Store } from "../../queue/store/port.ts";
import { type Row, rowsOf } from "./rows.ts";

const FINAL = new Set(["SUCCESS", "FAILURE", "REVOKED"]);
const PLACES = new Set(["ready", "delayed", "blocked", "waiting", "run"]);

/** One sentence for each broken law; empty when all is well. Only meaningful while no queue is writing. */
export async function brokenLaws(
  store: Store,
  namespace = "sluice",
  definitions: readonly AnyTaskDefinition[] = [],
): Promise<string[]> {
  const rows = await rowsOf(store, undefined, namespace);
  const of = (family: string) => rows.filter((row) => row.family === family);
  const id = ({ key }: Row) => String(key.at(-1));
  const tasks = new Map(of("task").map((row) => [id(row), row.value]));
  const broken: string[] = [];

  const places = new Map<string, Row[]>();
  for (const row of rows.filter(({ family }) => PLACES.has(family))) {
    places.set(id(row), [...places.get(id(row)) ?? [], row]);
  }
  for (const [task, { state, name, runAt, channel, priority, concurrencyKey }] of tasks) {
    const at = places.get(task) ?? [];
    const names = at.map(({ family }) => family).join(", ");
    if (FINAL.has(state) && at.length > 0) broken.push(`Task ${task} is ${state} and still in ${names}`);
    if (!FINAL.has(state) && at.length !== 1) {
      broken.push(`Task ${task} is ${state} and in ${at.length} places: ${names} (invariant 2)`);
    }
    for (const { family, key } of at) {
      if (family === "delayed" && key[2] !== runAt) {
        broken.push(`Task ${task} is delayed to ${key[2]}, not ${runAt}`);
      }
      if (family === "ready" && (key[2] !== channel || key[3] !== 9 - priority)) {
        broken.push(`Task ${task} is ready at the wrong place: ${key.join(" ")}`);
      }
      const mayBlock = [
        unknownName(name),
        limitedBy("rate", channel, name),
        limitedBy("key", channel, concurrencyKey),
      ];
      if (family === "blocked" && !(mayBlock.includes(String(key[2])) && key[3] === 9 - priority)) {
        broken.push(`Task ${task} is blocked at the wrong place: ${key.join(" ")}`);
      }
    }
  }
  for (const [task, at] of places) {
    if (!tasks.has(task)) broken.push(`Task ${task} has no record and is in ${at[0]!.family}`);
  }
  const workers = new Set(of("worker").map(id));
  for (const row of of("run")) {
    if (!workers.has(row.value.worker)) {
      broken.push(`Task ${id(row)} runs under a worker that is not registered`);
    }
  }
  for (const { key } of of("lane")) {
    if (!workers.has(String(key[2]))) broken.push(`Lane ${key[3]} of a worker that is not registered`);
  }
  const keys = of("idem");
  for (const [task, { name, state, definitionKey: own }] of tasks) {
    if (!own || FINAL.has(state)) continue;
    const held = keys.find(({ key }) => key[2] === `task:${name}` && key[3] === own.key);
    if (!held?.value.ids.includes(task)) {
      broken.push(`Task ${task} is ${state} without its key (invariant 6)`);
    }
  }
  for (const { key, value } of keys) {
    if (String(key[2]).startsWith("task:") && !tasks.has(value.ids[0])) {
      broken.push(`Key ${key.slice(2).join(" ")} has outlived its task (invariant 6)`);
    }
  }
  broken.push(...brokenLimits(of, tasks, definitions));
  const ended = new Map(of("ended").map((row) => [id(row), row.key[2]]));
  for (const [task, { state }] of tasks) {
    const listed = state === "FAILURE" || state === "REVOKED" ? state : undefined;
    if (ended.get(task) !== listed) broken.push(`Task ${task} is ${state} and listed as ${ended.get(task)}`);
  }
  for (const task of ended.keys()) {
    if (!tasks.has(task)) broken.push(`Task ${task} is listed as ended and gone`);
  }
  broken.push(...brokenWorkflows(rows, tasks));
  for (const { key } of of("blob")) {
    const chunks = tasks.get(String(key[2]))?.[`${String(key[3])}Chunks`] ?? 0;
    if (Number(key[4]) >= chunks) broken.push(`Chunk ${key.slice(2).join(" ")} belongs to no record`);
  }
  return [...broken, ...brokenSchedules(of, tasks)];
}

/** Schedules are due exactly while they may fire, and no occurrence has two tasks (invariant 7). */
// deno-lint-ignore no-explicit-any -- a task record, whatever it holds
function brokenSchedules(of: (family: string) => Row[], tasks: ReadonlyMap<string, any>): string[] {
  const broken: string[] = [];
  const due = new Map(of("due").map(({ key }) => [String(key[3]), key[2]]));
  const schedules = new Map(of("schedule").map((row) => [String(row.key[2]), row.value]));
  for (const [id, { paused, orphaned, nextRunAt, dueAt }] of schedules) {
    const may = !paused && !orphaned && nextRunAt !== null;
    if (may !== (dueAt !== null)) broken.push(`Schedule ${id} may fire: ${may}, and is due at ${dueAt}`);
    if (due.get(id) !== (dueAt ?? undefined)) {
      broken.push(`Schedule ${id} is due at ${dueAt} and listed as due at ${due.get(id)}`);
    }
  }
  for (const id of due.keys()) if (!schedules.has(id)) broken.push(`Schedule ${id} is due and gone`);
  if (of("due").length !== due.size) broken.push("A schedule is listed as due twice");
  const planned = new Set<string>();
  const fired = new Set<string>();
  for (const { key, value: { plannedAt, outcome, taskId } } of of("occurrence")) {
    const [, , schedule, n] = key;
    const { handled } = schedules.get(String(schedule)) ?? { handled: 0 };
    if (Number(n) >= handled) broken.push(`Occurrence ${n} of ${schedule} is beyond its ${handled}`);
    if (taskId !== null) fired.add(taskId);
    if (outcome === "manual") continue;
    const moment = `${schedule} at ${plannedAt}`;
    if (planned.has(moment)) broken.push(`Occurrence of ${moment} was handled twice (invariant 7)`);
    planned.add(moment);
  }
  for (const [id, { scheduleId }] of tasks) {
    if (scheduleId === undefined || fired.has(id) || !schedules.has(scheduleId)) continue;
    const { handled } = schedules.get(scheduleId);
    if (handled <= 1000) broken.push(`Task ${id} of ${scheduleId} is in no occurrence (invariant 7)`);
  }
  return broken;
}

/** The laws of workflows: nothing waits for what has come to its end, unless a `cascade` row says that this is owed. */
function brokenWorkflows(rows: readonly Row[], tasks: ReadonlyMap<string, Row["value"]>): string[] {
  const broken: string[] = [];
  const of = (family: string) => rows.filter((row) => row.family === family);
  const id = ({ key }: Row) => String(key.at(-1));
  const groups = new Map(of("group").map((row) => [id(row), row.value]));
  const workflows = new Set(of("workflow").map(id));
  const cascades = new Set(of("cascade").map(({ key }) => `${String(key[2])} ${String(key[3])}`));
  const unfinished = new Set<string>(
    of("cascade").filter(({ key }) => key[2] === "undo").map((r) => r.value.root),
  );
  const owed = (kinds: string, what: string) =>
    kinds.split(" ").some((kind) => cascades.has(`${kind} ${what}`));
  const running = new Set(of("run").map(id));
  /** Whether a task or group has not come to its end, or has and something of that is still owed. */
  const goesOn = (what: string) => {
    if (owed("release fail close undo", what)) return true;
    const group = groups.get(what);
    return group ? group.state === "open" : tasks.has(what) && !FINAL.has(tasks.get(what)!.state);
  };

  for (const { key } of of("waiting")) {
    const [waitsFor, task] = [String(key[2]), String(key[3])];
    const part = tasks.get(task)?.workflow;
    if (part?.waitsFor !== waitsFor) {
      broken.push(`Task ${task} waits for ${waitsFor}, not for ${part?.waitsFor}`);
    }
    if (!part || unfinished.has(part.root) || owed("revoke", part.root)) continue;
    if (!goesOn(waitsFor)) broken.push(`Task ${task} waits for ${waitsFor}, which has ended`);
  }
  for (const [group, { state, root }] of groups) {
    if (unfinished.has(root)) continue;
    if (!workflows.has(root)) broken.push(`Group ${group} belongs to no workflow`);
    if (cascades.has(`join ${group}`) !== (state === "open")) {
      broken.push(`Group ${group} is ${state} and ${state === "open" ? "not " : ""}to be joined`);
    }
  }
  const open = new Set(of("open").map(({ key }) => `${String(key[2])} ${String(key[3])}`));
  for (const row of of("open")) {
    const [group, member] = [groups.get(String(row.key[2])), id(row)];
    if (!group) {
      if (!unfinished.has(tasks.get(member)?.workflow.root)) broken.push(`${member} is open in no group`);
    } else if (owed("revoke", group.root)) continue;
    else if (group.state === "fired") broken.push(`${member} is open in a group that has fired`);
    else if (!goesOn(member)) broken.push(`${member} has ended and is open in its group`);
    else if (group.state === "closed" && !owed("close", String(row.key[2])) && !owed("fail", member)) {
      const started = running.has(member) || tasks.get(member)?.startedAt !== undefined || groups.has(member);
      if (!started) broken.push(`${member} waits in a group that was closed`);
    }
  }
  for (const [task, { state, workflow }] of tasks) {
    if (!workflow?.group || FINAL.has(state) || open.has(`${workflow.group} ${task}`)) continue;
    broken.push(`Task ${task} is ${state} and not open in its group`);
  }
  for (const name of cascades) {
    const [kind, what] = name.split(" ") as [string, string];
    const known = kind === "revoke"
      ? workflows.has(what)
      : kind === "join" || kind === "close"
      ? groups.has(what)
      : true;
    if (!known) broken.push(`Nothing is there to ${name}`);
  }
  return broken;
}

/** What runs under a concurrency key is named by the key's row, and is no more than the definitions let run. */
function brokenLimits(
  of: (family: string) => Row[],
  tasks: ReadonlyMap<string, Row["value"]>,
  definitions: readonly AnyTaskDefinition[],
): string[] {
  const broken: string[] = [];
  const named = new Map<string, Set<string>>();
  for (const { key, value } of of("slots")) {
    const ids: string[] = value.tasks.map(([id]: [string]) => id);
    named.set(String(key[2]), new Set(ids));
    if (new Set(ids).size < ids.length) broken.push(`Key ${key[2]} names a task twice`);
    for (const id of ids) if (!tasks.has(id)) broken.push(`Key ${key[2]} names task ${id}, which is gone`);
  }
  const running = Map.groupBy(of("run"), ({ key }) => tasks.get(String(key[2]))?.concurrencyKey);
  for (const [concurrencyKey, runs] of running) {
    if (concurrencyKey === undefined) continue;
    for (const { key } of runs) {
      if (named.get(concurrencyKey)?.has(String(key[2]))) continue;
      broken.push(`Task ${key[2]} runs under key ${concurrencyKey}, whose row does not name it`);
    }
    const limits = runs.flatMap(({ key }) => {
      const definition = definitions.find(({ name }) => name === tasks.get(String(key[2])).name);
      return definition?.concurrencyKey ? [definition.concurrencyLimit ?? 1] : [];
    });
    if (limits.length > 0 && runs.length > Math.max(...limits)) {
      broken.push(`${runs.length} tasks run under key ${concurrencyKey}, at most ${Math.max(...limits)} may`);
    }
  }
  return broken;
}
