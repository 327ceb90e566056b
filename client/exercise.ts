/**
 * `deno task exercise`: calls every route of the source systems on a running Sluice, and prints each answer and how long
 * it took. The tasks that are submitted are real. Exit code 1 when an answer is not as it must be.
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
import { addressOf, type Server, serverOf } from "./server.ts";
import { format } from "./table.ts";

/** One request; `{name}` in a path stands for the id in the field of that name of an earlier answer. */
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

try {
  Deno.exitCode = await main(Deno.args);
} catch (error) {
  // deno-lint-ignore no-console -- a command's terminal is all there is
  console.error(`exercise: ${(error as Error).message}`);
  Deno.exitCode = 1;
}

/** Calls one route after the other. @returns the exit code */
async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { url: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) {
    // deno-lint-ignore no-console -- this is what was asked for
    console.log(`Usage: deno task exercise [--url <address>]

  --url  address of the running Sluice`);
    return 0;
  }
  const server = serverOf(values.url);
  const ids = new Map<string, string>();
  const rows: Record<string, string>[] = [];
  for (const step of STEPS) {
    const path = step.path.replace(/\{(\w+)\}/g, (_, name) => ids.get(name) ?? "missing");
    const started = performance.now();
    const { status, text } = await call(server, step, path);
    const duration = performance.now() - started;
    for (const [, name, id] of text.matchAll(/"(\w+_id)":"([\w-]+)"/g)) ids.set(name!, id!);
    rows.push({
      method: step.method,
      path: step.path,
      status: `${status}`,
      ms: duration.toFixed(1),
      verdict: status === (step.status ?? 200) ? "ok" : `must be ${step.status ?? 200}`,
      answer: text.replace(/\s+/g, " ").slice(0, 60),
    });
  }
  const right = rows.filter(({ verdict }) => verdict === "ok").length;
  // deno-lint-ignore no-console -- this is what the command is for
  console.log(format({ title: `${right} of ${rows.length} answers are right`, rows }));
  return right === rows.length ? 0 : 1;
}

async function call({ url, token }: Server, { method, body }: Step, path: string) {
  const headers = {
    ...token !== undefined && { authorization: `Bearer ${token}` },
    ...body !== undefined && { "content-type": "application/json" },
  };
  try {
    const response = await fetch(addressOf(url, path), {
      method,
      headers,
      ...body !== undefined && { body: JSON.stringify(body) },
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    throw new Error(`No Sluice answers at ${url}: ${(error as Error).message}`);
  }
}
