/**
 * An important task while ordinary ones fill every slot and more wait: its own channel must take it at once.
 *
 * @module
 */
import type { Connection } from "./connection.ts";
import { pause } from "./pause.ts";
import type { Figures, ScenarioMaker } from "./scenario.ts";
import { Server } from "./server.ts";
import { latencies } from "./statistics.ts";

const TRIES = 100;
const SLOTS = 16;
const WAITING = 500;
/** Milliseconds that no important task may take. */
const LONGEST = 1_000;

const LONG = "app.tasks.long_running_task";
const IMPORTANT = "app.tasks.important_task";

/** The scenario `important`. */
export const important: ScenarioMaker = (workplace) => ({
  method: `main.ts as a process whose ${SLOTS} celery slots hold tasks of 30 s while ${WAITING} more wait; ` +
    `${TRIES} times GET /important until /result shows its result, and ${TRIES} times POST /v1/tasks with Prefer: ` +
    "wait; idle: the same without other tasks.",
  variants: [
    { name: "idle", measure: () => measure(workplace.make(), 0) },
    { name: "busy", measure: () => measure(workplace.make(), SLOTS + WAITING) },
  ],
  ratios: ["/result", "wait"].map((way) => ({
    name: `${way} p50, busy / idle`,
    of: `busy: ${way} p50 ms`,
    to: `idle: ${way} p50 ms`,
  })),
});

async function measure(folder: string, long: number): Promise<Figures> {
  const server = new Server({ folder, settings: { DEMO_TIME_SCALE: "1" } });
  const connection = await server.connect();
  for (let sent = 0; sent < long; sent += 250) {
    const tasks = Array.from({ length: Math.min(250, long - sent) }, () => ({ name: LONG, args: [] }));
    await connection.json("POST", "/v1/tasks/batch", { body: { tasks } });
  }
  await expectHeld(connection, long);
  const polled: number[] = [];
  const waited: number[] = [];
  for (let i = 0; i < TRIES; i++) {
    polled.push(await timed(() => untilResult(connection)));
    waited.push(await timed(() => untilAnswer(connection)));
  }
  await expectHeld(connection, long);
  connection.close();
  server.kill("SIGKILL");
  await server.exited;
  const late = [...polled, ...waited].filter((milliseconds) => milliseconds > LONGEST).length;
  if (late > 0) {
    throw new Error(`${late} important tasks took over ${LONGEST} ms: ${Math.max(...polled, ...waited)}`);
  }
  return { ...latencies("/result", polled), ...latencies("wait", waited), [`over ${LONGEST} ms`]: late };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function untilResult(connection: Connection): Promise<void> {
  const { task_id } = await connection.json("GET", "/important");
  for (;;) {
    const { status, result, error } = await connection.json("GET", `/result/${task_id}`);
    if (result !== undefined) return;
    if (status === undefined) throw new Error(`The important task ended with ${error}`);
  }
}

async function untilAnswer(connection: Connection): Promise<void> {
  const { state } = await connection.json("POST", "/v1/tasks", {
    headers: { prefer: "wait=5" },
    body: { name: IMPORTANT, args: [] },
  });
  if (state !== "SUCCESS") throw new Error(`The important task is ${state} after 5 s`);
}

/** Throws unless the long tasks fill the channel, or come to in a while. */
async function expectHeld(connection: Connection, long: number): Promise<void> {
  const running = Math.min(long, SLOTS);
  let found = "";
  for (let attempt = 0; attempt < 100; attempt++) {
    const { channels } = await connection.json("GET", "/v1/channels");
    const celery = (channels as { name: string; ready: number; running: number }[])
      .find(({ name }) => name === "celery");
    // The minute's scheduled task may wait among them.
    if (celery?.running === running && celery.ready >= long - running) return;
    found = JSON.stringify(celery);
    await pause(50);
  }
  throw new Error(`The long tasks do not fill the channel: ${found}`);
}
