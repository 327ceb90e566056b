/**
 * Plain tasks beside tasks that wait for a concurrency key: one of a hundred thousand runs, the rest are parked, and
 * beside them plain tasks come and go.
 *
 * @module
 */
import { z } from "zod";
import { defineTask } from "../queue/mod.ts";
import { census } from "./census.ts";
import { add, Engine } from "./engine.ts";
import { pause } from "./pause.ts";
import type { Figures, ScenarioMaker } from "./scenario.ts";
import { BATCH, SLOTS } from "./workload.ts";

const PARKED = 100_000;
/** Plain tasks that wait all the time. */
const WAITING = 1_000;
/** Finished tasks that are not counted, then those that are. */
const STANDING = { batch: BATCH, warmUp: 5_000, counted: 30_000 };

/** Runs until it is told to stop, so that no other task of its key starts. */
const tenant = defineTask(
  { name: "bench.tenant", args: z.tuple([]), channel: add.channel!, concurrencyKey: () => "one" },
  (context) => context.sleep(3600),
);

/** The scenario `parked`. */
export const parked: ScenarioMaker = (workplace) => ({
  method:
    `${STANDING.counted} plain tasks run, ${SLOTS} slots, while batches of ${BATCH} keep ${WAITING} waiting; one task of ` +
    `a concurrency key runs beside them, and none or ${PARKED} more of its key are parked.`,
  variants: [
    { name: "none", measure: () => others(workplace.file(), 0) },
    { name: `${PARKED}`, measure: () => others(workplace.file(), PARKED) },
  ],
  ratios: [{
    name: `tasks/s, ${PARKED} parked / none`,
    of: `${PARKED}: others tasks/s`,
    to: "none: others tasks/s",
  }],
});

/** The rate of plain tasks while so many others are parked. */
async function others(path: string, count: number): Promise<Figures> {
  const engine = await Engine.open(path, SLOTS, [tenant]);
  const { queue } = engine;
  for (let left = count + 1; left > 0; left -= BATCH) {
    const size = Math.min(left, BATCH);
    await queue.submitAll(Array.from({ length: size }, () => ({ name: tenant.name, args: [] })));
  }
  const begin = performance.now();
  await queue.start();
  for (let ready = 1; ready > 0;) {
    await pause(50);
    ready = (await queue.channels()).find(({ name }) => name === add.channel)!.ready;
  }
  const parking = performance.now() - begin;

  await engine.submitBatches(WAITING, BATCH);
  const { replaced, "tasks/s": rate } = await engine.standing(STANDING);
  await engine.leave(1);
  const { tasks, states, rows } = await census(path, add.name);
  const found = [tasks.size, states.SUCCESS, rows.blocked ?? 0, rows.run ?? 0];
  const expected = [WAITING + replaced, engine.finished, count, 0];
  if (`${found}` !== `${expected}`) throw new Error(`The database holds ${found}, not ${expected}`);
  return {
    "others tasks/s": rate,
    ...count > 0 && { "parking tasks/s": count / parking * 1000 },
  };
}
