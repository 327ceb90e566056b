/**
 * The fourth source system's routes: a producer of jobs, and the state of each job.
 *
 * @module
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { type Queue, type Task, TaskNotFoundError } from "../../queue/mod.ts";
import { limitBody } from "../http/body.ts";
import { givenId, must, SAFE, strict } from "../contract/form.ts";
import type { Env } from "../env.ts";
import { json, jsonBody, PROBLEM } from "../http/openapi.ts";
import { otherMethods } from "../http/other_methods.ts";
import { refuseInvalid } from "../http/problems.ts";
import { answerSubmitted, errorText, SUBMIT_METHODS } from "./submitting.ts";

const GREETING = "Hello World, this is a route from the producer or job master";

const Message = z.object({ message: z.string() }).openapi("Message");

const Published = Message.extend({ job_id: z.string() }).openapi("Published");

const Job = z.object({
  ready: z.boolean().openapi({ description: "Whether the job has ended." }),
  result: z.any().openapi({ description: "The return value; null until it has succeeded." }),
  error: z.string().optional().openapi({ description: "`Type: message` of a job that failed." }),
}).openapi("Job");

const SumBody = strict({ number: z.int(must("an integer of at most 53 bits")).openapi(SAFE) }).openapi("Sum");

/** Bytes of a request: one number. */
const BODY_BYTES = 4096;

/** Task names by the last part of a job's path. */
const JOBS = { wait_and_return: "wait_and_return", sum: "sum_to_n_job" } as const;

const published = (job_id: string) => ({ message: "job published", job_id });

/** The routes under `/producer/api`. */
export function s3Routes(queue: Queue): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>({ defaultHook: refuseInvalid });
  const responses = { 200: json("Accepted and stored.", Published), default: PROBLEM };

  app.openapi(
    createRoute({
      method: "get",
      path: "/producer/api/",
      summary: "A greeting",
      responses: { 200: json("The greeting.", Message) },
    }),
    (c) => c.json({ message: GREETING }, 200),
  );

  for (const method of ["get", "post"] as const) {
    app.openapi(
      createRoute({
        method,
        path: "/producer/api/wait_and_return",
        summary: `Submit ${JOBS.wait_and_return}`,
        responses,
      }),
      (c) => answerSubmitted(c, queue, { name: JOBS.wait_and_return, args: [] }, published),
    );
  }
  app.all("/producer/api/wait_and_return", otherMethods(SUBMIT_METHODS));

  app.openapi(
    createRoute({
      method: "post",
      path: "/producer/api/sum",
      summary: `Submit ${JOBS.sum}`,
      middleware: [limitBody(BODY_BYTES)],
      request: { body: jsonBody(SumBody) },
      responses,
    }),
    (c) => answerSubmitted(c, queue, { name: JOBS.sum, args: [c.req.valid("json").number] }, published),
  );

  for (const [path, name] of Object.entries(JOBS)) {
    app.openapi(
      createRoute({
        method: "get",
        path: `/producer/api/${path}/{job_id}`,
        summary: `The state and result of a ${name}`,
        request: { params: z.object({ job_id: givenId }) },
        responses: { 200: json("Whether the job has ended, and how.", Job), default: PROBLEM },
      }),
      async (c) => {
        const task = await queue.get(c.req.valid("param").job_id);
        if (task.name !== name) throw new TaskNotFoundError(task.id, "unknown");
        return c.json(job(task), 200);
      },
    );
  }
  return app;
}

function job(task: Task): z.output<typeof Job> {
  const { state, result, doneAt } = task;
  const failed = doneAt !== null && state !== "SUCCESS";
  return { ready: doneAt !== null, result, ...failed && { error: errorText(task)! } } as z.output<typeof Job>;
}
