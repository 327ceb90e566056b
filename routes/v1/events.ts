/**
 * `/v1/tasks/{id}/events`: a task's changes as server-sent events, for `EventSource` in a browser.
 *
 * ```text
 * id: 000000000000000a0000         the version of the task; sent back as Last-Event-ID after a break
 * event: state                     the state has changed: the task as GET /v1/tasks/{id} shows it
 * data: {"id": …, "state": "STARTED", …}
 *
 * event: progress                  the running handler's latest report
 * data: {"process_percent": 10}
 *
 * : still here                     a heartbeat, so that no proxy takes the connection for dead
 * ```
 *
 * Events tell the present state, not every change: a client that was away is told the latest, once. The event of a final
 * state is the last one; a client that comes back after it gets 204, which ends an `EventSource`.
 *
 * @module
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { isFinal, jsonText, type Queue, type TaskChange } from "../../queue/mod.ts";
import type { Env } from "../env.ts";
import { header, ID_PARAMS, PROBLEM } from "../http/openapi.ts";
import { otherMethods, refuseMethod } from "../http/other_methods.ts";
import { refuseInvalid } from "../http/problems.ts";
import { wireTask } from "./answers.ts";

/** Seconds without an event after which a comment is sent. */
const HEARTBEAT = 15;

/** Milliseconds after which a client that lost the connection comes back. */
const RETRY = 1000;

/** One event, its data read as JSON. */
const TaskEvent = z.object({
  id: z.string().openapi({ description: "The task's version." }),
  event: z.enum(["state", "progress"]),
  data: z.any().openapi({ description: "The task; of a progress event the handler's report." }),
}).partial().openapi("TaskEvent");

const follow = createRoute({
  method: "get",
  path: "/v1/tasks/{id}/events",
  summary: "Follow a task to its end by server-sent events",
  parameters: [header("Last-Event-ID", "The last event seen: what it told is not told again.")],
  request: { params: ID_PARAMS },
  responses: {
    200: {
      description: "`state` events with the task, `progress` events with its report.",
      content: { "text/event-stream": { schema: TaskEvent } },
    },
    204: { description: "The task has ended, and the client was told." },
    default: PROBLEM,
  },
});

const ALLOW = "GET, OPTIONS";

const encoder = new TextEncoder();

const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  // nginx would collect events before it passes them on.
  "x-accel-buffering": "no",
};

/** The routes of events. */
export function eventRoutes(queue: Queue): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>({ defaultHook: refuseInvalid });
  app.openapi(follow, async (c) => {
    // HEAD would run this handler too, and its stream would never be cancelled.
    if (c.req.method === "HEAD") refuseMethod(c, ALLOW);
    const gone = new AbortController();
    const signal = AbortSignal.any([gone.signal, c.req.raw.signal]);
    const changes = queue.watch(c.req.valid("param").id, { repeat: HEARTBEAT, signal });
    // An unknown id is refused before the stream begins.
    const { value: first } = await changes.next() as { value: TaskChange };
    const seen = c.req.header("last-event-id");
    if (first.version === seen && isFinal(first.task.state)) return c.body(null, 204);
    const events = eventsOf(first, changes, seen);
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller) {
        // Any end of the watch, the queue's stop included, ends the stream: the client comes back.
        const event = await events.next().catch(() => null);
        if (event?.value) controller.enqueue(encoder.encode(event.value));
        else controller.close();
      },
      async cancel() {
        gone.abort();
        await changes.return();
      },
    }, { highWaterMark: 0 });
    return c.body(body, 200, HEADERS);
  });
  app.all("/v1/tasks/:id/events", otherMethods(ALLOW));
  return app;
}

/** The stream's texts: an event for each change, a comment for each repetition. */
async function* eventsOf(
  first: TaskChange,
  changes: AsyncGenerator<TaskChange, void>,
  seen: string | undefined,
): AsyncGenerator<string, void> {
  let last: TaskChange | null = first.version === seen ? first : null;
  yield `retry: ${RETRY}\n\n${last ? "" : eventOf(first, null)}`;
  last = first;
  for await (const change of changes) {
    yield change.version === last.version ? ": still here\n\n" : eventOf(change, last);
    last = change;
  }
}

function eventOf({ version, task }: TaskChange, last: TaskChange | null): string {
  const { state, retries } = task;
  const same = state === "PROGRESS" && last?.task.state === state && last.task.retries === retries;
  const [type, data] = same ? ["progress", task.progress] : ["state", wireTask(task)];
  return `id: ${version}\nevent: ${type}\ndata: ${jsonText(data)}\n\n`;
}
