/**
 * The nodes of a workflow, as its users write it: a tree of tasks, chains, groups and chords. Nodes are plain values:
 * the functions of `canvas.ts` make them, and requests carry them as JSON.
 *
 * @module
 */
import type { TaskRequest } from "../ground/task.ts";

/** Most tasks of one workflow. */
export const MAX_TASKS = 10_000;

/** Most levels of nodes within nodes. */
export const MAX_DEPTH = 20;

/** A part of a workflow, or all of it. */
export type WorkflowNode = TaskNode | ChainNode | GroupNode | ChordNode | MapNode | StarmapNode;

/**
 * One task. The result of the node before it, if there is one, is put before its own arguments. The definition's
 * idempotency key does not count in a workflow. Its concurrency key does, made of all arguments when they are known.
 */
export interface TaskNode extends TaskRequest {
  /** Whether the task takes its own arguments alone. */
  readonly immutable?: boolean;
  /** Callback that is submitted when the task ends in FAILURE: the task's id and error come before its arguments. */
  readonly linkError?: TaskRequest;
}

/** Nodes that run one after the other. */
export interface ChainNode {
  readonly chain: readonly WorkflowNode[];
}

/** The effect of a member's failure: `revoke` ends its group, `continue` puts an `{ error }` among the results. */
export type OnFailure = "revoke" | "continue";

/** What a group's result lists: without it the members' results, with `ids` the ids of the tasks that have them. */
export type GroupResults = "ids";

/** Nodes that run at the same time. Their result is the list of the members' results, in their order. */
export interface GroupNode {
  readonly group: readonly WorkflowNode[];
  /** @default {"revoke"} */
  readonly onFailure?: OnFailure;
  readonly results?: GroupResults;
}

/** A group (the header), and a body that runs with the group's result when every member has ended. */
export interface ChordNode {
  readonly chord: { readonly header: readonly WorkflowNode[]; readonly body: WorkflowNode };
  /** @default {"revoke"} */
  readonly onFailure?: OnFailure;
  readonly results?: GroupResults;
}

/** A group of one task for each item. The item is the task's only argument, whatever comes before the group. */
export interface MapNode {
  readonly map: { readonly name: string; readonly items: readonly unknown[] };
}

/** A group of one task for each item. The item lists all the task's arguments, whatever comes before the group. */
export interface StarmapNode {
  readonly starmap: { readonly name: string; readonly items: readonly (readonly unknown[])[] };
}
