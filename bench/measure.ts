/**
 * Measures one variant of a scenario once, as a process of its own: nothing that was measured before has warmed its code
 * or filled its heap. Prints one line of JSON, the figures.
 *
 * ```text
 * measure.ts e2e 'engine, 64 submits' 42
 * ```
 *
 * @module
 */
import { join } from "node:path";
import { leaveOnSignal } from "./signals.ts";
import type { Figures } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { Workplace } from "./workplace.ts";

/** What to measure. */
interface MeasureOptions {
  readonly scenario: string;
  readonly variant: string;
  readonly seed: number;
}

/** Runs the file of that name in a tree of the repository as a process, and returns what it prints. */
export async function measureIn(
  tree: string,
  { scenario, variant, seed }: MeasureOptions,
  signal: AbortSignal,
): Promise<Figures> {
  const { success, stdout, stderr } = await new Deno.Command("deno", {
    args: ["run", "-q", "-P=bench", join(tree, "bench/measure.ts"), scenario, variant, String(seed)],
    cwd: tree,
    env: { NO_COLOR: "1" },
    signal,
  }).output();
  if (!success) throw new Error(`${variant} in ${tree}: ${new TextDecoder().decode(stderr).trim()}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

if (import.meta.main) {
  const [scenario, variant, seed] = Deno.args;
  const workplace = new Workplace();
  using _leaving = leaveOnSignal(workplace);
  const { variants } = (await SCENARIOS[scenario!]!())(workplace, Number(seed));
  const figures = await variants.find(({ name }) => name === variant)!.measure();
  workplace.remove();
  // deno-lint-ignore no-console -- its output
  console.log(JSON.stringify(figures));
}
