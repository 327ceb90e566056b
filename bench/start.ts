/**
 * The time from the program's start until it works.
 *
 * @module
 */
import { join } from "node:path";
import type { Figures, ScenarioMaker } from "./scenario.ts";
import { Server } from "./server.ts";
import { ROOT } from "./workplace.ts";

/** The scenario `start`. */
export const start: ScenarioMaker = (workplace) => ({
  method:
    "from spawning main.ts on a new database, its modules being in Deno's cache, until it listens, and until the " +
    "result of a GET /important that was sent then can be read; empty: deno run of a program without a line.",
  variants: [
    { name: "empty", yardstick: true, measure: () => empty(workplace.make()) },
    { name: "sluice", measure: () => first(workplace.make()) },
  ],
  ratios: [{ name: "first result / empty program", of: "sluice: first result s", to: "empty: ended s" }],
});

async function empty(folder: string): Promise<Figures> {
  const program = join(folder, "empty.ts");
  Deno.writeTextFileSync(program, "");
  const begin = performance.now();
  const { success } = await new Deno.Command("deno", { args: ["run", "-q", program], cwd: ROOT }).output();
  const seconds = (performance.now() - begin) / 1000;
  if (!success) throw new Error("Deno cannot run an empty program");
  return { "ended s": seconds };
}

async function first(folder: string): Promise<Figures> {
  const server = new Server({ folder, settings: { DEMO_TIME_SCALE: "0" } });
  const connection = await server.connect();
  const listens = performance.now();
  const { task_id } = await connection.json("GET", "/important");
  for (;;) {
    const { status, result } = await connection.json("GET", `/result/${task_id}`);
    if (result !== undefined) break;
    if (status === undefined) throw new Error("The first task failed");
  }
  const done = performance.now();
  connection.close();
  await server.stop();
  return {
    "listens s": (listens - server.spawnedAt) / 1000,
    "first result s": (done - server.spawnedAt) / 1000,
  };
}
