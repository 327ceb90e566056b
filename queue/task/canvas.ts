/**
 * The canvas: signatures of tasks, and how they are put together. What these functions make are values; a queue
 * submits them.
 *
 * @module
 */
import type { SubmitOptions, TaskRequest } from "../ground/task.ts";
import type {
  ChainNode,
  ChordNode,
  GroupNode,
  MapNode,
  OnFailure,
  StarmapNode,
  TaskNode,
  WorkflowNode,
} from "./node.ts";

/** What a signature may be given beside its arguments. */
export interface SignatureOptions extends SubmitOptions {
  /** Submitted when the task ends in FAILURE: its id and its error come before the callback's own arguments. */
  readonly linkError?: TaskRequest;
}

/** A call of a task that has not been made yet. */
export class Signature implements TaskNode {
  readonly name: string;
  readonly args: readonly unknown[];

  constructor(node: TaskNode) {
    Object.assign(this, node);
    this.name = node.name;
    this.args = node.args;
  }

  /**
   * The same call with other options.
   *
   * @example
   * ```ts
   * import { defineTask } from "@sluice/sluice";
   * import { z } from "zod";
   *
   * const add = defineTask({ name: "add", args: z.tuple([z.int(), z.int()]) }, (_ctx, x, y) => x + y);
   * const urgent = add.s(1, 2).set({ priority: 9, expires: 60 });
   * ```
   */
  set(options: SignatureOptions): Signature {
    return new Signature({ ...this, ...options });
  }
}

/** Runs nodes one after the other: each gets the result of the one before as its first argument. */
export function chain(...nodes: readonly WorkflowNode[]): ChainNode {
  return { chain: nodes };
}

/**
 * Runs nodes at once. Its result is the list of theirs, in their order.
 *
 * @param options.onFailure `revoke`: the first failure ends the group and those of it that have not started;
 *   `continue`: `{ error }` stands in a failed member's place. @default {"revoke"}
 */
export function group(
  members: readonly WorkflowNode[],
  options: { readonly onFailure?: OnFailure } = {},
): GroupNode {
  return { group: members, ...options };
}

/**
 * Runs the nodes of a header at once, and then a body with the list of their results. With an empty header the body
 * runs with an empty list.
 *
 * @param options as of {@link group}
 *
 * @example
 * ```ts
 * import { chord, createQueue, defineTask, memoryStore } from "@sluice/sluice";
 * import { z } from "zod";
 *
 * const count = defineTask({ name: "count", args: z.tuple([z.string()]) }, (_ctx, text) => text.split(" ").length);
 * const sum = defineTask(
 *   { name: "sum", args: z.tuple([z.array(z.int())]) },
 *   (_ctx, counts) => counts.reduce((a, b) => a + b, 0),
 * );
 *
 * const queue = createQueue({ store: memoryStore(), definitions: [count, sum] });
 * await queue.start();
 * const texts = ["to be or not to be", "that is the question"];
 * const { workflow } = await queue.submitWorkflow(chord(texts.map((text) => count.s(text)), sum.s()));
 * const { result } = await queue.waitWorkflow(workflow.id);
 * await queue.stop();
 * if (result !== 10) throw new Error("the example is wrong");
 * ```
 */
export function chord(
  header: readonly WorkflowNode[],
  body: WorkflowNode,
  options: { readonly onFailure?: OnFailure } = {},
): ChordNode {
  return { chord: { header, body }, ...options };
}

/** A group of one task for each item, which is its argument. */
export function map(task: { readonly name: string }, items: readonly unknown[]): MapNode {
  return { map: { name: task.name, items } };
}

/** A group of one task for each item, which is the list of its arguments. */
export function starmap(
  task: { readonly name: string },
  items: readonly (readonly unknown[])[],
): StarmapNode {
  return { starmap: { name: task.name, items } };
}
