/**
 * The time until a task starts when nothing else is going on.
 *
 * @module
 */
import { rawCommits } from "./ceiling.ts";
import { add, Engine } from "./engine.ts";
import type { Figures, ScenarioMaker } from "./scenario.ts";
import { latencies } from "./statistics.ts";

const TRIES = 300;
const WARM_UP = 200;

/** The scenario `pickup`. */
export const pickup: ScenarioMaker = (workplace) => ({
  method:
    `${TRIES} tasks one after the other on an idle queue: from submit to the start of the handler, and to the ` +
    "result as queue.result() gives it; raw: one bare commit of two rows, which any durable submit must wait for.",
  variants: [
    {
      name: "raw",
      yardstick: true,
      measure: async () =>
        latencies("commit", (await rawCommits(workplace.file(), WARM_UP + TRIES)).slice(WARM_UP)),
    },
    { name: "engine", measure: () => oneByOne(workplace.file()) },
  ],
  ratios: [
    { name: "start p50 / raw commit p50", of: "engine: start p50 ms", to: "raw: commit p50 ms" },
    { name: "result p50 / raw commit p50", of: "engine: result p50 ms", to: "raw: commit p50 ms" },
  ],
});

async function oneByOne(path: string): Promise<Figures> {
  const engine = await Engine.open(path, 16);
  await engine.queue.start();
  const starts: number[] = [];
  const results: number[] = [];
  for (let i = 0; i < WARM_UP + TRIES; i++) {
    const handler = engine.nextStart();
    const begin = performance.now();
    const sum = await engine.queue.result(await engine.queue.submit(add, [i, 1]));
    const end = performance.now();
    if (sum !== i + 1) throw new Error(`${i} + 1 gave ${sum}`);
    if (i < WARM_UP) continue;
    starts.push(await handler - begin);
    results.push(end - begin);
  }
  await engine.close(WARM_UP + TRIES);
  return { ...latencies("start", starts), ...latencies("result", results) };
}
