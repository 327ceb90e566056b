/**
 * The real program over HTTP: requests a second and latencies while its workers do the work.
 *
 * @module
 */
import { rawLife } from "./ceiling.ts";
import { expectDone } from "./census.ts";
import { requestRate } from "./hey.ts";
import { runLoad } from "./load.ts";
import type { Figures, ScenarioMaker } from "./scenario.ts";
import { Server, untilIdle } from "./server.ts";
import { SLOTS, TASK } from "./workload.ts";
import { YardstickServer } from "./yardstick_server.ts";

/** Requests by number of connections. */
const LOADS = [
  { connections: 1, requests: 1_500 },
  { connections: 16, requests: 6_000 },
  { connections: 64, requests: 12_000 },
  { connections: 256, requests: 12_000 },
] as const;
/** The number of connections whose rates are compared. */
const COMPARED = 64;
const WARM_UP = { connections: 16, requests: 2_000 };
/** hey sends as many requests over each connection: what does not divide would be left out. */
const HEY = { connections: COMPARED, requests: COMPARED * 150 };
const RAW_TASKS = 40_000;

const GET = { name: "GET /add/1/2", method: "GET", path: "/add/1/2" };
const POST = {
  name: "POST /v1/tasks",
  method: "POST",
  path: "/v1/tasks",
  body: { name: TASK, args: [1, 2] },
};

/** The scenario `http`. */
export const http: ScenarioMaker = (workplace) => {
  return {
    method:
      `main.ts as a process with ${SLOTS} slots, log to a file, tasks that do not wait; a second process sends ` +
      LOADS.map(({ connections, requests }) => `${requests} requests over ${connections}`).join(", ") +
      " connections, each its next request after its answer; done: from the last answer until nothing waits or " +
      "runs; server µs/request: its processor time until then; bare: a server that answers a constant, under the " +
      "same load; bare commit: one that commits a task's rows before, over 1 connection; hey: its requests/s beside our generator's; raw: 4 mutations a task by bare commits.",
    variants: [
      {
        name: "raw 4",
        yardstick: true,
        measure: async () => ({ "tasks/s": await rawLife(workplace.file(), RAW_TASKS, "hand-off") }),
      },
      { name: "bare", yardstick: true, measure: () => bare() },
      { name: "bare commit", yardstick: true, measure: () => bare(workplace.file()) },
      { name: "sluice", measure: () => sluice(workplace.make()) },
    ],
    ratios: [GET, POST].flatMap(({ name }) => [
      {
        name: `${name} c=${COMPARED}: sluice / bare`,
        of: `sluice: ${name} c=${COMPARED} requests/s`,
        to: `bare: ${GET.name} c=${COMPARED} requests/s`,
      },
      {
        name: `${name} c=${COMPARED}: sluice / raw 4`,
        of: `sluice: ${name} c=${COMPARED} requests/s`,
        to: "raw 4: tasks/s",
      },
      {
        name: `${name} c=1 p50: sluice / bare commit`,
        of: `sluice: ${name} c=1 p50 ms`,
        to: `bare commit: ${GET.name} c=1 p50 ms`,
      },
    ]),
  };
};

/** @param database of the server that commits; it has no group commit, so more connections would only wait in line */
async function bare(database?: string): Promise<Figures> {
  const loads = database === undefined ? LOADS : LOADS.slice(0, 1);
  await using server = await YardstickServer.start("bare_server.ts", database);
  const { port } = server;
  await runLoad({ port, ...WARM_UP, ...GET });
  const figures: Record<string, number> = {};
  for (const { connections, requests } of loads) {
    const report = await measured(port, GET, connections, requests);
    Object.assign(figures, report.figures);
  }
  return database === undefined ? { ...figures, ...await withHey(port) } : figures;
}

async function sluice(folder: string): Promise<Figures> {
  const server = Server.logging(folder, SLOTS);
  const connection = await server.connect();
  const port = await server.listening();
  let accepted = 0;
  let errors = 0;
  const figures: Record<string, number> = {};
  for (const target of [GET, POST]) {
    await runLoad({ port, ...WARM_UP, ...target });
    accepted += WARM_UP.requests;
    for (const { connections, requests } of LOADS) {
      const cpu = await server.processorSeconds();
      const report = await measured(port, target, connections, requests);
      const answered = performance.now();
      await untilIdle(connection);
      Object.assign(figures, report.figures);
      figures[`${target.name} c=${connections} done s`] = (performance.now() - answered) / 1000;
      figures[`${target.name} c=${connections} server µs/request`] = (await server.processorSeconds() - cpu) /
        requests * 1e6;
      accepted += report.accepted;
      errors += requests - report.accepted;
    }
  }
  const hey = await withHey(port);
  if (Object.keys(hey).length > 0) accepted += HEY.requests;
  await untilIdle(connection);
  Object.assign(figures, hey, { "not 2xx": errors, "memory MB": await server.memory() });
  connection.close();
  await server.stop();
  if (errors > 0) throw new Error(`${errors} answers were not 2xx: ${server.log().slice(-2000)}`);
  await expectDone(server.kvPath, TASK, accepted);
  return figures;
}

async function measured(
  port: number,
  target: typeof GET | typeof POST,
  connections: number,
  requests: number,
): Promise<{ figures: Figures; accepted: number }> {
  const { seconds, statuses, p50, p99, cpu } = await runLoad({ port, connections, requests, ...target });
  const accepted = Object.entries(statuses)
    .reduce((sum, [status, count]) => status.startsWith("2") ? sum + count : sum, 0);
  const name = `${target.name} c=${connections}`;
  return {
    accepted,
    figures: {
      [`${name} requests/s`]: requests / seconds,
      [`${name} p50 ms`]: p50,
      [`${name} p99 ms`]: p99,
      ...(connections === HEY.connections && { [`${name} generator µs/request`]: cpu }),
    },
  };
}

/** The same load by `hey`, where it is installed. */
async function withHey(port: number): Promise<Figures> {
  const rate = await requestRate(`http://127.0.0.1:${port}${GET.path}`, HEY);
  return rate === null ? {} : { [`hey c=${HEY.connections} requests/s`]: rate };
}
