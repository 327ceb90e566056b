/**
 * Ten thousand clients that wait for a task's end, and a thousand that follow one by events, all at once: what they cost
 * while nothing happens, and that each is told when it does. Client and server need a file descriptor for each
 * (`ulimit -n`; Deno raises the soft limit by itself).
 *
 * @module
 */
import { Connection, requestBytes } from "./connection.ts";
import { pause } from "./pause.ts";
import type { Figures, ScenarioMaker } from "./scenario.ts";
import { memoryOf, Server } from "./server.ts";
import { latencies } from "./statistics.ts";
import { CHANNEL, submitBatches, TASK } from "./workload.ts";
import { YardstickServer } from "./yardstick_server.ts";

const WAITS = 10_000;
const STREAMS = 1_000;
/** Connections that are opened at a time. */
const AT_ONCE = 100;
/** Submissions of somebody else meanwhile. */
const SUBMITS = 100;
const SECONDS_OF_REST = 4;

const AT_REST = "memory at rest MB";
const WITH_WAITS = `memory with ${WAITS} waits MB`;
const WITH_ALL = `memory with ${STREAMS} streams, too MB`;

/** The scenario `waiting`. */
export const waiting: ScenarioMaker = (workplace) => ({
  method:
    `main.ts as a process; ${WAITS} requests with Prefer: wait=30 for as many tasks of a paused channel, and ` +
    `${STREAMS} event streams of them; processors busy in ${SECONDS_OF_REST} s in which nothing happens; then ` +
    `${SUBMITS} submissions of another client; then the channel is resumed. Fails unless all are told. silent: ` +
    "a server of Deno's that never answers, under the same connections.",
  variants: [
    { name: "silent", yardstick: true, measure: silent },
    { name: "sluice", measure: () => measure(workplace.make()) },
  ],
  rounds: 1,
});

async function silent(): Promise<Figures> {
  await using server = await YardstickServer.start("silent_server.ts");
  const { pid, port } = server;
  const opened: Deno.TcpConn[] = [];
  const open = async (request: Uint8Array<ArrayBuffer>) => {
    const tcp = await Deno.connect({ hostname: "127.0.0.1", port });
    opened.push(tcp);
    await tcp.write(request);
  };
  const figures: Record<string, number> = { [AT_REST]: await memoryOf(pid) };
  await inTurn(Array(WAITS).fill(requestBytes("GET", "/", { headers: { prefer: "wait=30" } })), open);
  figures[WITH_WAITS] = await memoryOf(pid);
  await inTurn(Array(STREAMS).fill(requestBytes("GET", "/")), open);
  figures[WITH_ALL] = await memoryOf(pid);
  for (const tcp of opened) tcp.close();
  return figures;
}

async function measure(folder: string): Promise<Figures> {
  const server = new Server({ folder, settings: { DEMO_TIME_SCALE: "0" } });
  const port = await server.listening();
  const client = await server.connect();
  const atRest = await server.memory();
  await client.json("PATCH", CHANNEL, { body: { paused: true } });
  const ids = await submitBatches(client, WAITS);
  const submitted = await server.memory();

  const waits = await inTurn(ids, (id) => wait(port, id));
  const withWaits = await server.memory();
  const streams = await inTurn(ids.slice(0, STREAMS), (id) => follow(port, id));
  const withAll = await server.memory();

  const before = await server.processorSeconds();
  await pause(SECONDS_OF_REST * 1000);
  const busy = (await server.processorSeconds() - before) / SECONDS_OF_REST;
  const times: number[] = [];
  for (let n = 0; n < SUBMITS; n++) {
    const sent = performance.now();
    await client.json("POST", "/v1/tasks", { body: { name: TASK, args: [n, 1] } });
    times.push(performance.now() - sent);
  }
  const most = Math.max(withAll, await server.memory());

  const resumed = performance.now();
  await client.json("PATCH", CHANNEL, { body: { paused: false } });
  const told = await Promise.all(waits.map(({ work }) => work));
  const wrong = told.filter((succeeded) => !succeeded).length;
  const followed = (await Promise.all(streams.map(({ work }) => work))).filter(Boolean).length;
  const late = (performance.now() - resumed) / 1000;
  const after = await server.memory();
  client.close();
  server.kill("SIGKILL");
  await server.exited;
  if (wrong > 0 || followed < STREAMS) {
    throw new Error(`${wrong} waits and ${STREAMS - followed} streams were not told of the end`);
  }
  return {
    [AT_REST]: atRest,
    "memory with the tasks stored MB": submitted,
    [WITH_WAITS]: withWaits,
    [WITH_ALL]: withAll,
    "most memory before the tasks ran MB": most,
    "memory after their end MB": after,
    "processors busy while all wait": busy,
    ...latencies("submit", times),
    "told of the end": told.length + followed,
    "all told, s after the channel was resumed": late,
  };
}

/** Begins with all items, some at a time. Each result is wrapped, so that it is not waited for. */
async function inTurn<Item, T>(
  items: readonly Item[],
  begin: (item: Item) => Promise<T>,
): Promise<{ work: Promise<T> }[]> {
  const begun: { work: Promise<T> }[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    begun.push(...items.slice(at, at + AT_ONCE).map((item) => ({ work: begin(item) })));
    await pause(20);
  }
  await pause(1000);
  return begun;
}

/** Waits for a task's end, as often as a wait is over before. Resolves to whether it was a success. */
async function wait(port: number, id: string): Promise<boolean> {
  const connection = await Connection.open(port);
  for (;;) {
    const { state } = await connection.json("GET", `/v1/tasks/${id}`, { headers: { prefer: "wait=30" } });
    if (state === "PENDING" || state === "STARTED") continue;
    connection.close();
    return state === "SUCCESS";
  }
}

/** Follows a task by events. Resolves to whether its last one told of a success. */
async function follow(port: number, id: string): Promise<boolean> {
  using tcp = await Deno.connect({ hostname: "127.0.0.1", port });
  await tcp.write(requestBytes("GET", `/v1/tasks/${id}/events`));
  const buffer = new Uint8Array(2048);
  const decoder = new TextDecoder();
  for (let text = "";;) {
    const read = await tcp.read(buffer);
    if (read === null) return false;
    text = text.slice(-4096) + decoder.decode(buffer.subarray(0, read), { stream: true });
    if (text.includes('"state":"SUCCESS"')) return true;
  }
}
