/**
 * `/internal/tick`: one turn of work, for a clock from outside (an uptime monitor, a workflow on a schedule, a system's
 * cron) where the program itself is not always running. The route has a token of its own, so that the clock can do
 * nothing else.
 *
 * ```text
 * {"status":"working","seconds":2}     every 2 s, so that the connection, and what it keeps alive, stays
 * {"status":"done","seconds":3.1,"submitted":1,"started":2,"retried":0,"succeeded":2,"failed":0,"revoked":0}
 * ```
 *
 * @module
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Queue } from "../../queue/mod.ts";
import type { Env } from "../env.ts";
import { requireToken } from "../http/access.ts";
import { PROBLEM } from "../http/openapi.ts";
import { otherMethods } from "../http/other_methods.ts";
import { refuseInvalid } from "../http/problems.ts";

/** Milliseconds between two lines. */
const HEARTBEAT = 2000;

const PATH = "/internal/tick";

/** One line of the answer. */
const TickLine = z.object({
  status: z.enum(["working", "done", "failed"]).openapi({
    description: "`done` or `failed` in the last line",
  }),
  seconds: z.number().openapi({ description: "Since the request" }),
  submitted: z.int().optional(),
  started: z.int().optional(),
  retried: z.int().optional(),
  succeeded: z.int().optional(),
  failed: z.int().optional(),
  revoked: z.int().optional(),
}).openapi("TickLine");

const tick = createRoute({
  method: "post",
  path: PATH,
  summary: "Fire what is due, and work until nothing is due within the next 10 s",
  description:
    "Needs the bearer token of the setting TICK_TOKEN. Counts are of the process that answers. Ends early " +
    "when the client goes.",
  security: [{ tick: [] }],
  request: {
    query: z.object({
      seconds: z.string().regex(/^\d{1,3}$/).transform(Number).pipe(z.int().min(1).max(600)).default(50)
        .openapi({ type: "integer", description: "How long it may take: 1 to 600, 50 when not given" }),
    }),
  },
  responses: {
    200: {
      description: "Lines of JSON: one every 2 s, and at the end what was done.",
      content: { "application/x-ndjson": { schema: TickLine } },
    },
    401: { description: "The request carries no token, or another one." },
    default: PROBLEM,
  },
});

/**
 * The route of the clock.
 *
 * @param failed called with the reason when a tick did not do all that it should
 */
export function tickRoutes(
  queue: Pick<Queue, "tick">,
  token: string,
  failed?: (error: unknown, requestId: string) => void,
): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>({ defaultHook: refuseInvalid });
  app.openAPIRegistry.registerComponent("securitySchemes", "tick", { type: "http", scheme: "bearer" });
  app.use(PATH, requireToken(token));
  app.openapi(tick, (c) => {
    const { seconds } = c.req.valid("query");
    const gone = new AbortController();
    const signal = AbortSignal.any([gone.signal, c.req.raw.signal]);
    const began = performance.now();
    const line = (rest: Omit<z.output<typeof TickLine>, "seconds">) => {
      const passed = Math.round(performance.now() - began) / 1000;
      return encoder.encode(`${JSON.stringify({ ...rest, seconds: passed })}\n`);
    };
    const worked = queue.tick({ seconds, signal }).then(
      (counts) => line({ status: "done", ...counts }),
      (error) => {
        if (!signal.aborted) failed?.(error, c.get("requestId"));
        return line({ status: "failed" });
      },
    );
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller) {
        const last = await orAfter(HEARTBEAT, worked);
        controller.enqueue(last ?? line({ status: "working" }));
        if (last) controller.close();
      },
      cancel: () => gone.abort(),
    }, { highWaterMark: 0 });
    return c.body(body, 200, {
      "content-type": "application/x-ndjson",
      "cache-control": "no-store",
      // Without it nginx collects lines before it passes them on.
      "x-accel-buffering": "no",
    });
  });
  app.all(PATH, otherMethods("POST, OPTIONS"));
  return app;
}

const encoder = new TextEncoder();

/** The result of `work`; `null` when the work takes longer than so many milliseconds. */
async function orAfter<T>(milliseconds: number, work: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(resolve, milliseconds, null));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
