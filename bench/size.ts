/**
 * The room that ended tasks take in a database file until their retention is over.
 *
 * @module
 */
import { z } from "zod";
import { type AnyTaskDefinition, defineTask } from "../queue/mod.ts";
import { type Key, keySize, valueSize } from "./inside.ts";
import { expectDone } from "./census.ts";
import { add, Engine } from "./engine.ts";
import type { Figures, ScenarioMaker, Variant } from "./scenario.ts";
import { SLOTS } from "./workload.ts";

const TASKS = 100_000;

const once = defineTask(
  {
    name: "bench.once",
    args: z.tuple([z.string()]),
    channel: "celery",
    idempotency: { key: (order) => order },
  },
  (_context, order) => order.length,
);
const kilobyte = defineTask(
  { name: "bench.kilobyte", args: z.tuple([z.string()]), channel: "celery" },
  (_context, text) => text.length,
);
/** The scenario `size`. */
export const size: ScenarioMaker = (workplace) => {
  const variant = (name: string, task: AnyTaskDefinition, args: (n: number) => unknown[]): Variant => ({
    name,
    measure: () => fill(workplace.file(), task, args),
  });
  return {
    method:
      `${TASKS} tasks that have ended, in a new file: its bytes a task (which is its MB a million tasks), and the ` +
      "bytes of keys and values by kind of row. plain: two integers added; kilobyte: with an argument of 1,000 letters; " +
      "once: with an idempotency key of 16 letters.",
    rounds: 1,
    variants: [
      variant("plain", add, (n) => [n, 1]),
      variant("kilobyte", kilobyte, () => ["x".repeat(1000)]),
      variant("once", once, (n) => [String(n).padStart(16, "0")]),
    ],
  };
};

async function fill(path: string, task: AnyTaskDefinition, args: (n: number) => unknown[]): Promise<Figures> {
  const engine = await Engine.open(path, SLOTS, task === add ? [] : [task]);
  await engine.queue.start();
  const batch = 50;
  for (let n = 0; n < TASKS; n += batch) {
    const requests = Array.from({ length: batch }, (_, i) => ({ name: task.name, args: args(n + i) }));
    await engine.queue.submitAll(requests);
  }
  await engine.reach(TASKS);
  await engine.leave(30);
  await expectDone(path, task.name, TASKS);
  const figures: Record<string, number> = { "file B/task": Deno.statSync(path).size / TASKS };
  using kv = await Deno.openKv(path);
  for await (const { key, value } of kv.list({ prefix: ["sluice"] }, { batchSize: 500 })) {
    const name = `${String(key[1])} rows B/task`;
    figures[name] = (figures[name] ?? 0) + (keySize(key as Key) + valueSize(value)) / TASKS;
  }
  return Object.fromEntries(Object.entries(figures).filter(([, bytes]) => bytes >= 1));
}
