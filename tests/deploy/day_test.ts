/**
 * Parts of a day on the simulated platform; `deno run -A tests/deploy/day.ts --seed 7` is a whole one. `SLUICE_SEED=7`
 * has other days.
 */
import assert from "node:assert/strict";
import { FAIR } from "./rules.ts";
import { simulate } from "./simulation.ts";
import type { Hour } from "./traffic.ts";

const SEED = Number(Deno.env.get("SLUICE_SEED") ?? 1);
const SILENT: Hour[] = ["silent"];
/** A busy hour, bursts, calm and silence, each a sixth as long. */
const HOURS = { hours: ["calm", "busy", "bursts", "silent"] as Hour[], hour: 600_000 };

Deno.test(`whatever the platform does, the laws hold (seed ${SEED})`, async () => {
  const { broken, accidents, lives } = await simulate({ seed: SEED, ...HOURS });
  assert.deepEqual(broken, []);
  assert(accidents.failed > 0 && lives.started > 20, "Nothing has happened");
});

Deno.test(`without accidents promises of time are kept, and every minute has its task (seed ${SEED})`, async () => {
  const { broken, late, occurrences, lives } = await simulate({ seed: SEED, ...HOURS, rules: FAIR });
  assert.deepEqual([...broken, ...late], []);
  const minutes = HOURS.hours.length * HOURS.hour / 60_000;
  assert.deepEqual(occurrences, {
    "app.tasks.scheduled_task submitted": minutes,
    "minutely submitted": minutes,
  });
  assert.equal(lives.killed, 0, "An instance did not stop within 5 s");
});

Deno.test("a cron that comes late misses no minute", async () => {
  const rules = { ...FAIR, cronLate: 50_000 };
  const { broken, occurrences } = await simulate({ seed: SEED, hours: SILENT, hour: 1_800_000, rules });
  assert.deepEqual(broken, []);
  assert.deepEqual(occurrences, { "app.tasks.scheduled_task submitted": 30, "minutely submitted": 30 });
});

Deno.test("a minute without a cron run is told as missed, or caught up with where the schedule says so", async () => {
  const rules = { ...FAIR, cronMissed: 0.3 };
  const { broken, occurrences } = await simulate({ seed: SEED, hours: SILENT, hour: 1_800_000, rules });
  assert.deepEqual(broken, []);
  assert(occurrences["app.tasks.scheduled_task missed"]! > 0);
  assert(occurrences["minutely submitted"]! > 20);
});
