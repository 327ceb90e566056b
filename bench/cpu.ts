/**
 * The latency of the API while clients have the processor compute: `GET /` while sums are added up in threads, on the
 * event loop, and not at all.
 *
 * @module
 */
import { Connection } from "./connection.ts";
import { pause } from "./pause.ts";
import type { Figures, ScenarioMaker } from "./scenario.ts";
import { Server } from "./server.ts";
import { latencies } from "./statistics.ts";

const CLIENTS = 4;
const NUMBER = 50_000_000;
const SUM = NUMBER * (NUMBER + 1) / 2;
/** A busy event loop answers so slowly that fewer have to do. */
const REQUESTS = { usual: 1_000, busyLoop: 200 };
/** Milliseconds between an answer and the next request. */
const PAUSE = 2;
/** Milliseconds in which nearly every `GET /` is to be answered. */
const LONGEST = 20;

/** The scenario `cpu`. */
export const cpu: ScenarioMaker = (workplace) => ({
  method:
    `main.ts as a process; ${REQUESTS.usual} times GET /, ${PAUSE} ms after the answer before, while ${CLIENTS} clients ` +
    `have sum_to_n_job(${NUMBER}) computed, each its next one when it has its result; idle: without them; event ` +
    `loop: THREADS=0, ${REQUESTS.busyLoop} requests.`,
  variants: [
    { name: "idle", measure: () => measure(workplace.make(), { clients: 0 }) },
    { name: "threads", measure: () => measure(workplace.make(), {}) },
    {
      name: "event loop",
      measure: () => measure(workplace.make(), { threads: "0", requests: REQUESTS.busyLoop }),
    },
  ],
  ratios: [{ name: "GET / p99, threads / idle", of: "threads: GET / p99 ms", to: "idle: GET / p99 ms" }],
  rounds: 3,
});

async function measure(
  folder: string,
  { clients = CLIENTS, threads = "auto", requests = REQUESTS.usual },
): Promise<Figures> {
  const server = new Server({ folder, settings: { THREADS: threads } });
  const port = await server.listening();
  const summing = await Promise.all(Array.from({ length: clients }, () => Connection.open(port)));
  // The first sums start the threads.
  await Promise.all(summing.map(sum));
  let done = false;
  let sums = 0;
  const begin = performance.now();
  const load = Promise.all(summing.map(async (connection) => {
    for (; !done; sums++) await sum(connection);
    connection.close();
  }));
  const times: number[] = [];
  const reader = await Connection.open(port);
  for (let i = 0; i < requests; i++) {
    const sent = performance.now();
    await reader.json("GET", "/");
    times.push(performance.now() - sent);
    await pause(PAUSE);
  }
  done = true;
  await load;
  const seconds = (performance.now() - begin) / 1000;
  reader.close();
  const memory = await server.memory();
  await server.stop();
  return {
    ...latencies("GET /", times),
    [`over ${LONGEST} ms`]: times.filter((milliseconds) => milliseconds > LONGEST).length,
    ...clients > 0 && { "sums/s": sums / seconds },
    "memory MB": memory,
  };
}

async function sum(connection: Connection): Promise<void> {
  const { state, result } = await connection.json("POST", "/v1/tasks", {
    headers: { prefer: "wait=60" },
    body: { name: "sum_to_n_job", args: [NUMBER] },
  });
  if (result !== SUM) throw new Error(`sum_to_n_job(${NUMBER}) is ${state}, ${result}`);
}
