/**
 * Turns a posted workflow into the engine's: each node is held against the schema of its kind, and every fault is told
 * with its place in the posted tree.
 *
 * @module
 */
import type { z } from "@hono/zod-openapi";
import type { Queue, WorkflowNode } from "../../queue/mod.ts";
import {
  ChainBody,
  ChordBody,
  DEPTH_LIMIT,
  GroupBody,
  MapBody,
  StarmapBody,
  TaskNodeBody,
} from "../contract/mod.ts";
import { engineFaults, type RequestFault, withFound, zodFaults } from "../http/faults.ts";
import { isObject, type JsonObject } from "../http/merge_patch.ts";
import { invalidRequest, taskFaults } from "../http/problems.ts";
import { given } from "./given.ts";
import { taskRequest } from "./requests.ts";

/** The fields that name the kind of a node; a node without any is a task. */
const KINDS = ["chain", "group", "chord", "map", "starmap"] as const;

/**
 * Reads a posted workflow.
 *
 * @throws {RequestError} with every fault, the ones included that the engine would find
 */
export function readNode(queue: Queue, body: unknown): WorkflowNode {
  const reader = new Reader();
  const node = reader.node(body, "", 0, 0);
  const { faults, tasks } = reader;
  if (faults.length === 0) return node!;
  const found = tasks.flatMap(({ task, at, before }) =>
    engineFaults("body", taskFaults(queue, task, before), at)
  );
  throw invalidRequest(withFound(faults, found));
}

class Reader {
  readonly faults: RequestFault[] = [];
  /** Every task read so far, with the number of arguments that the workflow will put before its own. */
  readonly tasks: { readonly task: unknown; readonly at: string; readonly before: number }[] = [];

  /** Reads a node; `null` when a fault was found in it. */
  node(value: unknown, at: string, depth: number, before: number): WorkflowNode | null {
    if (depth === DEPTH_LIMIT) {
      return this.#fault(at, `must not be nested more than ${DEPTH_LIMIT} levels deep`);
    }
    if (!isObject(value)) {
      return this.#fault(at, `must be a task, or an object with one of ${KINDS.join(", ")}`);
    }
    const kinds = KINDS.filter((kind) => kind in value);
    if (kinds.length > 1) return this.#fault(at, `must have only one of ${kinds.join(", ")}`);
    switch (kinds[0]) {
      case "chain": {
        const body = this.#parse(ChainBody, value, at);
        const chain = this.#all(field(value, "chain"), `${at}/chain`, depth, (i) => i === 0 ? before : 1);
        return body && chain && { chain };
      }
      case "group": {
        const body = this.#parse(GroupBody, value, at);
        const group = this.#all(field(value, "group"), `${at}/group`, depth, () => before);
        return body && group && { group, ...given({ onFailure: body.on_failure, results: body.results }) };
      }
      case "chord": {
        const body = this.#parse(ChordBody, value, at);
        const chord = field(value, "chord");
        const header = this.#all(field(chord, "header"), `${at}/chord/header`, depth, () => before);
        const last = this.node(field(chord, "body"), `${at}/chord/body`, depth + 1, 1);
        return body && header && last &&
          { chord: { header, body: last }, ...given({ onFailure: body.on_failure, results: body.results }) };
      }
      case "map":
        return this.#parse(MapBody, value, at);
      case "starmap":
        return this.#parse(StarmapBody, value, at);
      default:
        return this.#task(value, at, before);
    }
  }

  #task(value: JsonObject, at: string, before: number): WorkflowNode | null {
    this.tasks.push({
      task: value,
      at,
      before: value.immutable === true ? 0 : before,
    });
    if ("link_error" in value) this.tasks.push({ task: value.link_error, at: `${at}/link_error`, before: 2 });
    const body = this.#parse(TaskNodeBody, value, at);
    if (!body) return null;
    const { immutable, link_error, ...request } = body;
    return {
      ...taskRequest(request),
      ...given({ immutable, linkError: link_error && taskRequest(link_error) }),
    };
  }

  #all(
    nodes: unknown,
    at: string,
    depth: number,
    before: (index: number) => number,
  ): WorkflowNode[] | null {
    if (!Array.isArray(nodes)) return null;
    const read = nodes.map((node, i) => this.node(node, `${at}/${i}`, depth + 1, before(i)));
    return read.every((node) => node !== null) ? read : null;
  }

  #parse<Schema extends z.ZodType>(schema: Schema, value: unknown, at: string): z.output<Schema> | null {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const faults = zodFaults("body", parsed.error);
    this.faults.push(...faults.map((fault) => ({ ...fault, pointer: at + fault.pointer })));
    return null;
  }

  #fault(pointer: string, detail: string): null {
    this.faults.push({ in: "body", pointer, detail });
    return null;
  }
}

/** A field of a value that may be no object. */
function field(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}
