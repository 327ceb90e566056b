/**
 * Resident memory of the real program: at rest, under load, with a long backlog, and when all that is over.
 *
 * @module
 */
import { expectDone } from "./census.ts";
import { runLoad } from "./load.ts";
import { pause } from "./pause.ts";
import type { Figures, ScenarioMaker } from "./scenario.ts";
import { memoryOf, ownMemoryOf, Server, untilIdle } from "./server.ts";
import { median } from "./statistics.ts";
import { BATCH, CHANNEL, SLOTS, submitBatches, TASK } from "./workload.ts";
import { YardstickServer } from "./yardstick_server.ts";

const LOAD = {
  connections: 64,
  requests: 10_000,
  method: "POST",
  path: "/v1/tasks",
  body: { name: TASK, args: [1, 2] },
};
const WAITING = 100_000;
/** V8 waits for half a minute of rest until it gives back what it no longer uses. */
const SECONDS = { load: 10, rest: 45 };
/** Milliseconds between two samples. */
const PERIOD = 250;

/** The scenario `memory`. */
export const memory: ScenarioMaker = (workplace) => ({
  method:
    `resident memory of main.ts as a process with ${SLOTS} slots: when it has started; while ${LOAD.connections} ` +
    `connections submit for ${SECONDS.load} s or a little longer; with ${WAITING} tasks of a paused channel that ` +
    `were submitted in batches of ${BATCH}; while they run; after ${SECONDS.rest} s of rest. own: of it, what is ` +
    "not the program files' and shared with every other Deno (Linux only). bare: a server that answers a constant, " +
    "under the same load.",
  variants: [
    { name: "bare", yardstick: true, measure: bare },
    { name: "sluice", measure: () => sluice(workplace.make()) },
  ],
  ratios: [{ name: "sluice: after all / at rest", of: "sluice: after all MB", to: "sluice: at rest MB" }],
  rounds: 1,
});

async function bare(): Promise<Figures> {
  await using server = await YardstickServer.start("bare_server.ts");
  const atRest = await settled(server.pid, "at rest");
  return { ...atRest, ...(await underLoad(server.pid, server.port)).figures };
}

async function sluice(folder: string): Promise<Figures> {
  const server = Server.logging(folder, SLOTS);
  const { pid } = server;
  const client = await server.connect();
  const atRest = await settled(pid, "at rest");
  const load = await underLoad(pid, await server.listening());

  await client.json("PATCH", CHANNEL, { body: { paused: true } });
  const submitting = await sampled(pid, "while they are submitted", async () => {
    await submitBatches(client, WAITING);
  });
  const waiting = await settled(pid, `${WAITING} waiting`);
  const running = await sampled(pid, "while they run", async () => {
    await client.json("PATCH", CHANNEL, { body: { paused: false } });
    await untilIdle(client);
  });
  await pause(SECONDS.rest * 1000);
  const after = await settled(pid, "after all");
  client.close();
  await server.stop();
  await expectDone(server.kvPath, TASK, load.requests + WAITING);
  return { ...atRest, ...load.figures, ...submitting, ...waiting, ...running, ...after };
}

/** Loads a server as long as it takes. */
async function underLoad(pid: number, port: number): Promise<{ requests: number; figures: Figures }> {
  let requests = 0;
  const figures = await sampled(pid, "under load", async () => {
    for (const begin = performance.now(); performance.now() - begin < SECONDS.load * 1000;) {
      const { statuses } = await runLoad({ port, ...LOAD });
      const accepted = Object.keys(statuses).every((status) => status.startsWith("2"));
      if (!accepted) throw new Error(`Under load the server answered ${JSON.stringify(statuses)}`);
      requests += LOAD.requests;
    }
  });
  return { requests, figures: { ...figures, "under load, own MB": await ownMemoryOf(pid) } };
}

/** Memory a second after what went before. */
async function settled(pid: number, name: string): Promise<Figures> {
  await pause(1000);
  return { [`${name} MB`]: await memoryOf(pid), [`${name}, own MB`]: await ownMemoryOf(pid) };
}

/** Memory while something is done. */
async function sampled(pid: number, name: string, work: () => Promise<void>): Promise<Figures> {
  const samples: number[] = [];
  let done = false;
  const sampling = (async () => {
    do {
      samples.push(await memoryOf(pid));
      await pause(PERIOD);
    } while (!done);
  })();
  try {
    await work();
  } finally {
    done = true;
    await sampling;
  }
  return { [`${name} median MB`]: median(samples), [`${name} max MB`]: Math.max(...samples) };
}
