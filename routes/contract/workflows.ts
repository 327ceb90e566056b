/**
 * Workflows: the posted tree, and the workflow as it is read.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { id, moment, must, oneMoment, strict, taskError, taskRequest, text } from "./form.ts";
import { TaskRequestBody } from "./tasks.ts";

/** Nodes within nodes of a workflow: what is deeper is not read. */
export const DEPTH_LIMIT = 20;

/** A workflow's task. */
export const TaskNodeBody = strict({
  ...taskRequest,
  immutable: z.boolean(must("true or false")).optional(),
  link_error: TaskRequestBody.optional(),
}).superRefine(oneMoment);

const nodes = z.array(z.unknown(), must("an array of nodes"));
const groupOptions = {
  on_failure: z.enum(["revoke", "continue"], must("revoke or continue")).optional(),
  results: z.literal("ids", must("ids")).optional(),
};
const items = <Item extends z.ZodType>(item: Item) =>
  strict({ name: text("a task name", 200), items: z.array(item, must("an array of items")) });

/** The other nodes of a workflow; the nodes within them are read one by one. */
export const ChainBody = strict({ chain: nodes.min(1, "must hold at least one node: got none") });
export const GroupBody = strict({
  group: nodes,
  ...groupOptions,
});
export const ChordBody = strict({
  chord: strict({ header: nodes, body: z.unknown().optional() }),
  ...groupOptions,
});
export const MapBody = strict({ map: items(z.any()) });
export const StarmapBody = strict({ starmap: items(z.array(z.any(), must("an array of arguments"))) });

const nodeRef = { $ref: "#/components/schemas/WorkflowNode" };
const nodeRefs = { type: "array" as const, items: nodeRef };
const groupOptionsSchema = {
  on_failure: { type: "string" as const, enum: ["revoke", "continue"], default: "revoke" },
  results: {
    type: "string" as const,
    enum: ["ids"],
    description: "The result lists the ids of the members' tasks instead of their results.",
  },
};
const itemsSchema = {
  type: "object" as const,
  required: ["name", "items"],
  properties: { name: { type: "string" as const }, items: { type: "array" as const, items: {} } },
};

/** Body of `POST /v1/workflows`: a tree, whose nodes are checked one by one so that each fault has its place. */
export const WorkflowNode = z.any().openapi("WorkflowNode", {
  description: `A task, or a node that holds others; at most 10,000 tasks, ${DEPTH_LIMIT} levels deep.`,
  anyOf: [
    {
      allOf: [{ $ref: "#/components/schemas/TaskRequest" }, {
        type: "object",
        properties: {
          immutable: {
            type: "boolean",
            description: "Takes its own arguments alone, without the result before it.",
          },
          link_error: {
            allOf: [{ $ref: "#/components/schemas/TaskRequest" }],
            description:
              "Submitted when the task fails; the failed task's id and error come before its arguments.",
          },
        },
      }],
    },
    { type: "object", required: ["chain"], properties: { chain: nodeRefs } },
    { type: "object", required: ["group"], properties: { group: nodeRefs, ...groupOptionsSchema } },
    {
      type: "object",
      required: ["chord"],
      properties: {
        chord: {
          type: "object",
          required: ["header", "body"],
          properties: { header: nodeRefs, body: nodeRef },
        },
        ...groupOptionsSchema,
      },
    },
    { type: "object", required: ["map"], properties: { map: itemsSchema } },
    { type: "object", required: ["starmap"], properties: { starmap: itemsSchema } },
  ],
});

/** A workflow. */
export const Workflow = z.object({
  id: id.openapi({ description: "The id of the first task, which is the root_id of every task." }),
  state: z.enum(["PENDING", "STARTED", "SUCCESS", "FAILURE", "REVOKED"]),
  total: z.int().openapi({ description: "Tasks of the workflow." }),
  finished: z.int().openapi({ description: "Tasks that have ended." }),
  failed: z.int().openapi({ description: "Tasks that have ended in FAILURE." }),
  result_id: id.openapi({ description: "The task or group whose result is the workflow's." }),
  result: z.any().openapi({ description: "null until SUCCESS; {error} when a group's is above 512 KiB." }),
  error: taskError,
  created_at: moment,
  date_done: moment.nullable(),
  graph: z.any().openapi("WorkflowGraph", {
    description: "The tree with every id and state. A group of more than 100 leaves its members out; " +
      "GET /v1/tasks?group_id= lists them.",
    anyOf: [
      {
        type: "object",
        properties: {
          id: { type: "string" },
          name: { type: "string" },
          state: { $ref: "#/components/schemas/TaskState" },
          link_error_id: { type: "string" },
        },
      },
      {
        type: "object",
        properties: { chain: { type: "array", items: { $ref: "#/components/schemas/WorkflowGraph" } } },
      },
      {
        type: "object",
        properties: {
          group: {
            type: "object",
            properties: {
              id: { type: "string" },
              size: { type: "integer" },
              finished: { type: "integer" },
              members: { type: "array", items: { $ref: "#/components/schemas/WorkflowGraph" } },
            },
          },
        },
      },
    ],
  }),
}).openapi("Workflow");
