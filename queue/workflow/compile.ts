/**
 * The compiler: checks a workflow's tree and turns it into rows. All ids are made here, in the order of the tree, the
 * id of a group before those of its members. So a workflow's rows are neighbours, and each group is a range of them.
 *
 * @module
 */
import type { Base } from "../engine.ts";
import { type Fault, InvalidTaskError, UnknownTaskError } from "../ground/errors.ts";
import { jsonSize } from "../rows/payload.ts";
import type { GroupRow, TaskRecord, WorkflowEnd, WorkflowPart, WorkflowRow } from "../rows/record.ts";
import { toRecord } from "../request/submit.ts";
import type { Keyed } from "../request/idempotency.ts";
import type { TaskRequest } from "../ground/task.ts";
import {
  type ChordNode,
  type GroupNode,
  MAX_DEPTH,
  MAX_TASKS,
  type TaskNode,
  type WorkflowNode,
} from "../task/node.ts";

/** Most bytes of an error callback's own arguments, which are kept in the record of the task that may fail. */
const CALLBACK_BYTES = 4096;

/** A compiled workflow; its id is `root`. */
export interface Plan extends WorkflowRow {
  readonly root: string;
  readonly records: readonly TaskRecord[];
  readonly groups: readonly (GroupRow & { readonly id: string })[];
}

/** The place of a node in the tree: what comes before it and what is around it. */
interface NodePlace {
  /** JSON pointer of the node. */
  readonly at: string;
  /** The task or group that the node waits for; `null` when it waits for nothing. */
  readonly after: WorkflowEnd | null;
  /** The task before the node; after a group the group's last task. */
  readonly parent: string | null;
  /** Whether the node comes after a group without members, whose result is the empty list. */
  readonly empty: boolean;
  /** The innermost group around the node, and whether that group goes on when the node fails. */
  readonly group: { readonly id: string; readonly tolerated: boolean } | null;
  /** The nodes around this one, outermost first. */
  readonly around: readonly WorkflowNode[];
}

/** A compiled node: the task or group whose result is the node's, and its last task. */
interface Compiled {
  readonly end: WorkflowEnd;
  readonly lastTask: string;
}

/**
 * Compiles a workflow and checks all of it.
 *
 * @throws {InvalidTaskError} / {UnknownTaskError} with every fault, as JSON pointers into the tree
 */
export function compile(engine: Base, node: WorkflowNode, now: number, keyed?: Keyed): Plan {
  return new Compiler(engine, now, keyed).plan(node);
}

type Draft<T> = { -readonly [Key in keyof T]: T[Key] };

class Compiler {
  #tasks = new Map<string, TaskRecord>();
  #groups = new Map<string, Draft<GroupRow>>();
  #first: string | null = null;
  #last = "";
  #root = "";
  #faults: Fault[] = [];
  #unknown: UnknownTaskError | null = null;
  /** Tasks so far, faulty ones included. */
  #count = 0;

  constructor(readonly engine: Base, readonly now: number, readonly keyed: Keyed | undefined) {}

  plan(node: WorkflowNode): Plan {
    const compiled = this.#node(node, {
      at: "",
      after: null,
      parent: null,
      empty: false,
      group: null,
      around: [],
    });
    if (this.#unknown && this.#faults.length === 1) {
      const { taskName, suggestion } = this.#unknown;
      throw new UnknownTaskError(taskName, suggestion, this.#faults[0]!.pointer);
    }
    if (!compiled || this.#faults.length > 0) throw new InvalidTaskError(this.#faults);
    return {
      root: this.#root,
      first: this.#first!,
      last: this.#last,
      total: this.#tasks.size,
      end: compiled.end,
      records: [...this.#tasks.values()],
      groups: [...this.#groups].map(([id, row]) => ({ ...row, id })),
    };
  }

  /** Compiles a node; `null` when it has a fault. */
  #node(node: WorkflowNode, place: NodePlace): Compiled | null {
    if (typeof node !== "object" || node === null) {
      return this.#fault(place.at, "must be a task, chain, group or chord");
    }
    if (place.around.includes(node)) return this.#fault(place.at, "must not contain itself");
    if (place.around.length === MAX_DEPTH) {
      return this.#fault(place.at, `must not be nested more than ${MAX_DEPTH} levels deep`);
    }
    const within = { ...place, around: [...place.around, node] };
    if ("chain" in node) return this.#chain(node.chain, { ...within, at: `${place.at}/chain` });
    if ("group" in node) return this.#groupOf(node.group, node, { ...within, at: `${place.at}/group` });
    if ("chord" in node) return this.#chord(node, within);
    if ("map" in node) return this.#map(node.map, "map", (item) => [item], within);
    if ("starmap" in node) return this.#map(node.starmap, "starmap", (item) => item, within);
    return this.#task(node, place);
  }

  #fault(pointer: string, detail: string): null {
    this.#faults.push({ pointer, detail });
    return null;
  }

  #chain(nodes: readonly WorkflowNode[], place: NodePlace): Compiled | null {
    if (!isFilled(nodes)) return this.#fault(place.at, "must hold at least one node: got none");
    let last: Compiled | null = null;
    let whole = true;
    let before = place;
    nodes.forEach((node, i) => {
      const isLast = i === nodes.length - 1;
      // An empty group has ended when it begins: the next node takes its empty list, and waits for what is before it.
      if (!isLast && isEmpty(node)) {
        before = { ...before, empty: true };
        return;
      }
      last = this.#node(node, { ...before, at: `${place.at}/${i}` });
      whole &&= last !== null;
      // The node after a faulty one is checked as if it followed a task.
      if (!isLast) before = { ...place, ...this.#behind(last ?? NOTHING) };
    });
    return whole ? last : null;
  }

  /** Marks the end of a node as followed; returns what the place of the next node takes from it. */
  #behind({ end, lastTask }: Compiled): Pick<NodePlace, "after" | "parent" | "empty"> {
    if (end.kind === "group" && this.#groups.has(end.id)) this.#groups.get(end.id)!.followed = true;
    const task = this.#tasks.get(end.id);
    if (task) this.#tasks.set(end.id, { ...task, workflow: { ...task.workflow!, followed: true } });
    return { after: end, parent: lastTask, empty: false };
  }

  #groupOf(
    members: readonly WorkflowNode[],
    { onFailure = "revoke", results }: Pick<GroupNode, "onFailure" | "results">,
    place: NodePlace,
  ): Compiled | null {
    if (!isFilled(members)) {
      const wanted = "must hold at least one node, unless another node of a chain follows: got none";
      return this.#fault(place.at, wanted);
    }
    if (onFailure !== "revoke" && onFailure !== "continue") {
      const owner = place.at.slice(0, place.at.lastIndexOf("/"));
      this.#fault(`${owner}/on_failure`, `must be revoke or continue: got ${onFailure}`);
    }
    if (results !== undefined && results !== "ids") {
      const owner = place.at.slice(0, place.at.lastIndexOf("/"));
      this.#fault(`${owner}/results`, `must be ids: got ${results}`);
    }
    const id = this.#id();
    const { after, group } = place;
    const row: Draft<GroupRow> = {
      root: "",
      ...(group && { group: group.id, ...(group.tolerated && { tolerated: true }) }),
      ...(after && { waitsFor: after.id }),
      ...(results && { results }),
      size: members.length,
      last: "",
      state: "open",
    };
    this.#groups.set(id, row);
    const inside = { id, tolerated: onFailure === "continue" };
    let lastTask: string | null = "";
    members.forEach((member, i) => {
      const compiled = this.#node(member, { ...place, at: `${place.at}/${i}`, group: inside });
      lastTask = compiled && lastTask !== null ? compiled.lastTask : null;
    });
    row.root = this.#root;
    row.last = this.#last;
    return lastTask === null ? null : { end: { kind: "group", id }, lastTask };
  }

  #chord({ chord, onFailure, results }: ChordNode, place: NodePlace): Compiled | null {
    const bodyAt = `${place.at}/chord/body`;
    if (Array.isArray(chord.header) && chord.header.length === 0) {
      return this.#node(chord.body, { ...place, at: bodyAt, empty: true });
    }
    const header: GroupNode = {
      group: chord.header,
      ...(onFailure && { onFailure }),
      ...(results && { results }),
    };
    const group = this.#groupOf(header.group, header, { ...place, at: `${place.at}/chord/header` });
    const body = this.#node(chord.body, { ...place, at: bodyAt, ...this.#behind(group ?? NOTHING) });
    return group && body;
  }

  #map<Item>(
    { name, items }: { readonly name: string; readonly items: readonly Item[] },
    kind: "map" | "starmap",
    argsOf: (item: Item) => readonly unknown[],
    place: NodePlace,
  ): Compiled | null {
    if (!Array.isArray(items)) return this.#fault(`${place.at}/${kind}/items`, "must be an array");
    const members = items.map((item): TaskNode => ({ name, args: argsOf(item), immutable: true }));
    const faults = this.#faults.length;
    const compiled = this.#groupOf(members, {}, { ...place, at: `${place.at}/${kind}/items` });
    // A fault of the name is reported once, a fault of arguments at its item.
    for (const fault of this.#faults.splice(faults)) this.#faults.push(...inMap(fault, place.at, kind));
    return compiled;
  }

  #task(node: TaskNode, { at, after, parent, empty, group }: NodePlace): Compiled | null {
    if (++this.#count > MAX_TASKS) {
      throw new InvalidTaskError([{
        pointer: "",
        detail: `must hold at most ${MAX_TASKS} tasks: got more`,
      }]);
    }
    const { immutable, linkError, ...request } = node;
    const takes = immutable ? undefined : empty ? "empty" : after?.kind;
    const record = this.#record(request, at, takes ? 1 : 0);
    this.#root ||= record?.id ?? "";
    const callback = linkError && this.#record(linkError, `${at}/link_error`, 2);
    if (callback && jsonSize(callback.args) > CALLBACK_BYTES) {
      this.#fault(`${at}/link_error/args`, `must be at most ${CALLBACK_BYTES} bytes of JSON`);
    }
    if (!record || linkError && !callback) return null;
    const { id } = record;
    const delay = delayOf(request);
    const workflow: WorkflowPart = {
      root: this.#root,
      ...(parent !== null && { parent }),
      ...(group && { group: group.id, ...(group.tolerated && { tolerated: true }) }),
      ...(after && { waitsFor: after.id, ...(delay !== undefined && { delay }) }),
      ...(takes && { takes }),
      ...(callback && { linkError: this.#callback(callback, id, linkError!) }),
    };
    // The delay of a waiting task begins with its release, which sets `runAt`.
    const runAt = workflow.delay === undefined ? record.runAt : record.createdAt;
    this.#tasks.set(id, { ...record, runAt, workflow });
    return { end: { kind: "task", id }, lastTask: id };
  }

  #callback(record: TaskRecord, parent: string, request: TaskRequest): TaskRecord {
    const delay = delayOf(request);
    return {
      ...record,
      workflow: { root: this.#root, parent, ...(delay !== undefined && { delay }), isCallback: true },
    };
  }

  #record(request: TaskRequest, at: string, before: number): TaskRecord | null {
    if (!Array.isArray(request.args)) return this.#fault(`${at}/args`, "must be an array of arguments");
    try {
      const keyed = this.#root === "" ? this.keyed : undefined;
      const record = toRecord(this.engine, request, at, this.now, keyed, before);
      this.#first ??= record.id;
      this.#last = record.id;
      return record;
    } catch (error) {
      if (error instanceof InvalidTaskError) this.#faults.push(...error.faults);
      else if (error instanceof UnknownTaskError) {
        this.#unknown ??= error;
        this.#faults.push({ pointer: error.pointer, detail: error.message });
      } else throw error;
      return null;
    }
  }

  #id(): string {
    const id = this.engine.nextId();
    this.#first ??= id;
    this.#last = id;
    return id;
  }
}

/** Stands in for a node that has a fault. */
const NOTHING: Compiled = { end: { kind: "task", id: "" }, lastTask: "" };

function isFilled(nodes: readonly WorkflowNode[]): boolean {
  return Array.isArray(nodes) && nodes.length > 0;
}

/** Whether a node is a group, or a map, without members. */
function isEmpty(node: WorkflowNode): boolean {
  if (typeof node !== "object" || node === null) return false;
  const members = "group" in node
    ? node.group
    : "map" in node
    ? node.map?.items
    : "starmap" in node
    ? node.starmap?.items
    : null;
  return Array.isArray(members) && members.length === 0;
}

function delayOf({ delay }: TaskRequest): number | undefined {
  return delay === undefined ? undefined : Math.round(delay * 1000);
}

/**
 * Turns a fault of a map's member, whose pointer is `…/items/3/name` or `…/items/3/args/0`, into a fault of the map.
 * Every member has the same name, so only the first member's fault of the name counts.
 */
function inMap(fault: Fault, at: string, kind: "map" | "starmap"): Fault[] {
  const items = `${at}/${kind}/items`;
  const [, index, field, rest = ""] = /^\/(\d+)\/(name|args)(.*)$/.exec(fault.pointer.slice(items.length)) ??
    [];
  if (index === undefined) return [fault];
  if (field === "name") return index === "0" ? [{ ...fault, pointer: `${at}/${kind}/name` }] : [];
  const inItem = kind === "map" ? rest.replace(/^\/0/, "") : rest;
  return [{ ...fault, pointer: `${items}/${index}${inItem}` }];
}
