/**
 * The canvas: signatures of tasks, and the functions that join them into workflows. Each function returns a plain
 * value, which `Queue.submitWorkflow` submits.
 *
 * @module
 */
import type { SubmitOptions, TaskRequest } from "../ground/task.ts";
import type {
  ChainNode,
  ChordNode,
  GroupNode,
  GroupResults,
  MapNode,
  OnFailure,
  StarmapNode,
  TaskNode,
  WorkflowNode,
} from "./node.ts";

/** Options of a signature: those of a submission, and an error callback. */
export interface SignatureOptions extends SubmitOptions {
  /** Callback that is submitted when the task ends in FAILURE: the task's id and error come before its arguments. */
  readonly linkError?: TaskRequest;
}

/** Options of {@link group} and {@link chord}. */
export interface GroupOptions {
  readonly onFailure?: OnFailure;
  readonly results?: GroupResults;
}

/** A call of a task that is not submitted yet: name, arguments and options as a value. */
export class Signature implements TaskNode {
  readonly name: string;
  readonly args: readonly unknown[];

  constructor(node: TaskNode) {
    Object.assign(this, node);
    this.name = node.name;
    this.args = node.args;
  }

  /**
   * Makes the same call with these options changed.
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

/** Makes a workflow that runs nodes one after the other: each gets the result of the one before as first argument. */
export function chain(...nodes: readonly WorkflowNode[]): ChainNode {
  return { chain: nodes };
}

/**
 * Makes a workflow that runs its members at the same time. Its result is the list of the members' results, in their
 * order.
 *
 * @param options.onFailure `revoke`: the first failure ends the group and its members that have not started;
 *   `continue`: `{ error }` stands in the place of a failed member's result. @default {"revoke"}
 * @param options.results `ids`: the result lists the ids of the members' tasks, however large their results are. Whoever
 *   gets the list reads them by `Queue.get`
 */
export function group(
  members: readonly WorkflowNode[],
  options: GroupOptions = {},
): GroupNode {
  return { group: members, ...options };
}

/**
 * Makes a workflow that runs the nodes of a header at the same time, and then a body with the list of their results.
 * With an empty header the body runs with an empty list.
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
  options: GroupOptions = {},
): ChordNode {
  return { chord: { header, body }, ...options };
}

/** Makes a group of one task for each item. The item is the task's argument. */
export function map(task: { readonly name: string }, items: readonly unknown[]): MapNode {
  return { map: { name: task.name, items } };
}

/** Makes a group of one task for each item. The item is the list of the task's arguments. */
export function starmap(
  task: { readonly name: string },
  items: readonly (readonly unknown[])[],
): StarmapNode {
  return { starmap: { name: task.name, items } };
}
