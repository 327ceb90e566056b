/**
 * The routes of the source systems, a file for each system: their clients go on as before, with the demonstration tasks.
 * The folder imports `routes/contract/`, `routes/http/` and `queue/mod.ts`.
 *
 * This file has the first system's routes: each submits one demonstration task by GET or POST.
 *
 * @module
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { isFinal, type Queue, type Task } from "../../queue/mod.ts";
import { givenId, SAFE } from "../contract/form.ts";
import type { Env } from "../env.ts";
import { json, PROBLEM } from "../http/openapi.ts";
import { otherMethods } from "../http/other_methods.ts";
import { refuseInvalid } from "../http/problems.ts";
import { prefersHtml, START_PAGE, START_PAGE_POLICY } from "./start_page.ts";
import { answerSubmitted, errorText, SUBMIT_METHODS } from "./submitting.ts";

const Submitted = z.object({ task_id: z.string(), status: z.string() }).openapi("Submitted");

const Result = z.object({
  task_id: z.string(),
  status: z.string().optional().openapi({ description: "While the task has not ended." }),
  result: z.any().openapi({ description: "The return value of a task that succeeded." }),
  error: z.string().optional().openapi({ description: "`Type: message` of a task that failed." }),
}).openapi("Result");

const number = z.string()
  .refine((text) => /^-?\d+$/.test(text) && Number.isSafeInteger(Number(text)), {
    error: ({ input }) => `must be an integer of at most 53 bits: got ${JSON.stringify(input)}`,
  })
  .openapi({ type: "integer", ...SAFE });

/** Routes without arguments: path, task name, and the text of the answer. */
const SUBMITS = [
  ["/retry", "app.tasks.failing_task", "Retry task submitted"],
  ["/important", "app.tasks.important_task", "Important task submitted"],
  ["/long-running", "app.tasks.long_running_task", "Long-running task submitted"],
] as const;

/** The routes of the first source system. */
export function s0Routes(queue: Queue): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>({ defaultHook: refuseInvalid });

  app.openAPIRegistry.registerPath({
    method: "get",
    path: "/",
    summary: "A greeting; a start page in a browser",
    responses: { 200: json("The greeting.", z.object({ message: z.string() })) },
  });
  app.get("/", (c) => {
    c.header("vary", "Accept");
    if (!prefersHtml(c)) return c.json({ message: "Hono + Deno KV !" });
    return c.html(START_PAGE, 200, { "content-security-policy": START_PAGE_POLICY });
  });

  for (const method of ["get", "post"] as const) {
    const responses = { 200: json("Accepted and stored.", Submitted), default: PROBLEM };
    app.openapi(
      createRoute({
        method,
        path: "/add/{x}/{y}",
        summary: "Submit app.tasks.add",
        request: { params: z.object({ x: number, y: number }) },
        responses,
      }),
      (c) => {
        const { x, y } = c.req.valid("param");
        const request = { name: "app.tasks.add", args: [Number(x), Number(y)] };
        return answerSubmitted(c, queue, request, submitted("Task submitted"));
      },
    );
    for (const [path, name, status] of SUBMITS) {
      app.openapi(
        createRoute({ method, path, summary: `Submit ${name}`, responses }),
        (c) => answerSubmitted(c, queue, { name, args: [] }, submitted(status)),
      );
    }
  }
  for (const path of ["/add/:x/:y", ...SUBMITS.map(([path]) => path)]) {
    app.all(path, otherMethods(SUBMIT_METHODS));
  }

  app.openapi(
    createRoute({
      method: "get",
      path: "/result/{task_id}",
      summary: "A task's state and result",
      request: { params: z.object({ task_id: givenId }) },
      responses: {
        200: json("The task's result, its error, or that it has not ended.", Result),
        default: PROBLEM,
      },
    }),
    async (c) => c.json(result(await queue.get(c.req.valid("param").task_id)), 200),
  );
  return app;
}

const submitted = (status: string) => (task_id: string) => ({ task_id, status });

function result(task: Task): z.output<typeof Result> {
  const { id: task_id, state, result } = task;
  if (!isFinal(state)) return { task_id, status: "Task is still processing" } as z.output<typeof Result>;
  if (state === "SUCCESS") return { task_id, result };
  return { task_id, error: errorText(task) } as z.output<typeof Result>;
}
