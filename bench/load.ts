/**
 * Puts load on a server, as a process of its own: so many connections, each sends its next request when it has its
 * answer. Prints one line of JSON ({@link LoadReport}).
 *
 * ```text
 * load.ts --port 8000 --connections 64 --requests 20000 --method POST --path /v1/tasks --body '{"name":"app.tasks.add"}'
 * ```
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { Connection, requestBytes } from "./connection.ts";
import { percentile } from "./statistics.ts";
import { ROOT } from "./workplace.ts";

/** What a load was answered with. */
interface LoadReport {
  readonly seconds: number;
  /** Number of answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of processor time that the generator itself took for a request. */
  readonly cpu: number;
}

/** What load to put. */
interface LoadOptions {
  readonly port: number;
  readonly connections: number;
  readonly requests: number;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

/** Runs this file as a process and returns what it prints. */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const { port, connections, requests, method, path, body } = options;
  const flags = Object.entries({ port, connections, requests, method, path })
    .map(([name, value]) => `--${name}=${value}`);
  if (body !== undefined) flags.push(`--body=${JSON.stringify(body)}`);
  const { success, stdout, stderr } = await new Deno.Command("deno", {
    args: ["run", "-q", "--cached-only", "--allow-net=127.0.0.1", join(ROOT, "bench/load.ts"), ...flags],
  }).output();
  if (!success) throw new Error(`The load generator failed: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function putLoad(
  { port, connections, requests, method, path, body }: LoadOptions,
): Promise<LoadReport> {
  const request = requestBytes(method, path, body === undefined ? {} : { body });
  const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(port)));
  const times: number[] = [];
  const statuses: Record<string, number> = {};
  let next = 0;
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  await Promise.all(open.map(async (connection) => {
    while (next++ < requests) {
      const sent = performance.now();
      const { status } = await connection.exchange(request);
      times.push(performance.now() - sent);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
    connection.close();
  }));
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    seconds,
    statuses,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    cpu: (user + system) / times.length,
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: "string" },
      connections: { type: "string", default: "64" },
      requests: { type: "string", default: "20000" },
      method: { type: "string", default: "GET" },
      path: { type: "string", default: "/" },
      body: { type: "string" },
    },
  });
  const report = await putLoad({
    port: Number(values.port),
    connections: Number(values.connections),
    requests: Number(values.requests),
    method: values.method,
    path: values.path,
    ...(values.body !== undefined && { body: JSON.parse(values.body) }),
  });
  // deno-lint-ignore no-console -- its output
  console.log(JSON.stringify(report));
}
