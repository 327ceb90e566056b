/**
 * Shared by the source systems' routes: each submits one task by GET or POST and answers with its id.
 *
 * @module
 */
import type { Queue, Task } from "../../queue/mod.ts";
import type { Context } from "../env.ts";
import { asSubmitter } from "../http/access.ts";
import { refuseMethod } from "../http/other_methods.ts";

/** Methods of a route that submits; HEAD is none of them, because it would run the GET handler and so submit. */
export const SUBMIT_METHODS = "GET, POST, OPTIONS";

/** Submits a task, and answers what `answer` makes of its id; no cache may keep the answer. */
export async function answerSubmitted<Answer extends Record<string, string>>(
  c: Context,
  queue: Queue,
  request: { readonly name: string; readonly args: readonly unknown[] },
  answer: (id: string) => Answer,
) {
  if (c.req.method === "HEAD") refuseMethod(c, SUBMIT_METHODS);
  c.set("submits", true);
  const { tasks } = await asSubmitter(c, queue).submitAll([request]);
  const response = c.json(answer(tasks[0]!.id), 200);
  response.headers.append("cache-control", "no-store");
  return response;
}

/** A task's error as the source systems' clients read it: `Type: message`. */
export function errorText({ error }: Task): string | null {
  return error && (error.message === "" ? error.type : `${error.type}: ${error.message}`);
}
