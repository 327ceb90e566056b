/**
 * The third source system's routes: one word submits a task, and its id tells how far it is.
 *
 * @module
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Queue, Task } from "../../queue/mod.ts";
import { TaskState } from "../contract/mod.ts";
import { givenId } from "../contract/form.ts";
import type { Context, Env } from "../env.ts";
import { json, PROBLEM } from "../http/openapi.ts";
import { otherMethods } from "../http/other_methods.ts";
import { refuseUnknownRoute } from "../http/problems.ts";
import { answerSubmitted, errorText, SUBMIT_METHODS } from "./submitting.ts";

const Process = z.object({
  id: z.string(),
  status: TaskState,
  error: z.string().nullable().openapi({ description: "`Type: message` of the last run that failed." }),
  result: z.any().openapi({ description: "The return value; null until SUCCESS." }),
  progress: z.any().openapi({ description: "The running handler's latest report, if there is one." }),
}).openapi("Process");

/**
 * Words that submit nothing, beside the first segments of the routes that exist: pages that come and go, and paths that a
 * container manager asks for every few seconds.
 */
const RESERVED = ["dashboard", "load-test", "metrics", "healthz", "livez", "readyz"];

/** Letters with their marks, digits, `_` and `-`. */
const WORD = /^[\p{L}\p{M}\p{Nd}_-]{1,200}$/u;

/** The route of a task's state. */
export function s2Routes(queue: Queue): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>();
  app.openapi(
    createRoute({
      method: "get",
      path: "/process/{task_id}",
      summary: "A task's state, error, result and progress",
      request: { params: z.object({ task_id: givenId }) },
      responses: { 200: json("The task as it is now.", Process), default: PROBLEM },
    }),
    async (c) => c.json(process(await queue.get(c.req.valid("param").task_id)), 200),
  );
  return app;
}

/**
 * Adds `/{word}`, which submits `test_celery`. Every other route must be there before: their first segments are no words.
 */
export function addWordRoute(app: OpenAPIHono<Env>, queue: Queue): void {
  const reserved = new Set([...RESERVED, ...app.routes.map(({ path }) => path.split("/")[1]!)]);
  const isWord = (text: string) => WORD.test(text) && !reserved.has(text);
  const words = new OpenAPIHono<Env>({
    defaultHook: (result, c) => result.success ? undefined : refuseUnknownRoute(c),
  });
  for (const method of ["get", "post"] as const) {
    words.openapi(
      createRoute({
        method,
        path: "/{word}",
        summary: "Submit test_celery with a word",
        description: "A word is 1 to 200 letters, digits, `_` and `-`, and no other route's name.",
        request: { params: z.object({ word: z.string().refine(isWord) }) },
        responses: {
          200: json("Accepted and stored.", z.object({ process_id: z.string() })),
          default: PROBLEM,
        },
      }),
      (c) => {
        const { word } = c.req.valid("param");
        return answerSubmitted(c, queue, { name: "test_celery", args: [word] }, (process_id) => ({
          process_id,
        }));
      },
    );
  }
  const others = otherMethods(SUBMIT_METHODS);
  words.all("/:word", (c: Context) => isWord(c.req.param("word")!) ? others(c) : refuseUnknownRoute(c));
  app.route("/", words);
}

function process(task: Task): z.output<typeof Process> {
  const { id, state: status, result, progress } = task;
  return { id, status, error: errorText(task), result, ...progress !== null && { progress } } as z.output<
    typeof Process
  >;
}
