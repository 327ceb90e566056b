/**
 * Workflows as callers see them. The graph is read off the rows: what each task or group waits for, and which group it
 * is in, give the tree that was submitted.
 *
 * @module
 */
import type { Namespace } from "../rows/keys.ts";
import { ArgumentsError, WorkflowNotFoundError } from "../ground/errors.ts";
import { isOlder, isTaskId } from "../ground/ids.ts";
import { unpack } from "../rows/payload.ts";
import { type Reading, readRecords } from "../task/read.ts";
import type { GroupRow, RunRow, TaskRecord, WorkflowEnd, WorkflowRow } from "../rows/record.ts";
import { decode, decodeEntry } from "../rows/codec.ts";
import { type FinalState, isFinal, type Json, type TaskError, type TaskState } from "../ground/task.ts";
import { brief } from "../task/failure.ts";
import type { Found } from "../task/read.ts";
import { groupsOf, recordsOf, runsOf } from "./rows.ts";
import { errorValue, groupResult, type Resolving } from "./value.ts";

/** Members of a group that a graph shows; those of a larger one are listed by `Queue.list`. */
const MAX_MEMBERS = 100;

/** A workflow as callers see it. Times are milliseconds since 1970. */
export interface Workflow {
  /** Id of the first task, which is the `rootId` of all tasks. */
  readonly id: string;
  /** PENDING until a task has started or ended, then STARTED until the task or group of `resultId` has ended. */
  readonly state: "PENDING" | "STARTED" | FinalState;
  /** Number of tasks, without error callbacks. */
  readonly total: number;
  /** Number of tasks that have ended. */
  readonly finished: number;
  /** Number of tasks that have ended in FAILURE. */
  readonly failed: number;
  /** The task or group whose result is the workflow's. */
  readonly resultId: string;
  /** The result; `null` until SUCCESS, and `{ error }` for a list of more than 512 KiB. */
  readonly result: Json;
  readonly error: TaskError | null;
  readonly createdAt: number;
  readonly doneAt: number | null;
  readonly graph: GraphNode;
}

/** A part of a workflow's graph. */
export type GraphNode = GraphTask | { readonly chain: readonly GraphNode[] } | { readonly group: GraphGroup };

/** A task in a graph. */
export interface GraphTask {
  readonly id: string;
  readonly name: string;
  readonly state: TaskState;
  /** The id that the error callback has if the task fails. */
  readonly linkErrorId?: string;
}

/** A group in a graph. */
export interface GraphGroup {
  readonly id: string;
  /** Number of members; a chain is one. */
  readonly size: number;
  /** Number of members that have ended. */
  readonly finished: number;
  /** The members; left out of a group of more than 100. */
  readonly members?: readonly GraphNode[];
}

/** A task or group before it is drawn. */
interface Item {
  readonly id: string;
  readonly waitsFor: string | undefined;
  /** The task; `null` for a group. */
  readonly node: GraphTask | null;
  /** The group's row; `null` for a task. */
  readonly row: GroupRow | null;
}

/** Collects a workflow's rows and draws its graph. */
export class Drawing {
  /** Tasks and groups by the innermost group around them; `""` for those that are in none. */
  #scopes = new Map<string, Item[]>();
  #end: { state: string; error: TaskError | null; doneAt: number | null; versionstamp: string } | null = null;
  #finished = 0;
  #failed = 0;
  /** Versionstamps of the commits of failures that no group tolerates. */
  #fatal: string[] = [];
  #begun = false;
  #createdAt = 0;
  #keyedUntil = 0;

  constructor(readonly root: string, readonly row: WorkflowRow) {}

  /** Adds a task. @param versionstamp that of the record; empty while it is not stored */
  addTask(record: TaskRecord, run: RunRow | undefined, versionstamp = ""): void {
    const { id, name, doneAt = null, error = null, workflow } = record;
    const { group = "", waitsFor, tolerated, linkError, isCallback } = workflow!;
    if (isCallback) return;
    if (id === this.root) {
      this.#createdAt = record.createdAt;
      this.#keyedUntil = record.idempotency?.expiresAt ?? 0;
    }
    const running = run && doneAt === null;
    const state: TaskState = !running ? record.state : run.progress === undefined ? "STARTED" : "PROGRESS";
    const node = { id, name, state, ...(linkError && { linkErrorId: linkError.id }) };
    this.#scope(group).push({ id, waitsFor, node, row: null });
    if (id === this.row.end.id) this.#end = { state, error, doneAt, versionstamp };
    if (state !== "PENDING") this.#begun = true;
    if (doneAt !== null) this.#finished++;
    if (state === "FAILURE") {
      this.#failed++;
      if (!tolerated) this.#fatal.push(versionstamp);
    }
  }

  /** Adds a group. @param versionstamp that of the row; empty while it is not stored */
  addGroup(id: string, row: GroupRow, versionstamp = ""): void {
    this.#scope(row.group ?? "").push({ id, waitsFor: row.waitsFor, node: null, row });
    if (id !== this.row.end.id) return;
    const state = { open: "PENDING", fired: "SUCCESS", closed: "REVOKED" }[row.state];
    this.#end = { state, error: row.error ?? null, doneAt: row.doneAt ?? null, versionstamp };
  }

  /**
   * Draws the workflow.
   *
   * @param result reads the result; called for a workflow that has succeeded
   * @param ttl milliseconds that a workflow is kept after its end
   * @returns `null` when the workflow is no longer kept
   */
  async workflow(result: () => Promise<Json>, now: number, ttl: number): Promise<Workflow | null> {
    const end = this.#end;
    if (!end || end.doneAt !== null && Math.max(end.doneAt + ttl, this.#keyedUntil) <= now) return null;
    // A failure before the end makes the workflow a FAILURE; one after a revoke of the workflow changes nothing.
    const failed = end.state === "REVOKED" && this.#fatal.some((commit) => commit < end.versionstamp);
    const state = failed ? "FAILURE" : end.state as TaskState;
    const done = isFinal(state);
    return {
      id: this.root,
      state: done ? state : this.#begun ? "STARTED" : "PENDING",
      total: this.row.total,
      finished: this.#finished,
      failed: this.#failed,
      resultId: this.row.end.id,
      result: state === "SUCCESS" ? await result() : null,
      error: done ? end.error : null,
      createdAt: this.#createdAt,
      doneAt: done ? end.doneAt : null,
      graph: this.#draw("")[0]!.node,
    };
  }

  #scope(group: string): Item[] {
    let items = this.#scopes.get(group);
    if (!items) this.#scopes.set(group, items = []);
    return items;
  }

  /**
   * Draws the members of a group, or all for `""`. An item that waits for the one before it continues that one's chain.
   */
  #draw(group: string): { node: GraphNode; ended: boolean }[] {
    const chains: Item[][] = [];
    let before: string | undefined;
    for (const item of this.#scope(group).sort((a, b) => a.id < b.id ? -1 : 1)) {
      if (before !== undefined && item.waitsFor === before) chains.at(-1)!.push(item);
      else chains.push([item]);
      before = item.id;
    }
    return chains.map((items) => {
      const parts = items.map((item) => item.row ? this.#drawGroup(item.id, item.row) : item.node!);
      const [last, row] = [items.at(-1)!, items.at(-1)!.row];
      return {
        node: parts.length === 1 ? parts[0]! : { chain: parts },
        ended: row ? row.state !== "open" : isFinal(last.node!.state),
      };
    });
  }

  #drawGroup(id: string, { size }: GroupRow): GraphNode {
    const members = this.#draw(id);
    const finished = members.filter(({ ended }) => ended).length;
    const shown = size <= MAX_MEMBERS && { members: members.map(({ node }) => node) };
    return { group: { id, size, finished, ...shown } };
  }
}

/** Reads a workflow. @throws {WorkflowNotFoundError} */
export async function getWorkflow(engine: Reading & Resolving, id: string): Promise<Workflow> {
  const row = await findWorkflow(engine, id);
  const span = { ...row, root: id };
  const runs = await runsOf(engine, span);
  const drawing = new Drawing(id, row);
  for await (const { record, entry } of recordsOf(engine, span)) {
    drawing.addTask(record, runs.get(record.id), entry.versionstamp);
  }
  for await (const { id, row, entry } of groupsOf(engine, span)) {
    drawing.addGroup(id, row, entry.versionstamp);
  }
  const { clock, settings } = engine;
  const workflow = await drawing.workflow(
    () => resultOf(engine, row),
    clock.now(),
    settings.resultTtl * 1000,
  );
  if (!workflow) throw new WorkflowNotFoundError(id, "expired");
  return workflow;
}

/** Reads the row of a workflow. @throws {WorkflowNotFoundError} */
export async function findWorkflow(engine: Reading, id: string): Promise<WorkflowRow> {
  if (!isTaskId(id)) throw new WorkflowNotFoundError(id, "malformed");
  const [entry] = await engine.store.getMany([engine.keys.workflow(id)]);
  const row = decodeEntry<WorkflowRow>(entry);
  if (row) return row;
  const old = isOlder(id, engine.clock.now() - engine.settings.resultTtl * 1000);
  throw new WorkflowNotFoundError(id, old ? "expired" : "unknown");
}

/** Looks whether the task or group that a workflow ends with has ended: one read, whatever the workflow's size. */
export async function lookAtEnd({ store, keys }: Namespace, { kind, id }: WorkflowEnd): Promise<Found<void>> {
  const key = kind === "task" ? keys.task(id) : keys.group(id);
  const [entry] = await store.getMany([key]);
  // An absent row counts as ended, so that nobody waits for it.
  const doneAt = entry ? decode<TaskRecord | GroupRow>(entry.value).doneAt ?? null : 0;
  return { seen: undefined, doneAt, row: { key, versionstamp: entry?.versionstamp ?? null } };
}

async function resultOf(engine: Resolving, { end }: WorkflowRow): Promise<Json> {
  if (end.kind === "task") {
    const [record] = await readRecords(engine, [end.id]);
    return record ? (await unpack(engine.store, engine.keys, record)).result ?? null : null;
  }
  try {
    return await groupResult(engine, end.id);
  } catch (error) {
    if (error instanceof ArgumentsError) return errorValue(brief(error));
    throw error;
  }
}
