/**
 * Laws of where a task stands: one that has not ended is in exactly one place, which its record tells, and one that has
 * ended is in none (invariants 2 and 5). A run belongs to a registered worker.
 *
 * @module
 */
import { lostOutcome } from "../membership/rescuer.ts";
import { endRunUnit, hold, requeueUnit, wait, waitingKeys } from "../task/moves.ts";
import type { GroupRow, RunRow, TaskRecord, WorkerRow } from "../rows/record.ts";
import { cutOff, ended } from "../task/state.ts";
import { keyId } from "../store/key_id.ts";
import { familyOf, idOf, partsOf } from "../rows/keys.ts";
import type { Key, Mutation } from "../store/port.ts";
import { del, together, type Unit } from "../rows/unit.ts";
import { isFinal } from "../ground/task.ts";
import { type Finding, type Law, type Look, seen, type Stored } from "./law.ts";

/** Places, the one to keep first: a task that runs is not begun again, and one that waits is not begun early. */
const KEPT = ["run", "waiting", "delayed", "blocked", "ready"];

/** See the module's text. */
export const placeLaws: readonly (readonly [families: string, law: Law<never>])[] = [
  ["task", inOnePlace],
  ["ready delayed blocked waiting run", whereItsRecordSays],
  ["run", underAWorker],
];

function inOnePlace({ key, row: record }: Stored<TaskRecord>, look: Look): Finding | null {
  if (isFinal(record.state)) return null;
  const places = placesOf(look, record).filter((place) => look.at(place) !== null);
  if (places.length === 1) return null;
  // The last commit of a large workflow writes the pointers of the tasks that begin it.
  if (places.length === 0 && record.workflow && look.isWritten(record.workflow.root)) return null;
  const names = places.map(familyOf);
  const where = places.length === 0 ? "in no place" : `in ${places.length} places: ${names.join(", ")}`;
  const kept = places.toSorted((a, b) => KEPT.indexOf(familyOf(a)) - KEPT.indexOf(familyOf(b)))[0];
  const others = places.filter((place) => place !== kept);
  return {
    law: 2,
    message: `Task ${record.id} is ${record.state} and ${where}`,
    keys: [key, ...places],
    repair: kept
      ? {
        does: `left in ${familyOf(kept)} only`,
        unit: {
          checks: [key, ...places].map((each) => seen(look, each)),
          mutations: others.map(del),
        },
      }
      : { does: "requeued", unit: requeued(look, record) },
  };
}

function whereItsRecordSays(place: Stored<unknown>, look: Look): Finding | null {
  const { key } = place;
  const id = idOf(key);
  const task = look.at<TaskRecord>(look.keys.task(id));
  const family = familyOf(key);
  if (!task) return removed(`Task ${id} has no record and is in ${family}`, 2, place, look);
  const record = task.row;
  if (isFinal(record.state)) {
    return removed(`Task ${id} is ${record.state} and still in ${family}`, 5, place, look);
  }
  const right = placesOf(look, record);
  if (right.some((each) => keyId(each) === keyId(key))) return null;
  const message = `Task ${id} is in ${family} at the wrong place: ${partsOf(key).slice(1).join(" ")}`;
  const finding = removed(message, 2, place, look);
  if (right.some((each) => look.at(each) !== null)) return finding;
  const unit = together(finding.repair!.unit, requeued(look, record));
  return { ...finding, repair: { does: "moved to its place", unit } };
}

/** The finding of a pointer or run that is not in its task's place, to be deleted. */
function removed(message: string, law: number, { key }: Stored<unknown>, look: Look): Finding & object {
  const task = look.keys.task(idOf(key));
  const unit: Unit = { checks: [seen(look, key), seen(look, task)], mutations: [del(key)] };
  return { law, message, keys: [key, task], repair: { does: "deleted", unit } };
}

function underAWorker({ key, row: run }: Stored<RunRow>, look: Look): Finding | null {
  const id = idOf(key);
  const worker = look.keys.worker(run.worker);
  if (look.at<WorkerRow>(worker)) return null;
  return {
    law: 1,
    message: `Task ${id} runs under worker ${run.worker}, which is not registered`,
    keys: [key, worker],
    repair: givenBack(id, run, look),
  };
}

/** Ends a run whose worker is not registered, or gives its task back, as the rescue of a lost worker would. */
function givenBack(id: string, run: RunRow, look: Look): Finding["repair"] {
  const { keys, now } = look;
  const task = look.at<TaskRecord>(keys.task(id));
  if (!task || isFinal(task.row.state)) return null; // `whereItsRecordSays` repairs these
  const asSeen: Unit = {
    checks: [keys.run(id), keys.task(id), keys.worker(run.worker), keys.revoke(id)].map((key) =>
      seen(look, key)
    ),
    mutations: [],
  };
  const outcome = lostOutcome(task.row, run, look.at(keys.revoke(id)) !== null);
  return outcome
    ? {
      does: `ended as ${outcome.state}`,
      unit: together(asSeen, endRunUnit(keys, ended(task.row, run, outcome, now))),
    }
    : {
      does: "given back",
      unit: together(asSeen, requeueUnit(keys, cutOff(task.row, run, "lost", now), run.deliveries, now)),
    };
}

/** The keys of all places in which a task may be. */
export function placesOf({ keys }: Look, record: TaskRecord): Key[] {
  return [keys.run(record.id), ...waitingKeys(keys, record)];
}

/** no place → the place where the task belongs. */
function requeued(look: Look, record: TaskRecord): Unit {
  const checks = [look.keys.task(record.id), ...placesOf(look, record)].map((key) => seen(look, key));
  return { checks, mutations: [belongs(look, record)] };
}

function belongs(look: Look, record: TaskRecord): Mutation {
  const { keys, now } = look;
  const { waitsFor, root } = record.workflow ?? {};
  // A task that has started once was released before.
  if (waitsFor === undefined || record.startedAt !== undefined) return wait(keys, record, 0, now);
  const group = look.at<GroupRow>(keys.group(waitsFor))?.row.state;
  const task = look.at<TaskRecord>(keys.task(waitsFor))?.row.state;
  const goes = group === "fired" || task === "SUCCESS" || !group && !task && !look.isWritten(root!);
  return goes ? wait(keys, record, 0, now) : hold(keys, record, waitsFor);
}
