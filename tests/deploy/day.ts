/**
 * A whole day on the platform: `deno run -A tests/deploy/day.ts --seed 7`. Prints its figures as JSON; exit code 1 when
 * anything was broken.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { DEPLOY, FAIR } from "./rules.ts";
import { simulate } from "./simulation.ts";
import { DAY, type Hour } from "./traffic.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    hours: { type: "string" },
    fair: { type: "boolean", default: false },
  },
});
const began = performance.now();
const { broken, late, ...figures } = await simulate({
  seed: Number(values.seed),
  hours: values.hours ? values.hours.split(",") as Hour[] : DAY,
  rules: values.fair ? FAIR : DEPLOY,
});
const took = Math.round(performance.now() - began) / 1000;
// deno-lint-ignore no-console -- a program's output
console.log(JSON.stringify({ seed: Number(values.seed), took, ...figures, late, broken }, null, 2));
if (broken.length > 0) Deno.exit(1);
