/**
 * Kills a worker with SIGKILL in the middle of an order that is to be processed once, starts another, and shows what
 * becomes of the order: with Celery and the fifth source system's key in Redis, and with Sluice.
 *
 * ```sh
 * python3 -m venv .cache/celery && .cache/celery/bin/pip install "celery[redis]==5.7.0"
 * deno run -A bench/side_by_side.ts --python .cache/celery/bin/python
 * ```
 *
 * Needs `redis-server` on the PATH. All of it runs on loopback, on free ports, in a folder that is removed.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is what this program is for
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Celery } from "./celery/processes.ts";
import { machine } from "./machine.ts";
import { endServers, Server } from "./server.ts";
import { pause, type Service } from "./service.ts";
import { Workplace } from "./workplace.ts";

const ORDER = "42";
/** Seconds that an order takes, and after which the worker is killed. */
const SECONDS = 4;
const KILLED_AFTER = 1;
/** Seconds after which Celery gives a task that nobody has acknowledged to another worker; its default is 3600. */
const VISIBILITY = 10;
/** Seconds to wait for an end after the new worker is ready. */
const PATIENCE = 45;

/** What became of the order, in words. */
interface Outcome {
  readonly system: string;
  readonly atTheKill: string;
  readonly state: string;
  readonly after: string;
  readonly processed: string;
  readonly again: string;
  readonly log: readonly string[];
}

const { python, ...others } = parseArgs({
  strict: false,
  options: { python: { type: "string", default: "python3" } },
}).values;
if (Object.keys(others).length > 0 || typeof python !== "string") {
  console.error("Usage: deno run -A bench/side_by_side.ts [--python <path of a Python with Celery>]");
  Deno.exit(others.help ? 0 : 2);
}
Deno.exitCode = await main(python.includes("/") ? resolve(python) : python);

async function main(python: string): Promise<number> {
  const lacking = await whatIsLacking(python);
  if (lacking.length > 0) {
    console.error(`This needs a real Redis and a real Celery:\n${lacking.join("\n")}`);
    return 2;
  }
  const workplace = new Workplace();
  try {
    console.log(machine(workplace.folder).join("\n"));
    const outcomes = [
      await celery("Celery, its defaults", python, workplace.make(), {}),
      await celery("Celery, acks_late", python, workplace.make(), { VISIBILITY: String(VISIBILITY) }),
      await sluice(workplace.make()),
    ];
    for (const outcome of outcomes) print(outcome);
    return outcomes.at(-1)!.processed === "once" ? 0 : 1;
  } finally {
    endServers();
    workplace.clear();
    workplace.remove();
  }
}

async function whatIsLacking(python: string): Promise<string[]> {
  const needs: [command: string, args: string[], how: string][] = [
    ["redis-server", ["--version"], "  redis-server on the PATH, such as Debian's package redis-server"],
    [
      python,
      ["-c", "import celery, redis"],
      `  a Python with "celery[redis]==5.7.0", named by --python: not '${python}'`,
    ],
  ];
  const lacking: string[] = [];
  for (const [command, args, how] of needs) {
    const found = await runs(command, args);
    if (!found) lacking.push(how);
  }
  return lacking;
}

async function runs(command: string, args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args }).output()).success;
  } catch {
    return false;
  }
}

async function celery(
  system: string,
  python: string,
  folder: string,
  env: Record<string, string>,
): Promise<Outcome> {
  await using system_ = await Celery.start(python, folder, { SECONDS: String(SECONDS), ...env });
  const look = async (id: string) => JSON.parse(await system_.run("look", id, ORDER));
  const first = await system_.worker();
  const id = await system_.run("submit", ORDER);
  await first.says(`order ${ORDER} begins`);
  await pause(KILLED_AFTER * 1000);
  await first.kill();
  const killed = await look(id);

  // A worker that starts looks for messages whose time is over; one that runs was seen not to for 45 s.
  if (env.VISIBILITY) await pause(VISIBILITY * 1000);
  await using second = await system_.worker();
  const ready = performance.now();
  let now = await look(id);
  while (now.state !== "SUCCESS" && performance.now() - ready < PATIENCE * 1000) {
    await pause(500);
    now = await look(id);
  }
  const seconds = (performance.now() - ready) / 1000;
  const ended = now.state === "SUCCESS" ? `after ${seconds.toFixed(1)} s` : `still after ${PATIENCE} s`;

  const repeat = await system_.run("submit", ORDER);
  await second.says(`Task process_order[${repeat}] succeeded`);
  const again = await look(repeat);
  const times = count([first, second], `order ${ORDER} was processed`);
  return {
    system,
    atTheKill: `${killed.state}; ${killed.waiting} waiting, ${killed.unacknowledged} unacknowledged; ` +
      `key '${killed.key}' for another ${killed.ttl} s`,
    state: `${now.state}, result ${JSON.stringify(now.result)}`,
    after: ended,
    processed: times === 0 ? "never" : times === 1 ? "once" : `${times} times`,
    again: `another task: ${again.state}, result ${JSON.stringify(again.result)}; ` +
      `key '${again.key}' for another ${again.ttl} s`,
    log: [first, second].flatMap(({ lines }) =>
      lines.filter((line) => /order 42|Task process_order/.test(line))
    ),
  };
}

async function sluice(folder: string): Promise<Outcome> {
  const settings = { DEMO_TIME_SCALE: String(SECONDS / 2) };
  const body = { name: "process_order", args: [ORDER] };
  const first = new Server({ folder, settings, log: "first.log" });
  let connection = await first.connect();
  const { id } = await connection.json("POST", "/v1/tasks", { body });
  while ((await connection.json("GET", `/v1/tasks/${id}`)).state !== "STARTED") await pause(20);
  await pause(KILLED_AFTER * 1000);
  const { state } = await connection.json("GET", `/v1/tasks/${id}`);
  first.kill("SIGKILL");
  await first.exited;
  connection.close();

  const second = new Server({ folder, settings, log: "second.log" });
  connection = await second.connect();
  const ready = performance.now();
  let now = await connection.json("GET", `/v1/tasks/${id}`);
  while (now.state !== "SUCCESS" && performance.now() - ready < PATIENCE * 1000) {
    await pause(100);
    now = await connection.json("GET", `/v1/tasks/${id}`);
  }
  const seconds = (performance.now() - ready) / 1000;
  const again = await connection.json("POST", "/v1/tasks", { body });
  connection.close();
  await second.stop();
  const log = [first, second].flatMap((server) => server.log().split("\n"));
  const ends = log.filter((line) => line.includes(`"message":"finished"`) && line.includes(String(id)));
  return {
    system: "Sluice",
    atTheKill: `${state}; its key is the task's own, in the commit that accepted it`,
    state: `${now.state}, result ${JSON.stringify(now.result)}`,
    after: now.state === "SUCCESS" ? `after ${seconds.toFixed(1)} s` : `still after ${PATIENCE} s`,
    processed: ends.length === 0 ? "never" : ends.length === 1 ? "once" : `${ends.length} times`,
    again: again.id === id ? `the same task: ${again.state}, with its result` : `another task: ${again.id}`,
    log: log.filter((line) => line.includes(`"task_id":"${id}"`)),
  };
}

function count(services: readonly Service[], text: string): number {
  return services.flatMap(({ lines }) => lines).filter((line) => line.includes(text)).length;
}

function print({ system, atTheKill, state, after, processed, again, log }: Outcome): void {
  console.log(`
${system}
  when its worker was killed   ${atTheKill}
  with a new worker            ${state}, ${after}
  the order was processed      ${processed}
  submitted once more          ${again}
  log
${log.map((line) => `    ${line.slice(0, 200)}`).join("\n")}`);
}
