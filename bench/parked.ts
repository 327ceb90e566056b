/**
 * Whether tasks that wait for a concurrency key make the others slower: one of a hundred thousand runs, the rest are
 * parked, and beside them plain tasks come and go.
 *
 * @module
 */
import { z } from "zod";
import { defineTask } from "../queue/mod.ts";
import { census } from "./census.ts";
import { add, Engine } from "./engine.ts";
import type { Figures, ScenarioMaker } from "./scenario.ts";

const PARKED = 100_000;
const SLOTS = 100;
const BATCH = 250;
const STANDING = 1_000;
/** Finished tasks that are not counted, then those that are. */
const WARM_UP = 5_000;
const COUNTED = 30_000;

/** Runs until it is told to stop, so that no other task of its key starts. */
const tenant = defineTask(
  { name: "bench.tenant", args: z.tuple([]), channel: add.channel!, concurrencyKey: () => "one" },
  (context) => context.sleep(3600),
);

/** The scenario `parked`. */
export const parked: ScenarioMaker = (workplace) => ({
  method:
    `${COUNTED} plain tasks run, ${SLOTS} slots, while batches of ${BATCH} keep ${STANDING} waiting; one task of ` +
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
    await new Promise((resolve) => setTimeout(resolve, 50));
    ready = (await queue.channels()).find(({ name }) => name === add.channel)!.ready;
  }
  const parking = performance.now() - begin;

  await engine.submitBatches(STANDING, BATCH);
  let submitted = STANDING;
  const topUps: Promise<void>[] = [];
  engine.onFinished = (finished) => {
    if (finished % BATCH !== 0 || finished >= WARM_UP + COUNTED) return;
    submitted += BATCH;
    topUps.push(engine.submitBatch(BATCH));
  };
  await engine.reach(WARM_UP);
  const [start, from] = [performance.now(), engine.finished];
  await engine.reach(WARM_UP + COUNTED);
  const [seconds, to] = [(performance.now() - start) / 1000, engine.finished];
  await Promise.all(topUps);
  await engine.leave(1);
  const { tasks, states, rows } = await census(path, add.name);
  const found = [tasks.size, states.SUCCESS, rows.blocked ?? 0, rows.run ?? 0];
  const expected = [submitted, engine.finished, count, 0];
  if (`${found}` !== `${expected}`) throw new Error(`The database holds ${found}, not ${expected}`);
  return {
    "others tasks/s": (to - from) / seconds,
    ...count > 0 && { "parking tasks/s": count / parking * 1000 },
  };
}
