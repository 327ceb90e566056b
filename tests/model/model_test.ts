/**
 * Everything at once, by several actors: tasks with and without limits and keys, batches, workflows, schedules,
 * redrives, channels that are changed and purged, in processes that are killed, suspended, restarted and fenced, on
 * machines whose clocks leap, over a store that loses, repeats, refuses and delays. After each step the laws hold; at
 * the end every task has ended, in a way that somebody asked for; and days later nothing is left.
 *
 * A failure prints its seed, its path and its steps, as few as still fail: `SLUICE_SEED=… SLUICE_PATH=…` repeats it at
 * once. `SLUICE_MODEL=5000` makes more runs of each kind, another seed others.
 */
import fc from "fast-check";
import { Dice, seedIds } from "../support/dice.ts";
import { Model } from "./model.ts";
import { take } from "./take.ts";
import { bringToRest, judgeAtRest } from "./rest.ts";
import { type Step, steps } from "./steps.ts";

const numRuns = Number(Deno.env.get("SLUICE_MODEL") ?? 20);
const seed = Number(Deno.env.get("SLUICE_SEED") ?? 1);
const path = Deno.env.get("SLUICE_PATH");

for (const unshared of [false, true]) {
  for (const trouble of [false, true]) {
    const world = unshared ? "a process that has its store alone" : "processes that share a store";
    Deno.test(`the laws hold after each step: ${world}, ${trouble ? "in trouble" : "all is well"}`, async () => {
      const property = fc.asyncProperty(steps(trouble), async (steps: Step[]) => {
        using _ids = seedIds(new Dice(seed));
        const model = new Model({ unshared, trouble });
        await model.begin();
        for (const step of steps) await take(model, step);
        await bringToRest(model);
        await judgeAtRest(model);
      });
      await fc.assert(property, { numRuns, seed, ...(path && { path }) });
    });
  }
}
