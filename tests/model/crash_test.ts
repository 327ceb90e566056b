/**
 * Simulated crash runs, a few of them. `SLUICE_CRASHES=10000` makes more, `SLUICE_SEED=…` others; a broken law names the
 * seed of its run, to be repeated by `SLUICE_CRASHES=1 SLUICE_SEED=…`, or by `crash_runs.ts`.
 */
import assert from "node:assert/strict";
import { simulateCrashes } from "./crash_runs.ts";

const runs = Number(Deno.env.get("SLUICE_CRASHES") ?? 100);
const seed = Number(Deno.env.get("SLUICE_SEED") ?? 1);

Deno.test("every accepted task ends once, whatever is killed, suspended, lost or repeated", async () => {
  const found = await simulateCrashes({ runs, seed });
  assert.deepEqual(found.broken, []);
  assert.equal(found.final, found.accepted);
  assert.deepEqual([found.settledTwice, found.stuck], [0, 0]);
  if (runs < 100) return;
  for (const [fault, count] of Object.entries(found.injected)) assert(count > 0, `No call was ${fault}`);
  assert(found.kills > runs && found.suspensions > 0 && found.jumps > 0 && found.accepted > runs);
});

Deno.test("a seed is one run, whenever it is made", async () => {
  const first = await simulateCrashes({ runs: 3, seed });
  assert.deepEqual(await simulateCrashes({ runs: 3, seed }), first);
});
