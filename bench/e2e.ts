/**
 * Tasks a second end to end: submitted one by one, run, their results stored.
 *
 * @module
 */
import { type Life, rawLife } from "./ceiling.ts";
import { add, Engine, processorTime } from "./engine.ts";
import type { Figures, ScenarioMaker, Variant } from "./scenario.ts";
import { SLOTS } from "./workload.ts";

const TASKS = 40_000;

/** The scenario `e2e`. */
export const e2e: ScenarioMaker = (workplace) => {
  const raw = (name: string, life: Life): Variant => ({
    name,
    yardstick: true,
    measure: async () => ({ "tasks/s": await rawLife(workplace.file(), TASKS, life) }),
  });
  const engine = (submits: number): Variant => ({
    name: `engine, ${submits} submits`,
    measure: () => endToEnd(workplace.file(), submits),
  });
  const ratio = (submits: number, raw: string) => ({
    name: `engine, ${submits} submits / ${raw}`,
    of: `engine, ${submits} submits: tasks/s`,
    to: `${raw}: tasks/s`,
  });
  return {
    method:
      `${TASKS} tasks submitted one by one, 64 or 256 calls at once, ${SLOTS} slots, until every result is ` +
      "stored; µs/task: processor time of the whole process; raw: the same rows by bare commits, over ready " +
      "(6 mutations a task) or handed off (4).",
    variants: [raw("raw 6", "ready"), raw("raw 4", "hand-off"), engine(64), engine(256)],
    ratios: [ratio(64, "raw 6"), ratio(64, "raw 4"), ratio(256, "raw 6"), ratio(256, "raw 4")],
  };
};

async function endToEnd(path: string, submits: number): Promise<Figures> {
  const engine = await Engine.open(path, SLOTS);
  await engine.queue.start();
  let next = 0;
  const cpu = processorTime();
  const start = performance.now();
  const submitter = async () => {
    while (next < TASKS) await engine.queue.submit(add, [next++, 1]);
  };
  await Promise.all([engine.reach(TASKS), ...Array.from({ length: submits }, submitter)]);
  const seconds = (performance.now() - start) / 1000;
  const used = processorTime() - cpu;
  await engine.close(TASKS);
  return { "tasks/s": TASKS / seconds, "µs/task": used / TASKS };
}
