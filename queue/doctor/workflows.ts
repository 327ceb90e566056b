/**
 * Laws of workflows: no task waits for a task or group that has ended, unless a `cascade` row says what its end still
 * owes; and no `cascade` row names a workflow or group that is not there (invariants 1 and 5). A repair writes the
 * `cascade` row that is missing: the next queue on the store does the rest.
 *
 * @module
 */
import type { GroupRow, TaskRecord } from "../rows/record.ts";
import type { CascadeKind } from "../rows/keys.ts";
import { idOf, scopeOf } from "../rows/keys.ts";
import type { Key } from "../store/port.ts";
import { del, put } from "../rows/unit.ts";
import { isFinal } from "../ground/task.ts";
import { type Finding, type Law, type Look, type Repair, seen, type Stored } from "./law.ts";
import { placesOf } from "./places.ts";
import { leftBehind } from "./records.ts";

/** See the module's text. */
export const workflowLaws: readonly (readonly [families: string, law: Law<never>])[] = [
  ["waiting", waitsForWhatGoesOn],
  ["task", openInItsGroup],
  ["group", hasItsWorkflow],
  ["group", toBeJoinedWhileOpen],
  ["open", openInAGroup],
  ["open", openWhileItGoesOn],
  ["open", endsWithItsGroup],
  ["cascade", owedToSomething],
];

/** The cascades that the end of a task or group may owe. */
const OWED_BY_AN_END: readonly CascadeKind[] = ["release", "fail", "close"];

function waitsForWhatGoesOn({ key }: Stored<unknown>, look: Look): Finding | null {
  const { keys } = look;
  const [waitsFor, id] = [scopeOf(key), idOf(key)];
  const part = look.at<TaskRecord>(keys.task(id))?.row.workflow;
  // A task that has no record, or waits for something else, is a finding of another law.
  if (part?.waitsFor !== waitsFor || look.isWritten(part.root) || owes(look, "revoke", part.root)) {
    return null;
  }
  if (goesOn(look, waitsFor)) return null;
  const kind = endOf(look, waitsFor) ?? (look.at(keys.workflow(part.root)) ? "release" : null);
  return {
    law: 1,
    message: `Task ${id} waits for ${waitsFor}, which has ended`,
    keys: [key, keys.task(waitsFor), keys.group(waitsFor)],
    repair: kind && owe(look, kind, waitsFor, key, keys.task(waitsFor), keys.group(waitsFor)),
  };
}

function openInItsGroup({ key, row: record }: Stored<TaskRecord>, look: Look): Finding | null {
  const { id, state, workflow } = record;
  if (workflow?.group === undefined || isFinal(state)) return null;
  const open = look.keys.open(workflow.group, id);
  if (look.at(open)) return null;
  const group = look.keys.group(workflow.group);
  const goes = (look.at<GroupRow>(group)?.row.state ?? "fired") !== "fired";
  return {
    law: 1,
    message: `Task ${id} is ${state} and not open in its group ${workflow.group}`,
    keys: [key, open],
    // A group that has fired has gone on without the task: that cannot be taken back.
    repair: !goes ? null : {
      does: "opened",
      unit: { checks: [key, open, group].map((each) => seen(look, each)), mutations: [put(open, {})] },
    },
  };
}

function hasItsWorkflow({ key, row }: Stored<GroupRow>, look: Look): Finding | null {
  const workflow = look.keys.workflow(row.root);
  if (look.isWritten(row.root) || look.at(workflow)) return null;
  const message = `Group ${idOf(key)} belongs to workflow ${row.root}, which is not there`;
  return { law: null, message, keys: [key, workflow], repair: null };
}

function toBeJoinedWhileOpen({ key, row }: Stored<GroupRow>, look: Look): Finding | null {
  const id = idOf(key);
  const join = look.keys.cascade("join", id);
  const isOpen = row.state === "open";
  if (look.isWritten(row.root) || (look.at(join) !== null) === isOpen) return null;
  const unit = {
    checks: [seen(look, key), seen(look, join)],
    mutations: [isOpen ? put(join, {}) : del(join)],
  };
  return {
    law: 1,
    message: `Group ${id} is ${row.state} and ${isOpen ? "not " : ""}to be joined`,
    keys: [key, join],
    repair: { does: isOpen ? "to be joined" : "deleted", unit },
  };
}

function openInAGroup({ key }: Stored<unknown>, look: Look): Finding | null {
  const { keys } = look;
  const [group, member] = [keys.group(scopeOf(key)), idOf(key)];
  if (look.at(group)) return null;
  const root = look.at<TaskRecord>(keys.task(member))?.row.workflow?.root ??
    look.at<GroupRow>(keys.group(member))?.row.root;
  if (root !== undefined && look.isWritten(root)) return null;
  return leftBehind(`${member} is open in group ${scopeOf(key)}, which is not there`, null, look, key, group);
}

function openWhileItGoesOn({ key }: Stored<unknown>, look: Look): Finding | null {
  const { keys } = look;
  const [id, member] = [scopeOf(key), idOf(key)];
  const [group, task, inner] = [keys.group(id), keys.task(member), keys.group(member)];
  const row = look.at<GroupRow>(group)?.row;
  if (!row || owes(look, "revoke", row.root)) return null;
  const finding = { law: 1, keys: [key, group, task, inner] };
  const record = look.at<TaskRecord>(task)?.row;
  const around = look.at<GroupRow>(inner)?.row;
  if (row.state !== "fired" && goesOn(look, member)) return null;
  const kind = endOf(look, member);
  const leaves = kind === "release" || kind !== null && (around ?? record?.workflow)?.tolerated;
  const message = row.state === "fired"
    ? `${member} is open in group ${id}, which has fired`
    : `${member} has ended and is open in group ${id}`;
  if (leaves || !record && !around) {
    return { ...finding, repair: leftBehind(message, 1, look, key, group, task, inner).repair, message };
  }
  return { ...finding, message, repair: kind && owe(look, kind, member, key, group, task, inner) };
}

/**
 * A closed group ends its members that have not started. A member that has started once goes on, wherever a retry, a
 * give-back or a rescue has put it.
 */
function endsWithItsGroup({ key }: Stored<unknown>, look: Look): Finding | null {
  const { keys } = look;
  const [id, member] = [scopeOf(key), idOf(key)];
  const [group, task] = [keys.group(id), keys.task(member)];
  const record = look.at<TaskRecord>(task)?.row;
  if (!record || isFinal(record.state) || record.startedAt !== undefined) return null;
  const places = placesOf(look, record).flatMap((place) => look.at<{ deliveries: number }>(place) ?? []);
  if (places.some(({ row }) => row.deliveries > 0) || owes(look, "close", id)) return null;
  // The state of a closed group, and the revocation of its workflow, last while the member waits.
  const row = look.at<GroupRow>(group)?.row;
  if (row?.state !== "closed" || owes(look, "revoke", row.root)) return null;
  return {
    law: 1,
    message: `${member} waits in group ${id}, which was closed`,
    keys: [key, group, task],
    repair: owe(look, "close", id, key, group, task),
  };
}

function owedToSomething({ key }: Stored<unknown>, look: Look): Finding | null {
  const { keys } = look;
  const [kind, id] = [scopeOf(key) as CascadeKind, idOf(key)];
  const to = kind === "revoke"
    ? keys.workflow(id)
    : kind === "join" || kind === "close"
    ? keys.group(id)
    : null;
  if (to === null || look.at(to)) return null;
  return leftBehind(`Nothing is there to ${kind}: ${id}`, null, look, key, to);
}

/** Whether a task or group has not ended, or has ended and something that its end owes is still to be done. */
function goesOn(look: Look, what: string): boolean {
  const { keys } = look;
  const group = look.at<GroupRow>(keys.group(what))?.row;
  const task = look.at<TaskRecord>(keys.task(what))?.row;
  if (group ? group.state === "open" : task && !isFinal(task.state)) return true;
  return OWED_BY_AN_END.some((kind) => owes(look, kind, what));
}

/** The cascade that an ended task or group owes to the tasks waiting for it; `null` when it goes on, or is gone. */
function endOf(look: Look, what: string): CascadeKind | null {
  const { keys } = look;
  const group = look.at<GroupRow>(keys.group(what))?.row.state;
  if (group) return group === "fired" ? "release" : group === "closed" ? "close" : null;
  const task = look.at<TaskRecord>(keys.task(what))?.row.state;
  return !task || !isFinal(task) ? null : task === "SUCCESS" ? "release" : "fail";
}

function owes(look: Look, kind: CascadeKind, id: string): boolean {
  return look.at(look.keys.cascade(kind, id)) !== null;
}

/** The repair that has a cascade worked off once more, under check of the rows in `as`, which showed what is owed. */
function owe(look: Look, kind: CascadeKind, id: string, ...as: readonly Key[]): Repair {
  const cascade = look.keys.cascade(kind, id);
  return {
    does: `to be ${{ release: "released", fail: "ended", close: "ended" }[kind as "release"]}`,
    unit: { checks: [cascade, ...as].map((key) => seen(look, key)), mutations: [put(cascade, {})] },
  };
}
