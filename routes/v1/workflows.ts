/**
 * `/v1/workflows`: submit, read and revoke workflows.
 *
 * @module
 */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import type { Queue } from "../../queue/mod.ts";
import { asCaller, asSubmitter } from "../http/access.ts";
import { limitBody } from "../http/body.ts";
import { Workflow, WorkflowNode } from "../contract/mod.ts";
import type { Env } from "../env.ts";
import { answerTagged } from "../http/etag.ts";
import { idempotency, submitted } from "../http/idempotency.ts";
import {
  doneOrAccepted,
  getTagged,
  ID_PARAMS,
  IDEMPOTENCY_KEY,
  json,
  jsonBody,
  PREFER,
} from "../http/openapi.ts";
import { waitAsPreferred } from "../http/prefer.ts";
import { wireWorkflow } from "./answers.ts";
import { readNode } from "./workflow_node.ts";

/** Bytes of a workflow: 10,000 tasks of some hundred bytes each. */
const WORKFLOW_BYTES = 8 * 1024 * 1024;

const submit = createRoute({
  method: "post",
  path: "/v1/workflows",
  summary: "Submit a workflow: all of its tasks or none",
  middleware: [limitBody(WORKFLOW_BYTES)],
  parameters: [IDEMPOTENCY_KEY, PREFER],
  request: { body: jsonBody(WorkflowNode) },
  responses: doneOrAccepted(
    "The workflow has ended within the preferred wait.",
    "Accepted and stored.",
    Workflow,
  ),
});

const read = getTagged(
  "/v1/workflows/{id}",
  "A workflow with its graph and each task's state",
  json("The workflow.", Workflow),
);

const revoke = createRoute({
  method: "post",
  path: "/v1/workflows/{id}/revoke",
  summary: "End all of a workflow as REVOKED",
  request: { params: ID_PARAMS },
  responses: doneOrAccepted(
    "The whole workflow has ended.",
    "Some of the workflow's runs are being aborted.",
    Workflow,
  ),
});

/** The routes of workflows. */
export function workflowRoutes(queue: Queue): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>();
  app.openapi(submit, async (c) => {
    const body = c.req.valid("json");
    const keyed = await idempotency(c, body);
    const { workflow, replayed } = await asSubmitter(c, queue).submitWorkflow(readNode(queue, body), keyed);
    // The workflow is stored: an error while waiting for it must not sound as if it were not.
    const waited = await waitAsPreferred(c, (wait) => queue.waitWorkflow(workflow.id, wait)).catch(() =>
      null
    );
    const response = c.json(wireWorkflow(waited ?? workflow), waited && waited.doneAt !== null ? 200 : 202);
    return submitted(c, response, `/v1/workflows/${workflow.id}`, replayed);
  });
  app.openapi(read, async (c) => {
    const { id } = c.req.valid("param");
    const waited = await waitAsPreferred(c, (wait) => queue.waitWorkflow(id, wait));
    return answerTagged(c, wireWorkflow(waited ?? await queue.workflow(id)));
  });
  app.openapi(revoke, async (c) => {
    const workflow = await asCaller(c, queue).revokeWorkflow(c.req.valid("param").id);
    return c.json(wireWorkflow(workflow), workflow.finished === workflow.total ? 200 : 202);
  });
  return app;
}
