/**
 * The rate at which a backlog is worked off, a long one beside a short one.
 *
 * @module
 */
import { rawDrain } from "./ceiling.ts";
import { Engine, processorTime } from "./engine.ts";
import type { Figures, ScenarioMaker } from "./scenario.ts";
import { BATCH, SLOTS } from "./workload.ts";

const BACKLOG = 100_000;
const SHORT = 1_000;
/** Finished tasks that are not counted, then those that are, while the backlog keeps its length. */
const STANDING = { batch: BATCH, warmUp: 5_000, counted: 20_000 };

/** The scenario `drain`. */
export const drain: ScenarioMaker = (workplace) => ({
  method:
    `${BACKLOG} tasks submitted in batches of ${BATCH} before the workers start, then run, ${SLOTS} slots; ` +
    `standing: ${STANDING.counted} tasks run while batches of ${BATCH} keep the backlog at its length; ` +
    "µs/task: processor time of the whole process; raw: the same rows by bare commits.",
  variants: [
    {
      name: "raw",
      yardstick: true,
      measure: async () => {
        const { submit, drain } = await rawDrain(workplace.file(), BACKLOG);
        return { "submit tasks/s": submit, "drain tasks/s": drain };
      },
    },
    { name: "engine", measure: () => submitAndDrain(workplace.file()) },
    {
      name: `standing ${SHORT}`,
      measure: () => standing(workplace.file(), SHORT),
    },
    {
      name: `standing ${BACKLOG}`,
      measure: () => standing(workplace.file(), BACKLOG),
    },
  ],
  ratios: [
    { name: "submit, engine / raw", of: "engine: submit tasks/s", to: "raw: submit tasks/s" },
    { name: "drain, engine / raw", of: "engine: drain tasks/s", to: "raw: drain tasks/s" },
    {
      name: `standing ${BACKLOG} / ${SHORT}`,
      of: `standing ${BACKLOG}: tasks/s`,
      to: `standing ${SHORT}: tasks/s`,
    },
  ],
});

async function submitAndDrain(path: string): Promise<Figures> {
  const engine = await Engine.open(path, SLOTS);
  const [start, cpuAtStart] = [performance.now(), processorTime()];
  await engine.submitBatches(BACKLOG, BATCH);
  const [submitted, cpuAtSubmitted] = [performance.now(), processorTime()];
  await Promise.all([engine.queue.start(), engine.reach(BACKLOG)]);
  const [done, cpuAtDone] = [performance.now(), processorTime()];
  await engine.close(BACKLOG);
  return {
    "submit tasks/s": BACKLOG / (submitted - start) * 1000,
    "submit µs/task": (cpuAtSubmitted - cpuAtStart) / BACKLOG,
    "drain tasks/s": BACKLOG / (done - submitted) * 1000,
    "drain µs/task": (cpuAtDone - cpuAtSubmitted) / BACKLOG,
  };
}

async function standing(path: string, length: number): Promise<Figures> {
  const engine = await Engine.open(path, SLOTS);
  await engine.submitBatches(length, BATCH);
  const { replaced, ...figures } = await engine.standing(STANDING, () => engine.queue.start());
  await engine.close(length + replaced, { unfinished: true });
  return figures;
}
