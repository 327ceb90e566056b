/**
 * `deno task exercise`: calls every route of the source systems on a running Sluice, and prints what each answered and
 * how long that took. It submits real tasks. Exit code 1 when an answer is not as it must be.
 *
 * ```text
 * deno task exercise [--url http://127.0.0.1:8000]
 * ```
 *
 * The address is `--url`, else `http://HOST:PORT`; the token is `API_TOKEN`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { format } from "./table.ts";

/** One request; `{name}` in a path is an id that an earlier answer's field of that name held. */
interface Step {
  readonly method: "GET" | "POST" | "HEAD" | "OPTIONS";
  readonly path: string;
  readonly body?: unknown;
  /** @default {200} */
  readonly status?: number;
}

const GETS = [
  "/",
  "/health",
  "/health/live",
  "/health/ready",
  "/metrics",
  "/docs",
  "/openapi.json",
  "/add/5/10",
  "/result/{task_id}",
  "/retry",
  "/long-running",
  "/important",
  "/result/{task_id}",
  "/hello",
  "/process/{process_id}",
  "/producer/api/",
  "/producer/api/wait_and_return",
  "/producer/api/wait_and_return/{job_id}",
];

const POSTS = [
  "/add/5/10",
  "/retry",
  "/important",
  "/long-running",
  "/hello",
  "/producer/api/wait_and_return",
];

const STEPS: readonly Step[] = [
  ...GETS.map((path): Step => ({ method: "GET", path })),
  { method: "POST", path: "/producer/api/sum", body: { number: 1_000_000 } },
  { method: "GET", path: "/producer/api/sum/{job_id}" },
  ...POSTS.map((path): Step => ({ method: "POST", path })),
  { method: "HEAD", path: "/important", status: 405 },
  { method: "OPTIONS", path: "/important", status: 204 },
  { method: "GET", path: "/add/5/x", status: 422 },
  { method: "GET", path: "/result/nonsense", status: 404 },
  { method: "GET", path: "/favicon.ico", status: 404 },
];

Deno.exitCode = await main(Deno.args);

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { url: { type: "string" } } });
  const [host, port, token] = [setting("HOST"), setting("PORT"), setting("API_TOKEN")];
  const base = values.url ?? `http://${host ?? "127.0.0.1"}:${port ?? "8000"}`;
  const ids = new Map<string, string>();
  const rows: Record<string, string>[] = [];
  let wrong = 0;
  for (const step of STEPS) {
    const path = step.path.replace(/\{(\w+)\}/g, (_, name) => ids.get(name) ?? "missing");
    const started = performance.now();
    let answer: Response;
    try {
      answer = await fetch(base + path, {
        method: step.method,
        headers: {
          ...token && { authorization: `Bearer ${token}` },
          ...step.body !== undefined && { "content-type": "application/json" },
        },
        ...step.body !== undefined && { body: JSON.stringify(step.body) },
      });
    } catch (error) {
      return say(`No Sluice answers at ${base}: ${(error as Error).message}`, 1);
    }
    const text = await answer.text();
    const duration = performance.now() - started;
    for (const [, name, id] of text.matchAll(/"(\w+_id)":"([\w-]+)"/g)) ids.set(name!, id!);
    const { status = 200 } = step;
    const isRight = answer.status === status;
    if (!isRight) wrong++;
    rows.push({
      method: step.method,
      path: step.path,
      status: `${answer.status}`,
      ms: duration.toFixed(1),
      verdict: isRight ? "ok" : `must be ${status}`,
      answer: text.replace(/\s+/g, " ").slice(0, 60),
    });
  }
  const right = STEPS.length - wrong;
  return say(format({ title: `${right} of ${STEPS.length} answers are right`, rows }), wrong > 0 ? 1 : 0);
}

function say(text: string, code: number): number {
  // deno-lint-ignore no-console -- this is what the command is for
  console.log(text);
  return code;
}

/** A setting of the server's, as its `.env` has it; an empty one is none. */
function setting(name: "HOST" | "PORT" | "API_TOKEN"): string | undefined {
  return Deno.env.get(name) || undefined;
}
