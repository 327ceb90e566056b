/**
 * What a workflow is made of, as its users write it: a tree of tasks, chains, groups and chords. `canvas.ts` makes
 * these values, and so does JSON.
 *
 * @module
 */
import type { TaskRequest } from "../ground/task.ts";

/** Tasks of one workflow. */
export const MAX_TASKS = 10_000;

/** Nodes within nodes. */
export const MAX_DEPTH = 20;

/** A part of a workflow, or all of it. */
export type WorkflowNode = TaskNode | ChainNode | GroupNode | ChordNode | MapNode | StarmapNode;

/**
 * One task. The result of what comes before is its first argument, before its own. Its definition's idempotency key does
 * not count in a workflow, and its concurrency key only where it takes nothing from before.
 */
export interface TaskNode extends TaskRequest {
  /** It takes its own arguments alone. */
  readonly immutable?: boolean;
  /** Submitted when it ends in FAILURE: the failed task's id and its error come before its own arguments. */
  readonly linkError?: TaskRequest;
}

/** One after the other. */
export interface ChainNode {
  readonly chain: readonly WorkflowNode[];
}

/** What a member's failure means for its group: the end of it, or an `{ error }` among the results. */
export type OnFailure = "revoke" | "continue";

/** All at once. Its result is the list of its members' results, in their order. */
export interface GroupNode {
  readonly group: readonly WorkflowNode[];
  /** @default {"revoke"} */
  readonly onFailure?: OnFailure;
}

/** A group, and what runs with its result when all of it has ended. */
export interface ChordNode {
  readonly chord: { readonly header: readonly WorkflowNode[]; readonly body: WorkflowNode };
  /** @default {"revoke"} */
  readonly onFailure?: OnFailure;
}

/** A group of one task for each item, which is its only argument, whatever comes before. */
export interface MapNode {
  readonly map: { readonly name: string; readonly items: readonly unknown[] };
}

/** A group of one task for each list of arguments, which are all of its arguments, whatever comes before. */
export interface StarmapNode {
  readonly starmap: { readonly name: string; readonly items: readonly (readonly unknown[])[] };
}
