/**
 * The program is killed again and again while clients submit; nothing may be lost or done twice.
 *
 * @module
 */
import type { Connection } from "./connection.ts";
import { type CrashVerdict, verdict } from "./crash_verdict.ts";
import { pause } from "./pause.ts";
import type { Figures, ScenarioMaker } from "./scenario.ts";
import { Server, untilIdle } from "./server.ts";
import { TASK } from "./workload.ts";

const CLIENTS = 4;
/** Factor on the task's 20 s: 10 ms, so that some run at each kill. */
const TIME_SCALE = "0.0005";
/** Share of the kills that fall into a start; the others come while it serves. */
const DURING_START = 0.25;
/** Milliseconds within which a kill falls, after the spawn or after it listens. */
const KILL_WITHIN = { start: 300, service: 400 };

/** How much of it. */
interface CrashOptions {
  /** Folder of database and logs. */
  readonly folder: string;
  readonly tasks: number;
  /** Tasks in one request. */
  readonly batch: number;
  readonly kills: number;
  /** Decides the moments of the kills. */
  readonly seed: number;
}

/** What was found; everything that must hold has held. */
interface CrashReport extends CrashVerdict {
  readonly kills: number;
  /** Kills before the server listened. */
  readonly killsDuringStart: number;
  /** Requests sent again because no answer had come. */
  readonly repeatedBatches: number;
  /** Of those, answered as having been accepted before. */
  readonly replayedBatches: number;
}

/** The scenario `crash`. */
export const crash: ScenarioMaker = (workplace, seed) => ({
  method:
    `5000 tasks of 10 ms in batches of 250 by ${CLIENTS} clients, which repeat what was not answered with the same ` +
    "Idempotency-Key, while the server is killed (SIGKILL) 10 times at random moments and started again; then every " +
    "accepted task must be final, settled once, and nothing left in a queue. Each round has a seed of its own.",
  rounds: 1,
  variants: [{
    name: "crash",
    measure: async (): Promise<Figures> => {
      const begin = performance.now();
      const report = await crashes({
        folder: workplace.make(),
        tasks: 5000,
        batch: 250,
        kills: 10,
        seed: seed++,
      });
      return { ...report, seconds: (performance.now() - begin) / 1000 };
    },
  }],
});

/**
 * Submits while the server is killed, then counts.
 *
 * @throws when a task was lost, done twice, or is still open
 */
export async function crashes(options: CrashOptions): Promise<CrashReport> {
  const { folder, tasks, batch, kills } = options;
  const random = randomOf(options.seed);
  const counts = { killsDuringStart: 0, repeatedBatches: 0, replayedBatches: 0 };
  const batches = Math.ceil(tasks / batch);
  const answers: string[][] = [];
  let server: Server;
  let life = 0;
  /** Batches that clients may send so far: some in each life, so that every kill meets some. */
  let allowed = 0;
  let over = false;

  const spawn = () => {
    server = new Server({ folder, log: `${life++}.log`, settings: { DEMO_TIME_SCALE: TIME_SCALE } });
  };
  const sendAll = async (client: number) => {
    for (let n = client; n < batches; n += CLIENTS) {
      while (n >= allowed && !over) await pause(5);
      answers[n] = await send(n);
    }
  };
  const send = async (n: number): Promise<string[]> => {
    while (!over) {
      const { outcome, sent } = await submit(server, n);
      if (outcome) {
        counts.replayedBatches += outcome.replayed ? 1 : 0;
        return outcome.ids;
      }
      counts.repeatedBatches += sent ? 1 : 0;
      await pause(5);
    }
    throw new Error("The run is over");
  };
  const submit = (server: Server, n: number) =>
    submitBatch(server, n, Math.min(batch, tasks - n * batch), options.seed);

  try {
    spawn();
    const clients = Promise.all(Array.from({ length: CLIENTS }, (_, client) => sendAll(client)));
    clients.catch(() => {});
    for (let kill = 0; kill < kills; kill++) {
      allowed = Math.ceil(batches * (kill + 1) / (kills + 1));
      const inStart = random() < DURING_START;
      counts.killsDuringStart += inStart ? 1 : 0;
      if (!inStart) await server!.listening();
      await pause(random() * (inStart ? KILL_WITHIN.start : KILL_WITHIN.service));
      server!.kill("SIGKILL");
      await server!.exited;
      spawn();
    }
    allowed = batches;
    await clients;
    const connection = await server!.connect();
    await untilIdle(connection);
    await expectReplays(answers, (n) => submit(server, n));
    connection.close();
    await server!.stop();
  } finally {
    over = true;
    if (server!.exitCode === undefined) server!.kill("SIGKILL");
    await server!.exited;
  }
  const logs = Array.from({ length: life }, (_, n) => Deno.readTextFileSync(`${folder}/${n}.log`));
  return { kills, ...counts, ...await verdict(server!.kvPath, TASK, answers.flat(), logs) };
}

interface Outcome {
  readonly ids: string[];
  readonly replayed: boolean;
}

/** Sends a batch. No outcome: no answer came; `sent`: it may have been accepted all the same. */
async function submitBatch(
  server: Server,
  n: number,
  size: number,
  seed: number,
): Promise<{ outcome: Outcome | null; sent: boolean }> {
  const tasks = Array.from({ length: size }, (_, i) => ({ name: TASK, args: [n, i] }));
  let connection: Connection | null = null;
  try {
    connection = await server.connect();
    const { status, head, body } = await connection.request("POST", "/v1/tasks/batch", {
      headers: { "idempotency-key": `crash-${seed}-${n}` },
      body: { tasks },
    });
    if (status !== 202) throw new TypeError(`Batch ${n} was answered ${status}: ${body}`);
    const ids = (JSON.parse(body).tasks as { id: string }[]).map(({ id }) => id);
    return { outcome: { ids, replayed: /\r\nidempotent-replayed: true/i.test(head) }, sent: true };
  } catch (error) {
    // Killed servers leave no exit code: with one, it has ended by itself.
    if (error instanceof TypeError || typeof server.exitCode === "number") throw error;
    return { outcome: null, sent: connection !== null };
  } finally {
    connection?.close();
  }
}

/** Sends every batch once more: each must be known, with the ids that were answered before. */
async function expectReplays(
  answers: readonly (readonly string[])[],
  submit: (n: number) => Promise<{ outcome: Outcome | null }>,
): Promise<void> {
  for (const [n, ids] of answers.entries()) {
    const { outcome } = await submit(n);
    if (!outcome?.replayed || outcome.ids.join() !== ids.join()) {
      throw new Error(
        `Batch ${n} was not replayed: ${JSON.stringify(outcome)}, first ${JSON.stringify(ids)}`,
      );
    }
  }
}

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
