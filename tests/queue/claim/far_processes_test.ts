/** Many processes far from their store leave each other's tasks alone for as long as a claim takes there. */
import assert from "node:assert/strict";
import { type Share, simulate } from "../../../bench/scaling/simulation.ts";

const sum = (shares: readonly Share[], of: keyof Share) =>
  shares.reduce((total, share) => total + share[of], 0);

Deno.test("sixteen workers 100 ms from the store take few tasks from each other, and none goes short", async () => {
  const { shares } = await simulate({ seed: 1, workers: 16, tasks: 20, rate: 20 });
  const [claims, lost] = [sum(shares, "claims"), sum(shares, "lostClaims")];
  assert(lost < claims / 5, `${lost} of ${claims} claims were lost`);
  const tasks = shares.map((share) => share.tasks);
  assert(Math.min(...tasks) >= 10 && Math.max(...tasks) <= 40, `${tasks}`);
});

Deno.test("near workers that take tasks that far ones leave do not all begin at the same task", async () => {
  const latency = (worker: number) => worker % 2 === 0 ? 10 : 100;
  const { shares } = await simulate({ seed: 1, workers: 32, tasks: 20, latency });
  const near = shares.filter((_, worker) => worker % 2 === 0);
  const [claims, lost] = [sum(near, "claims"), sum(near, "lostClaims")];
  assert(lost < claims * 0.3, `${lost} of ${claims} claims were lost`);
});
